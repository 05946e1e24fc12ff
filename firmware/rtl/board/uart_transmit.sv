// Bytes to a serial line: 8 data bits, no parity, one stop bit, least significant bit first; the line rests at one.
module uart_transmit #(
    parameter CLOCKS_PER_BIT = 32
) (
    input        clk,
    input        rst,
    input        in_valid,
    output       in_ready,
    input  [7:0] in_data,
    output       line
);
    localparam COUNT = $clog2(CLOCKS_PER_BIT);

    reg [3:0] place;  // bits left to send; none at rest
    reg [COUNT-1:0] left;  // cycles left of this bit
    reg [9:0] bits;  // the bit on the line is the lowest

    assign in_ready = place == 0;
    assign line = bits[0];

    always @(posedge clk) begin
        if (rst) begin
            place <= 4'd0;
            bits <= '1;
        end else if (in_ready) begin
            left <= COUNT'(CLOCKS_PER_BIT - 1);
            if (in_valid) begin
                place <= 4'd10;
                bits <= {1'b1, in_data, 1'b0};
            end
        end else if (left == 0) begin
            place <= place - 4'd1;
            left <= COUNT'(CLOCKS_PER_BIT - 1);
            bits <= {1'b1, bits[9:1]};
        end else begin
            left <= left - COUNT'(1);
        end
    end
endmodule
