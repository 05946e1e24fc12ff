// A small constant table in LUTs (`logic_block`, to Yosys): one row for every fold. `row` follows its `address` by one cycle.
module fl_table #(
    parameter int BITS = 8,
    parameter int ROWS = 2,
    parameter     FILE = "table.hex"
) (
    input  logic                                     clk,
    input  logic [(ROWS > 1 ? $clog2(ROWS) : 1)-1:0] address,
    output logic [BITS-1:0]                          row
);
  (* logic_block *) logic [BITS-1:0] memory[ROWS];
  initial $readmemh(FILE, memory);
  always_ff @(posedge clk) row <= memory[address];
endmodule
