// A model of rtl/fl_dot.sv for fast simulation: the same sums in the same cycles. The products of a cycle are added at once,
// and their sum is kept for as many cycles as multipliers and tree take.
//
// LATENCY, as that of fl_dot: 1 (DSP = 1) or max(1, ceil(log2 X_BITS)) for the products, ceil(log2 TERMS) for the tree.
module fl_dot #(
    parameter int TERMS = 1,
    parameter int X_BITS = 8,
    parameter bit X_SIGNED = 0,
    parameter int W_BITS = 8,
    parameter bit W_SIGNED = 1,
    parameter int PRODUCT_BITS = X_BITS + W_BITS,  // of the tree, which is not here
    parameter int SUM_BITS = 24,  // signed, holds every partial sum
    parameter bit DSP = 1
) (
    input  logic                       clk,
    input  logic [TERMS*X_BITS-1:0]    x,
    input  logic [TERMS*W_BITS-1:0]    w,
    output logic signed [SUM_BITS-1:0] sum
);
  localparam int LATENCY = (DSP || X_BITS == 1 ? 1 : $clog2(X_BITS)) + $clog2(TERMS);
  // In whole words of the machine. A signed integer is its bits with the sign flipped, less the sign's weight, which a compiler
  // knows as one instruction where it has 8 or 16 bits.
  localparam int WORD = SUM_BITS > 32 ? 64 : 32;
  localparam bit [WORD-1:0] X_SIGN = X_SIGNED ? WORD'(1) << (X_BITS - 1) : '0;
  localparam bit [WORD-1:0] W_SIGN = W_SIGNED ? WORD'(1) << (W_BITS - 1) : '0;

  logic [WORD-1:0] total;
  logic [WORD-1:0] kept[LATENCY];
  always_comb begin
    total = '0;
    for (int i = 0; i < TERMS; i++)
      total = total + ((WORD'(x[i*X_BITS+:X_BITS]) ^ X_SIGN) - X_SIGN) * ((WORD'(w[i*W_BITS+:W_BITS]) ^ W_SIGN) - W_SIGN);
  end
  always_ff @(posedge clk) begin
    kept[0] <= total;
    for (int i = 1; i < LATENCY; i++) kept[i] <= kept[i-1];
  end
  assign sum = kept[LATENCY-1][SUM_BITS-1:0];
endmodule
