// Elementwise sum of two tensors whose scales are aligned by whole factors, requantized. A pixel has FOLDS tokens.
//
// Steps: every one reads both inputs and writes. LATENCY: 2 (products, sum) + that of fl_requantize.
module fl_add #(
    parameter int LANES = 1,
    parameter int FOLDS = 1,
    parameter int A_BITS = 8,
    parameter bit A_SIGNED = 0,
    parameter int B_BITS = 8,
    parameter bit B_SIGNED = 0,
    parameter bit signed [31:0] MULT_A = 1,
    parameter bit signed [31:0] MULT_B = 1,
    parameter int ACC_BITS = 16,  // signed, holds both products and their sum
    // The rule, as in fl_requantize.
    parameter int OUT_BITS = 8,
    parameter int WIDE_BITS = 24,
    parameter bit signed [63:0] LOW = 0,
    parameter bit signed [63:0] HIGH = 255,
    parameter bit signed [63:0] MULT = 1,
    parameter int MULT_BITS = 2,
    parameter int MULT_ROWS = 0,
    parameter     MULT_FILE = "mult.hex",
    parameter bit signed [63:0] ADD = 0,
    parameter int ADD_BITS = 2,
    parameter int ADD_ROWS = 0,
    parameter     ADD_FILE = "add.hex",
    parameter int SHIFT = 0,
    parameter int SHIFT_BITS = 6,
    parameter int SHIFT_ROWS = 0,
    parameter     SHIFT_FILE = "shift.hex",
    parameter int STEPS = 0,
    parameter int STEPS_ROWS = 0,
    parameter     STEPS_FILE = "steps.hex",
    parameter bit NEGATIVE = 0,
    parameter int NEGATIVE_ROWS = 0,
    parameter     NEGATIVE_FILE = "negative.hex"
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      a_valid,
    output logic                      a_ready,
    input  logic [LANES*A_BITS-1:0]   a_data,
    input  logic                      b_valid,
    output logic                      b_ready,
    input  logic [LANES*B_BITS-1:0]   b_data,
    input  logic                      y_room,
    output logic                      y_take,
    output logic                      y_valid,
    output logic [LANES*OUT_BITS-1:0] y_data
);
  localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
  localparam bit PLAIN = MULT_ROWS == 0 && ADD_ROWS == 0 && SHIFT_ROWS == 0 && MULT == 1;
  localparam int RULE = STEPS > 0 ? 4 + $clog2(STEPS) : PLAIN ? 3 : 6;

  wire step = a_valid & b_valid & y_room;
  assign a_ready = step;
  assign b_ready = step;
  assign y_take  = step;

  logic [FOLD_BITS-1:0] fold;
  always_ff @(posedge clk) begin
    if (rst) fold <= '0;
    else if (step) fold <= int'(fold) == FOLDS - 1 ? '0 : fold + 1'b1;
  end

  logic [LANES*ACC_BITS-1:0] acc;
  logic [FOLD_BITS-1:0] rule_fold;
  fl_delay #(.BITS(FOLD_BITS), .CYCLES(2)) fold_delay (.clk, .rst, .x(fold), .y(rule_fold));
  for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
    wire [A_BITS-1:0] a = a_data[lane*A_BITS+:A_BITS];
    wire [B_BITS-1:0] b = b_data[lane*B_BITS+:B_BITS];
    wire signed [A_BITS:0] wide_a = {A_SIGNED & a[A_BITS-1], a};
    wire signed [B_BITS:0] wide_b = {B_SIGNED & b[B_BITS-1], b};
    logic signed [ACC_BITS-1:0] product_a, product_b, sum;
    always_ff @(posedge clk) begin
      product_a <= ACC_BITS'(wide_a) * ACC_BITS'(MULT_A);
      product_b <= ACC_BITS'(wide_b) * ACC_BITS'(MULT_B);
      sum       <= product_a + product_b;
    end
    assign acc[lane*ACC_BITS+:ACC_BITS] = sum;
  end
  fl_requantize #(
      .LANES(LANES), .FOLDS(FOLDS), .ACC_BITS(ACC_BITS), .OUT_BITS(OUT_BITS), .WIDE_BITS(WIDE_BITS), .LOW(LOW), .HIGH(HIGH),
      .MULT(MULT), .MULT_BITS(MULT_BITS), .MULT_ROWS(MULT_ROWS), .MULT_FILE(MULT_FILE),
      .ADD(ADD), .ADD_BITS(ADD_BITS), .ADD_ROWS(ADD_ROWS), .ADD_FILE(ADD_FILE),
      .SHIFT(SHIFT), .SHIFT_BITS(SHIFT_BITS), .SHIFT_ROWS(SHIFT_ROWS), .SHIFT_FILE(SHIFT_FILE),
      .STEPS(STEPS), .STEPS_ROWS(STEPS_ROWS), .STEPS_FILE(STEPS_FILE),
      .NEGATIVE(NEGATIVE), .NEGATIVE_ROWS(NEGATIVE_ROWS), .NEGATIVE_FILE(NEGATIVE_FILE)
  ) requantize (
      .clk, .acc, .fold(rule_fold), .y(y_data)
  );
  fl_delay #(.BITS(1), .CYCLES(2 + RULE), .RESET(1)) written (.clk, .rst, .x(y_take), .y(y_valid));
endmodule
