// A serial line in front of a network: bytes become words of its input stream, words of its output stream become bytes,
// low byte first. Behind the reset it writes START to the network's control register once, over AXI-Lite.
//
// A word waits in a register until the network takes it, for as long as the next word takes to arrive. A word that comes
// when the last is still there is lost, and `overflow` stays high: the line is too fast for the network.
module serial_bridge #(
    parameter CLOCKS_PER_BIT = 32,
    parameter IN_BYTES = 1,   // of a word of an image
    parameter OUT_BYTES = 4,  // of a word of a result
    parameter WORDS = 64,     // of an image; the last has TLAST
    parameter START = 8'h81   // ap_start and auto_restart
) (
    input                    clk,
    input                    rst,
    input                    rx,
    output                   tx,
    output                   overflow,
    output                   image_tvalid,
    input                    image_tready,
    output [8*IN_BYTES-1:0]  image_tdata,
    output                   image_tlast,
    input                    result_tvalid,
    output                   result_tready,
    input  [8*OUT_BYTES-1:0] result_tdata,
    output                   control_awvalid,
    input                    control_awready,
    output                   control_wvalid,
    input                    control_wready,
    output [31:0]            control_wdata
);
    localparam IN_COUNT = IN_BYTES > 1 ? $clog2(IN_BYTES) : 1;
    localparam OUT_COUNT = $clog2(OUT_BYTES + 1);
    localparam WORD_COUNT = WORDS > 1 ? $clog2(WORDS) : 1;

    // Images.
    wire received;
    wire [7:0] in_byte;
    uart_receive #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) receive (
        .clk(clk), .rst(rst), .line(rx), .valid(received), .data(in_byte)
    );

    reg [8*IN_BYTES-1:0] gathered, word;
    reg [IN_COUNT-1:0] in_place;
    reg [WORD_COUNT-1:0] word_place;
    reg full, lost, last;
    localparam IN_BITS = 8 * IN_BYTES;
    wire [IN_BITS-1:0] shifted = (gathered >> 8) | (IN_BITS'(in_byte) << (IN_BITS - 8));
    wire complete = received && in_place == IN_COUNT'(IN_BYTES - 1);

    always @(posedge clk) begin
        if (received) gathered <= shifted;
        if (complete) begin
            word <= shifted;
            last <= word_place == WORD_COUNT'(WORDS - 1);
        end
        if (rst) begin
            in_place <= '0;
            word_place <= '0;
            full <= 1'b0;
            lost <= 1'b0;
        end else begin
            if (received) in_place <= complete ? '0 : in_place + IN_COUNT'(1);
            if (complete) word_place <= word_place == WORD_COUNT'(WORDS - 1) ? '0 : word_place + WORD_COUNT'(1);
            full <= complete || (full && !image_tready);
            lost <= lost || (complete && full && !image_tready);
        end
    end

    assign image_tvalid = full;
    assign image_tdata = word;
    assign image_tlast = last;
    assign overflow = lost;

    // Results.
    reg [8*OUT_BYTES-1:0] sent;
    reg [OUT_COUNT-1:0] out_left;  // bytes of `sent` that are still to go
    wire free;

    assign result_tready = out_left == 0;
    uart_transmit #(.CLOCKS_PER_BIT(CLOCKS_PER_BIT)) transmit (
        .clk(clk), .rst(rst), .in_valid(out_left != 0), .in_ready(free), .in_data(sent[7:0]), .line(tx)
    );

    always @(posedge clk) begin
        if (result_tready) sent <= result_tdata;
        else if (free) sent <= sent >> 8;
        if (rst) out_left <= '0;
        else if (result_tready) out_left <= result_tvalid ? OUT_COUNT'(OUT_BYTES) : '0;
        else if (free) out_left <= out_left - OUT_COUNT'(1);
    end

    // Control.
    reg address_left, data_left;

    always @(posedge clk) begin
        address_left <= rst || (address_left && !control_awready);
        data_left <= rst || (data_left && !control_wready);
    end

    assign control_awvalid = address_left && !rst;
    assign control_wvalid = data_left && !rst;
    assign control_wdata = {24'd0, 8'(START)};
endmodule
