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
      logic [CYCLES*BITS-1:0] kept;
      always_ff @(posedge clk) begin
        kept <= (CYCLES * BITS)'({kept, x});
        if (RESET && rst) kept <= '0;
      end
      assign y = kept[CYCLES*BITS-1-:BITS];
    end
  endgenerate
endmodule
