// A model of rtl/fl_rom.sv for fast simulation: the same rows in the same cycles. There is one memory, and the address waits in
// place of the row.
module fl_rom #(
    parameter int BITS = 8,
    parameter int ROWS = 16,
    parameter int BANK_ROWS = 512,
    parameter bit BLOCK = 1,
    parameter bit LOADED = 0,
    parameter     FILE = "rom"
) (
    input  logic                                     clk,
    input  logic                                     rst,
    input  logic [(ROWS > 1 ? $clog2(ROWS) : 1)-1:0] address,
    output logic [BITS-1:0]                          row,
    output logic                                     ready,
    input  logic                                     load_valid,
    output logic                                     load_ready,
    input  logic [63:0]                              load_data
);
  localparam int BANKS = (ROWS + BANK_ROWS - 1) / BANK_ROWS;
  localparam int ADDRESS = ROWS > 1 ? $clog2(ROWS) : 1;

  logic [BITS-1:0] memory[ROWS];
  logic [ADDRESS-1:0] due;
  fl_delay #(.BITS(ADDRESS), .CYCLES(3)) delay (.clk, .rst, .x(address), .y(due));
  always_ff @(posedge clk) row <= memory[due];
  generate
    if (LOADED) begin : g_loaded
      localparam int WORDS = (BITS + 63) / 64;
      logic [WORDS*64-1:0] taken;
      logic [ADDRESS-1:0] next_row;
      logic [31:0] word;
      wire [WORDS*64-1:0] shifted = (WORDS * 64)'({load_data, taken} >> 64);
      wire is_row = word == 32'(WORDS - 1);
      assign load_ready = ~ready;
      always_ff @(posedge clk) begin
        if (rst) begin
          ready    <= 1'b0;
          next_row <= '0;
          word     <= '0;
        end else if (load_valid & ~ready) begin
          taken <= shifted;
          word  <= is_row ? '0 : word + 1;
          if (is_row) begin
            memory[next_row] <= shifted[BITS-1:0];
            next_row <= next_row + 1'b1;
            ready    <= int'(next_row) == ROWS - 1;
          end
        end
      end
    end else begin : g_constant
      assign ready = 1'b1;
      assign load_ready = 1'b0;
      for (genvar i = 0; i < BANKS; i++) begin : g_bank
        localparam int END = ROWS - i * BANK_ROWS < BANK_ROWS ? ROWS : (i + 1) * BANK_ROWS;
        localparam OWN_FILE = {FILE, "_", 8'(48 + i / 100), 8'(48 + i / 10 % 10), 8'(48 + i % 10), ".hex"};
        initial $readmemh(OWN_FILE, memory, i * BANK_ROWS, END - 1);
      end
    end
  endgenerate
endmodule
