// The dot product of TERMS values and weights: a product of each pair, and a tree that adds them.
//
// LATENCY = that of fl_multiply + ceil(log2 TERMS) (fl_adder_tree).
module fl_dot #(
    parameter int TERMS = 1,
    parameter int X_BITS = 8,
    parameter bit X_SIGNED = 0,
    parameter int W_BITS = 8,
    parameter bit W_SIGNED = 1,
    parameter int PRODUCT_BITS = X_BITS + W_BITS,  // signed, holds every product
    parameter int SUM_BITS = 24,  // signed, holds every partial sum
    parameter bit DSP = 1
) (
    input  logic                       clk,
    input  logic [TERMS*X_BITS-1:0]    x,
    input  logic [TERMS*W_BITS-1:0]    w,
    output logic signed [SUM_BITS-1:0] sum
);
  logic [TERMS*PRODUCT_BITS-1:0] products;
  for (genvar i = 0; i < TERMS; i++) begin : g_term
    fl_multiply #(
        .X_BITS(X_BITS), .X_SIGNED(X_SIGNED), .W_BITS(W_BITS), .W_SIGNED(W_SIGNED), .BITS(PRODUCT_BITS), .DSP(DSP)
    ) multiply (
        .clk, .x(x[i*X_BITS+:X_BITS]), .w(w[i*W_BITS+:W_BITS]), .product(products[i*PRODUCT_BITS+:PRODUCT_BITS])
    );
  end
  fl_adder_tree #(.TERMS(TERMS), .BITS(PRODUCT_BITS), .SUM_BITS(SUM_BITS)) tree (.clk, .terms(products), .sum);
endmodule
