// Accumulators to outputs, LANES at a time; `fold` counts tokens within a pixel. A rule is one of two:
//
// scale (STEPS = 0): clamp(round((acc * mult + add) / 2^shift), LOW, HIGH), rounding half to even. Each of mult and add is
//   a constant for all channels (ROWS 0), or a table of that many rows: LANES integers of its BITS in a row, lane 0 in the
//   low bits. The shift is SHIFT, and where it has a table, an unsigned integer of that more: a barrel shifter costs by
//   the bits that vary. WIDE_BITS holds every intermediate value.
// thresholds (STEPS > 0): LOW plus the number of steps that sign * acc reaches. STEPS_FILE has STEPS_ROWS rows: of LANES
//   times STEPS integers of WIDE_BITS, or, where STEPS_ROWS is 0, one row of STEPS integers for all channels.
//   NEGATIVE is the sign of all, or with NEGATIVE_ROWS a table of one bit a lane.
//
// LATENCY of a scale with MULT 1 and no tables: 3 (add, round, shift and clamp). Of another scale: 6 (tables, multiply,
// add, round, shift, clamp). Of thresholds: 4 + ceil(log2 STEPS) (table, sign, compare, count, LOW).
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

  generate
    if (STEPS > 0) begin : g_thresholds
      localparam int ROW = STEPS_ROWS > 0 ? LANES * STEPS : STEPS;
      logic [ROW*WIDE_BITS-1:0] steps, steps_kept;
      logic [LANES-1:0] negative;
      logic [LANES*ACC_BITS-1:0] acc_kept;
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
      always_ff @(posedge clk) begin
        acc_kept   <= acc;
        steps_kept <= steps;
      end
      for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
        localparam int OFFSET = STEPS_ROWS > 0 ? lane * STEPS : 0;
        localparam int COUNT_BITS = $clog2(STEPS + 1) + 1;
        wire signed [WIDE_BITS-1:0] plain = WIDE_BITS'($signed(acc_kept[lane*ACC_BITS+:ACC_BITS]));
        logic signed [WIDE_BITS-1:0] value;
        logic [2*STEPS-1:0] reached;  // two bits each: a signed 0 or 1
        wire signed [COUNT_BITS-1:0] count;
        logic [OUT_BITS-1:0] result;
        always_ff @(posedge clk) begin
          value <= negative[lane] ? -plain : plain;
          for (int i = 0; i < STEPS; i++)
            reached[2*i+:2] <= {1'b0, $signed(steps_kept[(OFFSET+i)*WIDE_BITS+:WIDE_BITS]) <= value};
          result <= OUT_BITS'(LOW) + OUT_BITS'(count);
        end
        fl_adder_tree #(.TERMS(STEPS), .BITS(2), .SUM_BITS(COUNT_BITS)) tree (.clk, .terms(reached), .sum(count));
        assign y[lane*OUT_BITS+:OUT_BITS] = result;
      end
    end else begin : g_scale
      logic [LANES*MULT_BITS-1:0] mult;
      logic [LANES*ADD_BITS-1:0] add, add_kept;
      logic [LANES*SHIFT_BITS-1:0] shift, shift_kept, shift_round;
      logic [LANES*ACC_BITS-1:0] acc_kept;
      if (MULT_ROWS > 0) begin : g_mult
        fl_table #(.BITS(LANES * MULT_BITS), .ROWS(MULT_ROWS), .FILE(MULT_FILE)) table_ (.clk, .address(fold), .row(mult));
      end else begin : g_one_mult
        assign mult = {LANES{MULT[MULT_BITS-1:0]}};
      end
      if (ADD_ROWS > 0) begin : g_add
        logic [LANES*ADD_BITS-1:0] row;
        fl_table #(.BITS(LANES * ADD_BITS), .ROWS(ADD_ROWS), .FILE(ADD_FILE)) table_ (.clk, .address(fold), .row);
        always_ff @(posedge clk) add <= row;
      end else begin : g_one_add
        assign add = {LANES{ADD[ADD_BITS-1:0]}};
      end
      assign add_kept = add;
      if (SHIFT_ROWS > 0) begin : g_shift
        logic [LANES*SHIFT_BITS-1:0] row;
        fl_table #(.BITS(LANES * SHIFT_BITS), .ROWS(SHIFT_ROWS), .FILE(SHIFT_FILE)) table_ (.clk, .address(fold), .row);
        always_ff @(posedge clk) begin
          shift       <= row;
          shift_kept  <= shift;
          shift_round <= shift_kept;
        end
      end else begin : g_one_shift
        assign shift = '0;
        assign shift_kept = '0;
        assign shift_round = '0;
      end
      always_ff @(posedge clk) acc_kept <= acc;

      for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
        logic signed [WIDE_BITS-1:0] product, value, rounded, shifted;
        logic [OUT_BITS-1:0] result;
        wire [SHIFT_BITS-1:0] at_round = shift_kept[lane*SHIFT_BITS+:SHIFT_BITS];
        wire [SHIFT_BITS-1:0] at_shift = shift_round[lane*SHIFT_BITS+:SHIFT_BITS];
        // What is added before the shift: just below a half, and one more where the result would be odd.
        wire [WIDE_BITS-1:0] lost = ~({WIDE_BITS{1'b1}} << SHIFT << at_round);
        wire signed [WIDE_BITS-1:0] below_half = $signed(lost >> 1);
        wire odd = 1'(value >> SHIFT >> at_round);
        wire signed [WIDE_BITS-1:0] bounded = shifted < WIDE_BITS'(LOW) ? WIDE_BITS'(LOW)
                                            : shifted > WIDE_BITS'(HIGH) ? WIDE_BITS'(HIGH) : shifted;
        if (HAS_TABLES) begin : g_product
          wire signed [ACC_BITS-1:0] a = acc_kept[lane*ACC_BITS+:ACC_BITS];
          wire signed [MULT_BITS-1:0] m = mult[lane*MULT_BITS+:MULT_BITS];
          always_ff @(posedge clk) begin
            product <= WIDE_BITS'(a) * WIDE_BITS'(m);
            shifted <= rounded >>> SHIFT >>> at_shift;
          end
        end else begin : g_plain
          assign product = WIDE_BITS'($signed(acc[lane*ACC_BITS+:ACC_BITS]));
          assign shifted = rounded >>> SHIFT >>> at_shift;
        end
        always_ff @(posedge clk) begin
          value   <= product + WIDE_BITS'($signed(add_kept[lane*ADD_BITS+:ADD_BITS]));
          rounded <= SHIFT == 0 && at_round == '0 ? value : value + below_half + WIDE_BITS'({1'b0, odd});
          result  <= bounded[OUT_BITS-1:0];
        end
        assign y[lane*OUT_BITS+:OUT_BITS] = result;
      end
    end
  endgenerate
endmodule
