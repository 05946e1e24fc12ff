// RATIO tokens become one, the first in the low bits. Latency 0: the last one does not wait in a register.
//
// Steps: every one reads, every RATIO-th writes.
module fl_widen #(
    parameter int BITS = 8,  // of a token that is read
    parameter int RATIO = 2
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  x_valid,
    output logic                  x_ready,
    input  logic [BITS-1:0]       x_data,
    input  logic                  y_room,
    output logic                  y_take,
    output logic                  y_valid,
    output logic [RATIO*BITS-1:0] y_data
);
  localparam int HELD = (RATIO - 1) * BITS;
  localparam int COUNT = $clog2(RATIO);

  logic [HELD-1:0] held;
  logic [COUNT-1:0] count;
  logic is_last;
  wire step = x_valid & (~is_last | y_room);

  assign x_ready = step;
  assign y_take  = step & is_last;
  assign y_valid = y_take;
  assign y_data  = {x_data, held};

  always_ff @(posedge clk) begin
    if (step) held <= HELD'({x_data, held} >> BITS);
    if (rst) begin
      count   <= '0;
      is_last <= 1'b0;
    end else if (step) begin
      count   <= is_last ? '0 : count + 1'b1;
      is_last <= int'(count) == RATIO - 2;
    end
  end
endmodule
