// AXI4-Lite control: starts images, and counts. Registers of 32 bits, the first four as in Vitis HLS's `s_axi_control`:
//
//   0x00  control: bit 0 start (set to let an image in, clear when it is in), 1 done (an image is out; cleared when
//         read), 2 idle, 3 ready (an image is in; cleared when read), 7 auto-restart
//   0x04  bit 0: `irq` may rise
//   0x08  what shall raise it: bit 0 done, 1 ready
//   0x0c  what has raised it, likewise; a bit that is written as 1 changes
//   0x10  VERSION
//   0x14  images out since the reset
//   0x18  cycles since the reset, low; 0x1c high, as of the last read of low
//   0x20  the stage whose stalls are counted; a write begins anew
//   0x24  cycles in which it was `stalled` since then
//
// `run` lets beats in; an image has BEATS of them. One access at a time each way. FLIGHT bits hold the images under way.
//
// What comes from far is taken into registers first: `beat`, `done` and an access count one cycle late, `stalled` two, and a
// read is answered in the second cycle. `run` alone is low in the cycle after the last beat.
module fl_control #(
    parameter int VERSION = 2,
    parameter int BEATS = 1,
    parameter int STAGES = 1,
    parameter int FLIGHT = 16,
    parameter int ADDRESS_BITS = 12
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    s_axi_awvalid,
    output logic                    s_axi_awready,
    input  logic [ADDRESS_BITS-1:0] s_axi_awaddr,
    input  logic                    s_axi_wvalid,
    output logic                    s_axi_wready,
    input  logic [31:0]             s_axi_wdata,
    input  logic [3:0]              s_axi_wstrb,
    output logic                    s_axi_bvalid,
    input  logic                    s_axi_bready,
    output logic [1:0]              s_axi_bresp,
    input  logic                    s_axi_arvalid,
    output logic                    s_axi_arready,
    input  logic [ADDRESS_BITS-1:0] s_axi_araddr,
    output logic                    s_axi_rvalid,
    input  logic                    s_axi_rready,
    output logic [31:0]             s_axi_rdata,
    output logic [1:0]              s_axi_rresp,
    output logic                    irq,
    output logic                    run,
    input  logic                    beat,  // one comes in
    input  logic                    done,  // the last value of an image leaves
    input  logic [STAGES-1:0]       stalled
);
  localparam int WORD = ADDRESS_BITS - 2;

  localparam int BEAT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam int STAGE_BITS = STAGES > 1 ? $clog2(STAGES) : 1;

  logic is_auto, is_done, is_ready, is_enabled, is_stalled;
  logic was_beat, was_image_in, was_done;  // in the cycle before
  logic is_last, is_before_last;  // the beat that `beats` stands at
  logic [1:0] causes, raised;  // of the interrupt
  logic [BEAT_BITS-1:0] beats;
  logic [FLIGHT-1:0] under_way;
  logic [31:0] images_out, cycles_high, stalls;
  logic [63:0] cycles;
  logic [STAGE_BITS-1:0] stage;
  logic [STAGES-1:0] was_stalled;

  // Accesses: address and data of a write are taken together, and so is a read, when no answer is waiting. They work in the
  // next cycle. What is ready is a register: AXI wants no path from an input to an output.
  logic write, read;
  logic [WORD-1:0] write_word, read_word;
  logic [31:0] written;
  logic strobe;  // of the low byte, whose registers are narrow
  wire is_control_write = write & (write_word == '0) & strobe;
  wire is_stage_write = write & (write_word == WORD'(8));
  wire is_control_read = read & (read_word == '0);
  assign s_axi_wready  = s_axi_awready;
  assign s_axi_arready = ~read & ~s_axi_rvalid;
  assign s_axi_bresp   = 2'b00;
  assign s_axi_rresp   = 2'b00;

  wire [BEAT_BITS-1:0] next_beat = is_last ? '0 : beats + 1'b1;
  wire image_in = beat & (BEATS == 1 || (was_beat ? is_before_last : is_last));
  wire is_idle = ~run & (under_way == '0) & (beats == '0) & ~was_beat & ~was_image_in;
  wire [1:0] toggled = write & (write_word == WORD'(3)) & strobe ? written[1:0] : '0;
  assign irq = is_enabled & (|raised);

  logic [31:0] value;
  always_comb begin
    case (read_word)
      WORD'(0): value = {24'b0, is_auto, 3'b0, is_ready, is_idle, is_done, run};
      WORD'(1): value = 32'(is_enabled);
      WORD'(2): value = 32'(causes);
      WORD'(3): value = 32'(raised);
      WORD'(4): value = 32'(VERSION);
      WORD'(5): value = images_out;
      WORD'(6): value = cycles[31:0];
      WORD'(7): value = cycles_high;
      WORD'(8): value = 32'(stage);
      WORD'(9): value = stalls;
      default: value = '0;
    endcase
  end

  always_ff @(posedge clk) begin
    write_word <= s_axi_awaddr[ADDRESS_BITS-1:2];
    written    <= s_axi_wdata;
    strobe     <= s_axi_wstrb[0];
    read_word  <= s_axi_araddr[ADDRESS_BITS-1:2];
    was_stalled <= stalled;
    if (read) s_axi_rdata <= value;
    if (read & (read_word == WORD'(6))) cycles_high <= cycles[63:32];
    if (rst) begin
      s_axi_awready <= 1'b0;
      write        <= 1'b0;
      read         <= 1'b0;
      s_axi_bvalid <= 1'b0;
      s_axi_rvalid <= 1'b0;
      run          <= 1'b0;
      is_auto      <= 1'b0;
      is_done      <= 1'b0;
      is_ready     <= 1'b0;
      is_last      <= BEATS == 1;
      is_before_last <= BEATS == 2;
      was_beat     <= 1'b0;
      was_image_in <= 1'b0;
      was_done     <= 1'b0;
      is_enabled   <= 1'b0;
      is_stalled   <= 1'b0;
      causes       <= '0;
      raised       <= '0;
      beats        <= '0;
      under_way       <= '0;
      images_out   <= '0;
      cycles       <= '0;
      stalls       <= '0;
      stage        <= '0;
    end else begin
      s_axi_awready <= s_axi_awvalid & s_axi_wvalid & ~s_axi_awready & ~s_axi_bvalid;
      write        <= s_axi_awready;
      read         <= s_axi_arvalid & s_axi_arready;
      s_axi_bvalid <= s_axi_awready | (s_axi_bvalid & ~s_axi_bready);
      s_axi_rvalid <= read | (s_axi_rvalid & ~s_axi_rready);
      if (is_control_write) is_auto <= written[7];
      run      <= (run & ~(image_in & ~is_auto)) | (is_control_write & (written[0] | written[7]));
      is_done  <= was_done | (is_done & ~is_control_read);
      is_ready <= was_image_in | (is_ready & ~is_control_read);
      if (write & (write_word == WORD'(1)) & strobe) is_enabled <= written[0];
      if (write & (write_word == WORD'(2)) & strobe) causes <= written[1:0];
      raised <= (raised ^ toggled) | (causes & {was_image_in, was_done});
      was_beat     <= beat;
      was_image_in <= image_in;
      was_done     <= done;
      if (was_beat) begin
        beats          <= next_beat;
        is_last        <= int'(next_beat) == BEATS - 1;
        is_before_last <= int'(next_beat) == BEATS - 2;
      end
      under_way  <= under_way + FLIGHT'(was_image_in) - FLIGHT'(was_done);
      images_out <= images_out + 32'(was_done);
      cycles     <= cycles + 1;
      is_stalled <= was_stalled[stage];
      if (is_stage_write) begin
        stage      <= written[STAGE_BITS-1:0];
        stalls     <= '0;
        is_stalled <= 1'b0;
      end else begin
        stalls <= stalls + 32'(is_stalled);
      end
    end
  end
endmodule
