// A memory with one write and one read port. `read_data` follows its address by two cycles: the memory's own register,
// and one behind it, as the wires from a block RAM are long. A word may be read in the cycle after it is written; what a
// block RAM reads in the same cycle is undefined.
module fl_memory #(
    parameter int BITS = 8,
    parameter int DEPTH = 512,
    parameter bit BLOCK = 1
) (
    input  logic                                       clk,
    input  logic                                       write,
    input  logic [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] write_address,
    input  logic [BITS-1:0]                            write_data,
    input  logic [(DEPTH > 1 ? $clog2(DEPTH) : 1)-1:0] read_address,
    output logic [BITS-1:0]                            read_data
);
  logic [BITS-1:0] word;
  generate
    if (BLOCK) begin : g_block
      (* ram_style = "block" *) logic [BITS-1:0] words[DEPTH];
      always_ff @(posedge clk) begin
        if (write) words[write_address] <= write_data;
        word <= write && write_address == read_address ? 'x : words[read_address];
      end
    end else begin : g_lut
      (* ram_style = "distributed" *) logic [BITS-1:0] words[DEPTH];
      always_ff @(posedge clk) begin
        if (write) words[write_address] <= write_data;
        word <= words[read_address];
      end
    end
  endgenerate
  always_ff @(posedge clk) read_data <= word;
endmodule
