// Matrix-vector unit: windows to output pixels. Every step multiplies the TERMS = SIMD * ROWS values of a window's token
// with the weights of PE outputs.
//
// Steps: for every pixel, for every group, for each of GROUP_FOLDS folds of its outputs, for each of WINDOW tokens. The
// first fold of a group reads the window, which is kept for the others; the last step of every fold writes a token of PE
// outputs. A row of the ROM is one step: lane p * TERMS + s is the weight of output p and term s.
//
// LATENCY = 4 (ROM) + that of fl_dot + 1 (accumulator) + that of fl_requantize.
//
//   t        step, ROM address      t + 4 + multiply           products
//   t + 4    weights, x             t + 4 + multiply + tree    their sum, then the accumulator, then the requantizer
module fl_mvu #(
    parameter int PE = 1,
    parameter int TERMS = 1,
    parameter int WINDOW = 1,
    parameter int GROUPS = 1,
    parameter int GROUP_FOLDS = 1,
    parameter int X_BITS = 8,
    parameter bit X_SIGNED = 0,
    parameter int W_BITS = 8,
    parameter bit W_SIGNED = 1,
    parameter int PRODUCT_BITS = X_BITS + W_BITS,  // signed, holds every product
    parameter int ACC_BITS = 24,  // signed, holds every partial sum
    parameter bit DSP = 1,  // products in multipliers, or as sums in LUTs
    parameter bit WINDOW_BLOCK = 0,  // the kept window is in block RAM
    parameter bit ROM_BLOCK = 1,  // the weights are
    parameter int BANK_ROWS = 512,
    parameter bit LOADED = 0,
    parameter     ROM_FILE = "rom",
    parameter     BIAS_FILE = "bias.hex",  // GROUPS * GROUP_FOLDS rows of PE integers of ACC_BITS
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
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    x_valid,
    output logic                    x_ready,
    input  logic [TERMS*X_BITS-1:0] x_data,
    input  logic                    y_room,
    output logic                    y_take,
    output logic                    y_valid,
    output logic [PE*OUT_BITS-1:0]  y_data,
    // Weights that arrive before the first image (LOADED = 1).
    input  logic                    load_valid,
    output logic                    load_ready,
    input  logic [63:0]             load_data
);
  localparam int FOLDS = GROUPS * GROUP_FOLDS;
  localparam int ROM_ROWS = FOLDS * WINDOW;
  localparam int ROW_BITS = ROM_ROWS > 1 ? $clog2(ROM_ROWS) : 1;
  localparam int FOLD_BITS = FOLDS > 1 ? $clog2(FOLDS) : 1;
  localparam int WINDOW_ADDRESS = WINDOW > 1 ? $clog2(WINDOW) : 1;
  localparam int MULTIPLY = DSP || X_BITS == 1 ? 1 : $clog2(X_BITS);
  localparam int SUM = 4 + MULTIPLY + $clog2(TERMS);  // cycles from a step to its sum
  localparam bit PLAIN = MULT_ROWS == 0 && ADD_ROWS == 0 && SHIFT_ROWS == 0 && MULT == 1;
  localparam int RULE = STEPS > 0 ? 4 + $clog2(STEPS) : PLAIN ? 3 : 6;

  // Where the loops are. The flags are registers.
  logic [ROW_BITS-1:0] row;
  logic [FOLD_BITS-1:0] fold;
  logic [31:0] group_fold;
  logic [WINDOW_ADDRESS-1:0] place;
  logic is_reading, is_first, is_last, is_loaded;
  wire step = is_loaded & (~is_reading | x_valid) & (~is_last | y_room);
  assign x_ready = step & is_reading;
  assign y_take  = step & is_last;

  wire is_last_row = int'(row) == ROM_ROWS - 1;
  wire is_group_end = group_fold == 32'(GROUP_FOLDS - 1);
  always_ff @(posedge clk) begin
    if (rst) begin
      row        <= '0;
      fold       <= '0;
      group_fold <= '0;
      place      <= '0;
      is_reading <= 1'b1;
      is_first   <= 1'b1;
      is_last    <= WINDOW == 1;
    end else if (step) begin
      row      <= is_last_row ? '0 : row + 1'b1;
      place    <= is_last ? '0 : place + 1'b1;
      is_first <= is_last;
      is_last  <= WINDOW == 1 || int'(place) == WINDOW - 2;
      if (is_last) begin
        fold       <= int'(fold) == FOLDS - 1 ? '0 : fold + 1'b1;
        group_fold <= is_group_end ? '0 : group_fold + 1;
        is_reading <= is_group_end;
      end
    end
  end

  // The window's token, in the fourth cycle behind its step.
  logic [TERMS*X_BITS-1:0] x;
  generate
    if (GROUP_FOLDS == 1) begin : g_once
      fl_delay #(.BITS(TERMS * X_BITS), .CYCLES(4)) delay (.clk, .rst, .x(x_data), .y(x));
    end else begin : g_kept
      logic [TERMS*X_BITS-1:0] taken, read, kept;
      logic [WINDOW_ADDRESS-1:0] address;
      logic write, is_new;
      always_ff @(posedge clk) begin
        taken   <= x_data;
        address <= place;
        write   <= x_ready;
      end
      fl_memory #(.BITS(TERMS * X_BITS), .DEPTH(WINDOW), .BLOCK(WINDOW_BLOCK)) memory (
          .clk, .write, .write_address(address), .write_data(taken), .read_address(address), .read_data(kept)
      );
      fl_delay #(.BITS(TERMS * X_BITS), .CYCLES(2)) delay (.clk, .rst, .x(taken), .y(read));
      fl_delay #(.BITS(1), .CYCLES(3)) flag (.clk, .rst, .x(is_reading), .y(is_new));
      always_ff @(posedge clk) x <= is_new ? read : kept;
    end
  endgenerate

  logic [PE*TERMS*W_BITS-1:0] weights;
  fl_rom #(
      .BITS(PE * TERMS * W_BITS), .ROWS(ROM_ROWS), .BANK_ROWS(BANK_ROWS), .BLOCK(ROM_BLOCK), .LOADED(LOADED), .FILE(ROM_FILE)
  ) rom (
      .clk, .rst, .address(row), .row(weights), .ready(is_loaded), .load_valid, .load_ready, .load_data
  );

  // The same step where its sum meets the accumulators, and one cycle earlier, where the bias is read.
  logic add_step, add_first, rule_last, is_result;
  logic [FOLD_BITS-1:0] bias_fold, rule_fold;
  fl_delay #(.BITS(1), .CYCLES(SUM), .RESET(1)) step_delay (.clk, .rst, .x(step), .y(add_step));
  fl_delay #(.BITS(1), .CYCLES(SUM)) first_delay (.clk, .rst, .x(is_first), .y(add_first));
  fl_delay #(.BITS(FOLD_BITS), .CYCLES(SUM - 1)) fold_delay (.clk, .rst, .x(fold), .y(bias_fold));
  fl_delay #(.BITS(FOLD_BITS), .CYCLES(2)) rule_fold_delay (.clk, .rst, .x(bias_fold), .y(rule_fold));
  fl_delay #(.BITS(1), .CYCLES(SUM + 1), .RESET(1)) last_delay (.clk, .rst, .x(y_take), .y(rule_last));
  fl_delay #(.BITS(1), .CYCLES(RULE), .RESET(1)) result_delay (.clk, .rst, .x(rule_last), .y(is_result));

  logic [PE*ACC_BITS-1:0] bias, accumulators;
  fl_table #(.BITS(PE * ACC_BITS), .ROWS(FOLDS), .FILE(BIAS_FILE)) biases (.clk, .address(bias_fold), .row(bias));

  for (genvar p = 0; p < PE; p++) begin : g_pe
    logic signed [ACC_BITS-1:0] sum, accumulator;
    fl_dot #(
        .TERMS(TERMS), .X_BITS(X_BITS), .X_SIGNED(X_SIGNED), .W_BITS(W_BITS), .W_SIGNED(W_SIGNED),
        .PRODUCT_BITS(PRODUCT_BITS), .SUM_BITS(ACC_BITS), .DSP(DSP)
    ) dot (
        .clk, .x, .w(weights[p*TERMS*W_BITS+:TERMS*W_BITS]), .sum
    );
    always_ff @(posedge clk)
      if (add_step) accumulator <= (add_first ? $signed(bias[p*ACC_BITS+:ACC_BITS]) : accumulator) + sum;
    assign accumulators[p*ACC_BITS+:ACC_BITS] = accumulator;
  end

  fl_requantize #(
      .LANES(PE), .FOLDS(FOLDS), .ACC_BITS(ACC_BITS), .OUT_BITS(OUT_BITS), .WIDE_BITS(WIDE_BITS), .LOW(LOW), .HIGH(HIGH),
      .MULT(MULT), .MULT_BITS(MULT_BITS), .MULT_ROWS(MULT_ROWS), .MULT_FILE(MULT_FILE),
      .ADD(ADD), .ADD_BITS(ADD_BITS), .ADD_ROWS(ADD_ROWS), .ADD_FILE(ADD_FILE),
      .SHIFT(SHIFT), .SHIFT_BITS(SHIFT_BITS), .SHIFT_ROWS(SHIFT_ROWS), .SHIFT_FILE(SHIFT_FILE),
      .STEPS(STEPS), .STEPS_ROWS(STEPS_ROWS), .STEPS_FILE(STEPS_FILE),
      .NEGATIVE(NEGATIVE), .NEGATIVE_ROWS(NEGATIVE_ROWS), .NEGATIVE_FILE(NEGATIVE_FILE)
  ) requantize (
      .clk, .acc(accumulators), .fold(rule_fold), .y(y_data)
  );
  assign y_valid = is_result;
endmodule
