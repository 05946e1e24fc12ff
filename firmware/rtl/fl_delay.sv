// A value, CYCLES later. Nothing is reset: where it matters that it is, RESET = 1.
module fl_delay #(
    parameter int BITS = 1,
    parameter int CYCLES = 1,
    parameter bit RESET = 0
) (
    input  logic            clk,
    input  logic            rst,
    input  logic [BITS-1:0] x,
    output logic [BITS-1:0] y
);
  generate
    if (CYCLES == 0) begin : g_none
      assign y = x;
    end else begin : g_some
      wire [(CYCLES+1)*BITS-1:0] way;
      assign way[0+:BITS] = x;
      for (genvar i = 0; i < CYCLES; i++) begin : g_cycle
        logic [BITS-1:0] kept;
        always_ff @(posedge clk) kept <= RESET && rst ? '0 : way[i*BITS+:BITS];
        assign way[(i+1)*BITS+:BITS] = kept;
      end
      assign y = way[CYCLES*BITS+:BITS];
    end
  endgenerate
endmodule
