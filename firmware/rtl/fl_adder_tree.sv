// The sum of TERMS signed values, term i times 2^(i * SHIFT); the last is subtracted with MINUS_LAST = 1. Pairs are added in a
// register, then pairs of those, each level as much wider as it needs: LATENCY ceil(log2 TERMS).
module fl_adder_tree #(
    parameter int TERMS = 4,
    parameter int BITS = 8,  // of a term
    parameter int SHIFT = 0,
    parameter bit MINUS_LAST = 0,  // of two terms or more
    parameter int SUM_BITS = 10  // holds every partial sum
) (
    input  logic                       clk,
    input  logic [TERMS*BITS-1:0]      terms,
    output logic signed [SUM_BITS-1:0] sum
);
  localparam int PAIRS = TERMS / 2;
  localparam int LEFT = TERMS - PAIRS;  // after this level
  localparam int WIDE = BITS + SHIFT + 1 < SUM_BITS ? BITS + SHIFT + 1 : SUM_BITS;
  generate
    if (TERMS == 1) begin : g_one
      assign sum = SUM_BITS'($signed(terms));
    end else begin : g_level
      logic [LEFT*WIDE-1:0] sums;
      for (genvar i = 0; i < PAIRS; i++) begin : g_pair
        wire signed [WIDE-1:0] low = WIDE'($signed(terms[2*i*BITS+:BITS]));
        wire signed [WIDE-1:0] high = WIDE'($signed(terms[(2*i+1)*BITS+:BITS])) <<< SHIFT;
        logic signed [WIDE-1:0] pair;
        if (MINUS_LAST && 2 * i + 2 == TERMS) begin : g_minus
          always_ff @(posedge clk) pair <= low - high;
        end else begin : g_plus
          always_ff @(posedge clk) pair <= low + high;
        end
        assign sums[i*WIDE+:WIDE] = pair;
      end
      if (LEFT > PAIRS) begin : g_odd
        logic signed [WIDE-1:0] odd;
        always_ff @(posedge clk) odd <= WIDE'($signed(terms[2*PAIRS*BITS+:BITS]));
        assign sums[PAIRS*WIDE+:WIDE] = odd;
      end
      fl_adder_tree #(
          .TERMS(LEFT), .BITS(WIDE), .SHIFT(2 * SHIFT), .MINUS_LAST(MINUS_LAST && LEFT > PAIRS), .SUM_BITS(SUM_BITS)
      ) rest (
          .clk, .terms(sums), .sum
      );
    end
  endgenerate
endmodule
