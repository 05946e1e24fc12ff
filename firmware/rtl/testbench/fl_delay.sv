// A model of rtl/fl_delay.sv for fast simulation: one word that is shifted, where it fits the machine's.
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
    end else if (CYCLES * BITS <= 64) begin : g_word
      logic [CYCLES*BITS-1:0] kept;
      always_ff @(posedge clk) kept <= RESET && rst ? '0 : (CYCLES * BITS)'({kept, x});
      assign y = kept[CYCLES*BITS-1-:BITS];
    end else begin : g_words
      logic [BITS-1:0] kept[CYCLES];
      always_ff @(posedge clk) begin
        kept[0] <= RESET && rst ? '0 : x;
        for (int i = 1; i < CYCLES; i++) kept[i] <= RESET && rst ? '0 : kept[i-1];
      end
      assign y = kept[CYCLES-1];
    end
  endgenerate
endmodule
