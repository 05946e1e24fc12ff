// An elementwise requantization: raw pixels to network input, or one scale to another. A pixel has FOLDS tokens.
//
// Steps: every one reads and writes. LATENCY: that of fl_requantize.
module fl_rescale #(
    parameter int LANES = 1,
    parameter int FOLDS = 1,
    parameter int BITS = 8,
    parameter bit SIGNED = 0,
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
    input  logic                      x_valid,
    output logic                      x_ready,
    input  logic [LANES*BITS-1:0]     x_data,
    input  logic                      y_room,
    output logic                      y_take,
    output logic                      y_valid,
    output logic [LANES*OUT_BITS-1:0] y_data
);
  localparam int ACC_BITS = BITS + 1;
  localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
  localparam bit PLAIN = MULT_ROWS == 0 && ADD_ROWS == 0 && SHIFT_ROWS == 0 && MULT == 1;
  localparam int RULE = STEPS > 0 ? 4 + $clog2(STEPS) : PLAIN ? 3 : 6;

  wire step = x_valid & y_room;
  assign x_ready = step;
  assign y_take  = step;

  logic [FOLD_BITS-1:0] fold;
  always_ff @(posedge clk) begin
    if (rst) fold <= '0;
    else if (step) fold <= int'(fold) == FOLDS - 1 ? '0 : fold + 1'b1;
  end

  logic [LANES*ACC_BITS-1:0] acc;
  for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
    wire [BITS-1:0] value = x_data[lane*BITS+:BITS];
    assign acc[lane*ACC_BITS+:ACC_BITS] = {SIGNED & value[BITS-1], value};
  end
  fl_requantize #(
      .LANES(LANES), .FOLDS(FOLDS), .ACC_BITS(ACC_BITS), .OUT_BITS(OUT_BITS), .WIDE_BITS(WIDE_BITS), .LOW(LOW), .HIGH(HIGH),
      .MULT(MULT), .MULT_BITS(MULT_BITS), .MULT_ROWS(MULT_ROWS), .MULT_FILE(MULT_FILE),
      .ADD(ADD), .ADD_BITS(ADD_BITS), .ADD_ROWS(ADD_ROWS), .ADD_FILE(ADD_FILE),
      .SHIFT(SHIFT), .SHIFT_BITS(SHIFT_BITS), .SHIFT_ROWS(SHIFT_ROWS), .SHIFT_FILE(SHIFT_FILE),
      .STEPS(STEPS), .STEPS_ROWS(STEPS_ROWS), .STEPS_FILE(STEPS_FILE),
      .NEGATIVE(NEGATIVE), .NEGATIVE_ROWS(NEGATIVE_ROWS), .NEGATIVE_FILE(NEGATIVE_FILE)
  ) requantize (
      .clk, .acc, .fold, .y(y_data)
  );
  fl_delay #(.BITS(1), .CYCLES(RULE), .RESET(1)) written (.clk, .rst, .x(y_take), .y(y_valid));
endmodule
