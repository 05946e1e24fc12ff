// A concatenation of channels: each pixel takes FOLDS[i] tokens from input i, one input after the other. Latency 0.
//
// Steps: every one reads one input and writes. FOLDS has 32 bits for each input, input 0 in the low ones.
module fl_concat #(
    parameter int BITS = 8,
    parameter int INPUTS = 2,
    parameter bit [32*INPUTS-1:0] FOLDS = {32'd1, 32'd1}
) (
    input  logic                   clk,
    input  logic                   rst,
    input  logic [INPUTS-1:0]      x_valid,
    output logic [INPUTS-1:0]      x_ready,
    input  logic [INPUTS*BITS-1:0] x_data,
    input  logic                   y_room,
    output logic                   y_take,
    output logic                   y_valid,
    output logic [BITS-1:0]        y_data
);
  logic [INPUTS-1:0] turn;  // one-hot: the input that is read
  logic [31:0] count;
  logic [31:0] folds;  // of that input
  wire step = y_room & (|(turn & x_valid));

  assign x_ready = step ? turn : '0;
  assign y_take  = step;
  assign y_valid = step;

  always_comb begin
    y_data = '0;
    folds  = '0;
    for (int i = 0; i < INPUTS; i++) begin
      if (turn[i]) begin
        y_data = y_data | x_data[i*BITS+:BITS];
        folds  = folds | FOLDS[32*i+:32];
      end
    end
  end

  always_ff @(posedge clk) begin
    if (rst) begin
      turn  <= INPUTS'(1);
      count <= '0;
    end else if (step) begin
      count <= count == folds - 1 ? '0 : count + 1;
      if (count == folds - 1) turn <= {turn[INPUTS-2:0], turn[INPUTS-1]};
    end
  end
endmodule
