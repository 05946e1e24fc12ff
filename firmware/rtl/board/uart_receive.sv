// Bytes from a serial line: 8 data bits, no parity, one stop bit, least significant bit first.
//
// A start bit is looked at again in its middle, and so is every bit behind it. `valid` is high for one cycle, half a bit
// into the stop bit; a byte whose stop bit is low is dropped.
module uart_receive #(
    parameter CLOCKS_PER_BIT = 32
) (
    input        clk,
    input        rst,
    input        line,
    output       valid,
    output [7:0] data
);
    localparam COUNT = $clog2(CLOCKS_PER_BIT);

    reg [2:0] settled;  // two registers against metastability, and the bit before
    reg busy;
    reg [COUNT-1:0] left;  // cycles to the middle of the next bit
    reg [3:0] place;  // 0: start bit, 1 to 8: data, 9: stop bit
    reg [7:0] bits;
    reg done;

    wire level = settled[1];
    wire sample = busy && left == 0;

    always @(posedge clk) begin
        settled <= {settled[1:0], line};
        done <= !rst && sample && place == 9 && level;
        if (sample && place != 0 && place != 9) bits <= {level, bits[7:1]};
        if (rst) begin
            busy <= 1'b0;
        end else if (!busy) begin
            busy <= settled[2] && !level;
            left <= COUNT'(CLOCKS_PER_BIT / 2 - 1);
            place <= 4'd0;
        end else if (sample) begin
            busy <= place != 9 && !(place == 0 && level);
            left <= COUNT'(CLOCKS_PER_BIT - 1);
            place <= place + 4'd1;
        end else begin
            left <= left - COUNT'(1);
        end
    end

    assign valid = done;
    assign data = bits;
endmodule
