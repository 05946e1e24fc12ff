// A product of a value and a weight, in a register: by the `*` of the tool in a multiplier (DSP = 1), or as a sum of the
// weight's multiples, one for each bit of the value, in LUTs.
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
      logic signed [BITS-1:0] sum;
      always_comb begin
        sum = '0;
        for (int i = 0; i < X_BITS; i++) begin
          if (x[i]) begin
            if (X_SIGNED && i == X_BITS - 1) sum = sum - (BITS'(weight) <<< i);
            else sum = sum + (BITS'(weight) <<< i);
          end
        end
      end
      always_ff @(posedge clk) product <= sum;
    end
  endgenerate
endmodule
