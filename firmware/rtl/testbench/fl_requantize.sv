// A model of rtl/fl_requantize.sv for fast simulation: the same outputs in the same cycles. When the tables are read, the whole
// rule is computed at once, in words of the machine, and the output waits for its cycle.
module fl_requantize #(
    parameter int LANES = 1,
    parameter int FOLDS = 1,
    parameter int ACC_BITS = 16,  // signed
    parameter int OUT_BITS = 8,
    parameter int WIDE_BITS = 24,  // signed
    parameter bit signed [63:0] LOW = 0,
    parameter bit signed [63:0] HIGH = 255,
    parameter bit signed [63:0] MULT = 1,
    parameter int MULT_BITS = 2,  // signed
    parameter int MULT_ROWS = 0,
    parameter     MULT_FILE = "mult.hex",
    parameter bit signed [63:0] ADD = 0,
    parameter int ADD_BITS = 2,  // signed
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
    input  logic                                       clk,
    input  logic [LANES*ACC_BITS-1:0]                  acc,
    input  logic [(FOLDS > 1 ? $clog2(FOLDS) : 1)-1:0] fold,
    output logic [LANES*OUT_BITS-1:0]                  y
);
  localparam bit HAS_TABLES = MULT_ROWS > 0 || ADD_ROWS > 0 || SHIFT_ROWS > 0 || MULT != 1;
  localparam int LATENCY = STEPS > 0 ? 4 + $clog2(STEPS) : HAS_TABLES ? 6 : 3;
  localparam int WORD = WIDE_BITS > 64 ? WIDE_BITS : WIDE_BITS > 32 ? 64 : 32;

  logic [LANES*OUT_BITS-1:0] now;
  fl_delay #(.BITS(LANES * OUT_BITS), .CYCLES(LATENCY - 1)) delay (.clk, .rst(1'b0), .x(now), .y);
  logic [LANES*ACC_BITS-1:0] acc_kept;
  always_ff @(posedge clk) acc_kept <= acc;

  generate
    if (STEPS > 0) begin : g_thresholds
      localparam int ROW = STEPS_ROWS > 0 ? LANES * STEPS : STEPS;
      logic [ROW*WIDE_BITS-1:0] steps;
      logic [LANES-1:0] negative;
      if (STEPS_ROWS > 0) begin : g_steps
        fl_table #(.BITS(ROW * WIDE_BITS), .ROWS(STEPS_ROWS), .FILE(STEPS_FILE)) table_ (.clk, .address(fold), .row(steps));
      end else begin : g_shared
        fl_table #(.BITS(ROW * WIDE_BITS), .ROWS(1), .FILE(STEPS_FILE)) table_ (.clk, .address(1'b0), .row(steps));
      end
      if (NEGATIVE_ROWS > 0) begin : g_negative
        fl_table #(.BITS(LANES), .ROWS(NEGATIVE_ROWS), .FILE(NEGATIVE_FILE)) table_ (.clk, .address(fold), .row(negative));
      end else begin : g_sign
        assign negative = {LANES{NEGATIVE}};
      end
      for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
        localparam int OFFSET = STEPS_ROWS > 0 ? lane * STEPS : 0;
        wire signed [WORD-1:0] plain = WORD'($signed(acc_kept[lane*ACC_BITS+:ACC_BITS]));
        wire signed [WORD-1:0] value = negative[lane] ? -plain : plain;
        logic [OUT_BITS-1:0] result;
        always_comb begin
          result = OUT_BITS'(LOW);
          for (int i = 0; i < STEPS; i++)
            result = result + OUT_BITS'(WORD'($signed(steps[(OFFSET+i)*WIDE_BITS+:WIDE_BITS])) <= value);
        end
        assign now[lane*OUT_BITS+:OUT_BITS] = result;
      end
    end else begin : g_scale
      logic [LANES*MULT_BITS-1:0] mults;
      logic [LANES*ADD_BITS-1:0] adds;
      logic [LANES*SHIFT_BITS-1:0] shifts;
      if (MULT_ROWS > 0) begin : g_mult
        fl_table #(.BITS(LANES * MULT_BITS), .ROWS(MULT_ROWS), .FILE(MULT_FILE)) table_ (.clk, .address(fold), .row(mults));
      end else begin : g_one_mult
        assign mults = {LANES{MULT[MULT_BITS-1:0]}};
      end
      if (ADD_ROWS > 0) begin : g_add
        fl_table #(.BITS(LANES * ADD_BITS), .ROWS(ADD_ROWS), .FILE(ADD_FILE)) table_ (.clk, .address(fold), .row(adds));
      end else begin : g_one_add
        assign adds = {LANES{ADD[ADD_BITS-1:0]}};
      end
      if (SHIFT_ROWS > 0) begin : g_shift
        fl_table #(.BITS(LANES * SHIFT_BITS), .ROWS(SHIFT_ROWS), .FILE(SHIFT_FILE)) table_ (.clk, .address(fold), .row(shifts));
      end else begin : g_one_shift
        assign shifts = '0;
      end
      for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
        wire [5:0] shift = 6'(SHIFT) + 6'(shifts[lane*SHIFT_BITS+:SHIFT_BITS]);
        wire signed [WORD-1:0] sum = WORD'($signed(acc_kept[lane*ACC_BITS+:ACC_BITS]));
        wire signed [WORD-1:0] mult = WORD'($signed(mults[lane*MULT_BITS+:MULT_BITS]));
        wire signed [WORD-1:0] value = sum * mult + WORD'($signed(adds[lane*ADD_BITS+:ADD_BITS]));
        wire signed [WORD-1:0] below_half = ((WORD'(1) << shift) >> 1) - WORD'(1);
        wire odd = 1'(value >> shift);
        wire signed [WORD-1:0] rounded = shift == '0 ? value : value + below_half + WORD'({1'b0, odd});
        wire signed [WORD-1:0] shifted = rounded >>> shift;
        wire signed [WORD-1:0] bounded = shifted < WORD'(LOW) ? WORD'(LOW)
                                       : shifted > WORD'(HIGH) ? WORD'(HIGH) : shifted;
        assign now[lane*OUT_BITS+:OUT_BITS] = bounded[OUT_BITS-1:0];
      end
    end
  endgenerate
endmodule
