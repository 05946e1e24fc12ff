// A product of a value and a weight: by the `*` of the tool in a multiplier (DSP = 1), LATENCY 1, or as the sum of the
// weight's multiples, one for each bit of the value, in LUTs: LATENCY max(1, ceil(log2 X_BITS)).
module fl_multiply #(
    parameter int X_BITS = 8,
    parameter bit X_SIGNED = 0,
    parameter int W_BITS = 8,
    parameter bit W_SIGNED = 1,
    parameter int BITS = 16,  // signed
    parameter bit DSP = 1
) (
    input  logic                   clk,
    input  logic [X_BITS-1:0]      x,
    input  logic [W_BITS-1:0]      w,
    output logic signed [BITS-1:0] product
);
  wire signed [W_BITS:0] weight = {W_SIGNED & w[W_BITS-1], w};
  generate
    if (DSP) begin : g_dsp
      wire signed [X_BITS:0] value = {X_SIGNED & x[X_BITS-1], x};
      (* use_dsp = "yes" *) logic signed [BITS-1:0] result;
      always_ff @(posedge clk) result <= BITS'(value) * BITS'(weight);
      assign product = result;
    end else begin : g_lut
      localparam int MULTIPLES = X_BITS > 1 ? X_BITS : 2;  // a lone bit is the lower of two
      logic [MULTIPLES*(W_BITS+1)-1:0] multiples;
      for (genvar i = 0; i < MULTIPLES; i++) begin : g_bit
        if (i < X_BITS) begin : g_some
          assign multiples[i*(W_BITS+1)+:W_BITS+1] = x[i] ? weight : '0;
        end else begin : g_none
          // The only bit of a signed value is -1.
          assign multiples[i*(W_BITS+1)+:W_BITS+1] = X_SIGNED && x[0] ? weight : '0;
        end
      end
      fl_adder_tree #(
          .TERMS(MULTIPLES), .BITS(W_BITS + 1), .SHIFT(1), .MINUS_LAST(X_SIGNED), .SUM_BITS(BITS)
      ) tree (
          .clk, .terms(multiples), .sum(product)
      );
    end
  endgenerate
endmodule
