// AXI4-Lite control: starts images, and counts. Registers of 32 bits, the first as in Vitis HLS's `s_axi_control`:
//
//   0x00  control: bit 0 start (set to let an image in, clear when it is in), 1 done (an image is out; cleared when
//         read), 2 idle, 3 ready (an image is in; cleared when read), 7 auto-restart
//   0x10  VERSION
//   0x14  images out since the reset
//   0x18  cycles since the reset, low; 0x1c high, as of the last read of low
//   0x40 + 4 i   cycles in which stage i was `stalled` since the reset
//
// `run` lets beats in; an image has BEATS of them. One access at a time each way.
module fl_control #(
    parameter int VERSION = 1,
    parameter int BEATS = 1,
    parameter int STAGES = 1,
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
    output logic                    run,
    input  logic                    beat,  // one comes in
    input  logic                    done,  // the last value of an image leaves
    input  logic [STAGES-1:0]       stalled
);
  localparam int WORD = ADDRESS_BITS - 2;

  logic is_auto, is_done, is_ready, is_last_beat;
  logic [31:0] beats, images_in, images_out, cycles_high;
  logic [63:0] cycles;
  logic [STAGES*32-1:0] stalls;

  // Accesses: address and data of a write are taken together, and so is a read, when no answer is waiting.
  wire write = s_axi_awvalid & s_axi_wvalid & ~s_axi_bvalid;
  wire read = s_axi_arvalid & ~s_axi_rvalid;
  wire [WORD-1:0] read_word = s_axi_araddr[ADDRESS_BITS-1:2];
  wire is_control_write = write & (s_axi_awaddr[ADDRESS_BITS-1:2] == '0) & s_axi_wstrb[0];
  wire is_control_read = read & (read_word == '0);
  assign s_axi_awready = write;
  assign s_axi_wready  = write;
  assign s_axi_arready = ~s_axi_rvalid;
  assign s_axi_bresp   = 2'b00;
  assign s_axi_rresp   = 2'b00;

  wire image_in = beat & is_last_beat;
  wire is_idle = ~run & (images_in == images_out) & (beats == '0);

  logic [31:0] value;
  always_comb begin
    value = '0;
    if (read_word == WORD'(0)) value = {24'b0, is_auto, 3'b0, is_ready, is_idle, is_done, run};
    if (read_word == WORD'(4)) value = 32'(VERSION);
    if (read_word == WORD'(5)) value = images_out;
    if (read_word == WORD'(6)) value = cycles[31:0];
    if (read_word == WORD'(7)) value = cycles_high;
    for (int i = 0; i < STAGES; i++) if (read_word == WORD'(16 + i)) value = stalls[32*i+:32];
  end

  always_ff @(posedge clk) begin
    if (read) s_axi_rdata <= value;
    if (read & (read_word == WORD'(6))) cycles_high <= cycles[63:32];
    if (rst) begin
      s_axi_bvalid <= 1'b0;
      s_axi_rvalid <= 1'b0;
      run          <= 1'b0;
      is_auto      <= 1'b0;
      is_done      <= 1'b0;
      is_ready     <= 1'b0;
      is_last_beat <= BEATS == 1;
      beats        <= '0;
      images_in    <= '0;
      images_out   <= '0;
      cycles       <= '0;
      stalls       <= '0;
    end else begin
      s_axi_bvalid <= write | (s_axi_bvalid & ~s_axi_bready);
      s_axi_rvalid <= read | (s_axi_rvalid & ~s_axi_rready);
      if (is_control_write) is_auto <= s_axi_wdata[7];
      run      <= (run & ~(image_in & ~is_auto)) | (is_control_write & (s_axi_wdata[0] | s_axi_wdata[7]));
      is_done  <= done | (is_done & ~is_control_read);
      is_ready <= image_in | (is_ready & ~is_control_read);
      if (beat) begin
        beats        <= is_last_beat ? '0 : beats + 1;
        is_last_beat <= BEATS == 1 || beats == 32'(BEATS - 2);
      end
      images_in  <= images_in + 32'(image_in);
      images_out <= images_out + 32'(done);
      cycles     <= cycles + 1;
      for (int i = 0; i < STAGES; i++) stalls[32*i+:32] <= stalls[32*i+:32] + 32'(stalled[i]);
    end
  end
endmodule
