// Weights: `row` follows its `address` by four cycles: a register of the address for every bank and one behind it, as the
// wires to and from block RAM are long, the memory's own, and one behind the multiplexer of the banks. A bank's address
// holds while other banks are read.
//
// A bank is as deep as one block RAM, BANK_ROWS, a power of two; the rows of bank 0 are in the file FILE_000.hex and so on.
// With BLOCK = 0 it is in LUTs.
// With LOADED = 1 the memory has no initial content but takes it from a stream of 64-bit words, the low bits of row 0
// first, each row in whole words; `ready` rises when it has all of them.
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

  logic [BANKS*BITS-1:0] rows;
  generate
    if (LOADED) begin : g_loaded
      localparam int WORDS = (BITS + 63) / 64;
      logic [WORDS*64-1:0] taken;
      wire [WORDS*64-1:0] shifted = (WORDS * 64)'({load_data, taken} >> 64);
      logic [ADDRESS-1:0] next_row;
      logic [31:0] word;
      assign load_ready = ~ready;
      wire take = load_valid & ~ready;
      wire is_row = take & (word == 32'(WORDS - 1));
      always_ff @(posedge clk) begin
        if (take) taken <= shifted;
        if (rst) begin
          ready    <= 1'b0;
          next_row <= '0;
          word     <= '0;
        end else if (take) begin
          word <= is_row ? '0 : word + 1;
          if (is_row) begin
            next_row <= next_row + 1'b1;
            ready    <= int'(next_row) == ROWS - 1;
          end
        end
      end
      (* ram_style = "ultra" *) logic [BITS-1:0] memory[ROWS];
      logic [ADDRESS-1:0] own_address;
      logic [BITS-1:0] word_out, word_kept;
      always_ff @(posedge clk) begin
        if (is_row) memory[next_row] <= shifted[BITS-1:0];
        own_address <= address;
        word_out  <= memory[own_address];
        word_kept <= word_out;
        row       <= word_kept;
      end
      assign rows = '0;
    end else begin : g_constant
      assign ready = 1'b1;
      assign load_ready = 1'b0;
      for (genvar i = 0; i < BANKS; i++) begin : g_bank
        localparam int OWN = ROWS - i * BANK_ROWS < BANK_ROWS ? ROWS - i * BANK_ROWS : BANK_ROWS;
        localparam int OWN_ADDRESS = OWN > 1 ? $clog2(OWN) : 1;
        localparam OWN_FILE = {FILE, "_", 8'(48 + i / 100), 8'(48 + i / 10 % 10), 8'(48 + i % 10), ".hex"};
        logic [OWN_ADDRESS-1:0] own_address;
        logic [BITS-1:0] word, kept;
        always_ff @(posedge clk)
          if (BANKS == 1 || int'(address) / BANK_ROWS == i) own_address <= address[OWN_ADDRESS-1:0];
        if (BLOCK) begin : g_block
          (* rom_style = "block" *) logic [BITS-1:0] memory[OWN];
          initial $readmemh(OWN_FILE, memory);
          always_ff @(posedge clk) word <= memory[own_address];
        end else begin : g_lut
          fl_table #(.BITS(BITS), .ROWS(OWN), .FILE(OWN_FILE)) bank (
              .clk, .address(own_address), .row(word)
          );
        end
        always_ff @(posedge clk) kept <= word;
        assign rows[i*BITS+:BITS] = kept;
      end
      if (BANKS == 1) begin : g_one
        always_ff @(posedge clk) row <= rows;
      end else begin : g_several
        localparam int BANK_BITS = $clog2(BANKS);
        logic [BANK_BITS-1:0] bank;
        fl_delay #(.BITS(BANK_BITS), .CYCLES(3)) delay (.clk, .rst, .x(address[ADDRESS-1-:BANK_BITS]), .y(bank));
        always_ff @(posedge clk) row <= rows[int'(bank)*BITS+:BITS];
      end
    end
  endgenerate
endmodule
