// Weights first, then images: of the words on the AXI4-Stream input, WORDS of 64 bits for each of MEMORIES are their weights
// (LOADED = 1 in fl_rom), and everything behind them is for fl_input. A word arrives as beats of BEAT_BITS, low bits first.
// WORDS has 32 bits for each memory, memory 0 in the low ones. `is_loaded` is a register.
module fl_load #(
    parameter int BEAT_BITS = 64,  // 8, 16, 32 or 64
    parameter int MEMORIES = 1,
    parameter bit [32*MEMORIES-1:0] WORDS = 32'd1
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 s_axis_tvalid,
    output logic                 s_axis_tready,
    input  logic [BEAT_BITS-1:0] s_axis_tdata,
    output logic                 m_axis_tvalid,
    input  logic                 m_axis_tready,
    output logic [BEAT_BITS-1:0] m_axis_tdata,
    output logic [MEMORIES-1:0]  load_valid,
    input  logic [MEMORIES-1:0]  load_ready,
    output logic [63:0]          load_data,
    output logic                 is_loaded
);
  localparam int BEATS = 64 / BEAT_BITS;  // of a word

  logic [63:0] held;
  logic has_word;
  logic [2:0] beat;
  logic [31:0] word, words;
  logic [MEMORIES-1:0] turn;  // one-hot: the memory that is filled
  wire take = s_axis_tvalid & ~is_loaded & ~has_word;
  wire give = has_word & (|(turn & load_ready));
  wire is_memory_end = word == words - 1;

  assign s_axis_tready = is_loaded ? m_axis_tready : ~has_word;
  assign m_axis_tvalid = s_axis_tvalid & is_loaded;
  assign m_axis_tdata  = s_axis_tdata;
  assign load_valid    = has_word ? turn : '0;
  assign load_data     = held;

  always_comb begin
    words = '0;
    for (int i = 0; i < MEMORIES; i++) if (turn[i]) words = words | WORDS[32*i+:32];
  end

  always_ff @(posedge clk) begin
    if (take) held <= 64'({s_axis_tdata, held} >> BEAT_BITS);
    if (rst) begin
      is_loaded <= 1'b0;
      has_word  <= 1'b0;
      beat      <= '0;
      word      <= '0;
      turn      <= MEMORIES'(1);
    end else begin
      if (take) begin
        beat     <= int'(beat) == BEATS - 1 ? '0 : beat + 1'b1;
        has_word <= int'(beat) == BEATS - 1;
      end
      if (give) begin
        has_word <= 1'b0;
        word     <= is_memory_end ? '0 : word + 1;
        if (is_memory_end) begin
          turn      <= MEMORIES'(turn << 1);
          is_loaded <= turn[MEMORIES-1];
        end
      end
    end
  end
endmodule
