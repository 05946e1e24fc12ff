// One token becomes RATIO, the low bits first. Latency 0: the first part does not wait in a register.
//
// Steps: every one writes; the first of RATIO reads, and the rest of its token is kept.
module fl_narrow #(
    parameter int BITS = 8,  // of a token that is written
    parameter int RATIO = 2
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  x_valid,
    output logic                  x_ready,
    input  logic [RATIO*BITS-1:0] x_data,
    input  logic                  y_room,
    output logic                  y_take,
    output logic                  y_valid,
    output logic [BITS-1:0]       y_data
);
  localparam int REST = (RATIO - 1) * BITS;
  localparam int COUNT = $clog2(RATIO);

  logic [REST-1:0] rest;
  logic [COUNT-1:0] count;
  logic is_first;
  wire [RATIO*BITS-1:0] held = is_first ? x_data : {{BITS{1'b0}}, rest};
  wire step = y_room & (~is_first | x_valid);

  assign x_ready = step & is_first;
  assign y_take  = step;
  assign y_valid = step;
  assign y_data  = held[BITS-1:0];

  always_ff @(posedge clk) begin
    if (step) rest <= held[RATIO*BITS-1:BITS];
    if (rst) begin
      count    <= '0;
      is_first <= 1'b1;
    end else if (step) begin
      count    <= int'(count) == RATIO - 1 ? '0 : count + 1'b1;
      is_first <= int'(count) == RATIO - 1;
    end
  end
endmodule
