// Where the tokens of a test come from and go to. With `stall` both wait in a third of the cycles, pseudo-random ones that follow
// from the end of FILE's name: the same in every build.
/* verilator lint_off DECLFILENAME */
/* verilator lint_off WIDTH */
module source #(
    parameter int BITS = 8,
    parameter int TOKENS = 1,
    parameter     FILE = "x.hex"
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            stall,
    input  logic            room,
    output logic            valid,
    output logic [BITS-1:0] data
);
  logic [BITS-1:0] tokens[TOKENS];
  logic [31:0] next, random;
  logic wait_;
  initial $readmemh(FILE, tokens);
  assign valid = room & ~wait_ & ~rst & (next < TOKENS);
  assign data = tokens[next < TOKENS ? next : 0];
  always_ff @(posedge clk) begin
    random <= rst ? 32'(FILE >> 32) : random * 32'd1664525 + 32'd1013904223;
    wait_ <= stall & (random[31:16] % 3 == 0);
    if (rst) next <= '0;
    else if (valid) next <= next + 1;
  end
endmodule

module sink #(
    parameter int BITS = 8,
    parameter int TOKENS = 1,
    parameter     FILE = "y.txt"
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            stall,
    input  logic            valid,
    output logic            ready,
    input  logic [BITS-1:0] data,
    output logic            done
);
  logic [31:0] seen, cycle, random;
  logic wait_;
  int file;
  initial file = $fopen(FILE, "w");
  assign ready = valid & ~wait_;
  assign done = seen == TOKENS;
  always_ff @(posedge clk) begin
    random <= rst ? 32'(FILE >> 32) : random * 32'd1664525 + 32'd1013904223;
    wait_ <= stall & (random[31:16] % 3 == 0);
    if (rst) begin
      seen  <= '0;
      cycle <= '0;
    end else begin
      cycle <= cycle + 1;
      if (ready) begin
        seen <= seen + 1;
        $fdisplay(file, "%0d %h", cycle, data);
      end
    end
  end
endmodule

// The kernels at the edges of a design with the ports of the others.

// Tokens: what fl_load gives to one of two memories, or to none: {memory 1, memory 0, its 64-bit word, or a beat}.
module load_edge #(
    parameter int BEAT_BITS = 8,
    parameter bit [63:0] WORDS = 0
) (
    input  logic                 clk,
    input  logic                 rst,
    input  logic                 x_valid,
    output logic                 x_ready,
    input  logic [BEAT_BITS-1:0] x_data,
    input  logic                 y_room,
    output logic                 y_take,
    output logic                 y_valid,
    output logic [65:0]          y_data
);
  wire tready, m_axis_tvalid, is_loaded;
  wire [BEAT_BITS-1:0] beat;
  wire [1:0] load_valid;
  wire [63:0] load_data;
  assign x_ready = x_valid & tready;
  fl_load #(.BEAT_BITS(BEAT_BITS), .MEMORIES(2), .WORDS(WORDS)) load (
      .clk, .rst, .s_axis_tvalid(x_valid), .s_axis_tready(tready), .s_axis_tdata(x_data), .m_axis_tvalid,
      .m_axis_tready(y_room), .m_axis_tdata(beat), .load_valid, .load_ready({2{y_room}}), .load_data, .is_loaded
  );
  assign y_take = y_room & (m_axis_tvalid | (|load_valid));
  assign y_valid = y_take;
  assign y_data = {load_valid, is_loaded ? 64'(beat) : load_data};
endmodule

module input_edge #(
    parameter int BEAT_BITS = 32,
    parameter int CHANNELS = 1,
    parameter int SLOT_BITS = 8,
    parameter int BITS = 8
) (
    input  logic                     clk,
    input  logic                     rst,
    input  logic                     x_valid,
    output logic                     x_ready,
    input  logic [BEAT_BITS-1:0]     x_data,
    input  logic                     y_room,
    output logic                     y_take,
    output logic                     y_valid,
    output logic [CHANNELS*BITS-1:0] y_data
);
  wire tready;
  assign x_ready = x_valid & tready;
  fl_input #(.BEAT_BITS(BEAT_BITS), .CHANNELS(CHANNELS), .SLOT_BITS(SLOT_BITS), .BITS(BITS)) kernel (
      .run(1'b1), .s_axis_tvalid(x_valid), .s_axis_tready(tready), .s_axis_tdata(x_data), .y_room, .y_take, .y_valid,
      .y_data
  );
endmodule

// Tokens: {done, TLAST, the beat}.
module output_edge #(
    parameter int BITS = 8,
    parameter bit SIGNED = 0,
    parameter int LANES = 1,
    parameter int TOKENS = 1,
    parameter int BEAT_BITS = 8
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  x_valid,
    output logic                  x_ready,
    input  logic [LANES*BITS-1:0] x_data,
    input  logic                  y_room,
    output logic                  y_take,
    output logic                  y_valid,
    output logic [BEAT_BITS+1:0]  y_data
);
  wire tvalid;
  assign y_take = tvalid & y_room;
  assign y_valid = y_take;
  fl_output #(.BITS(BITS), .SIGNED(SIGNED), .LANES(LANES), .TOKENS(TOKENS), .BEAT_BITS(BEAT_BITS)) kernel (
      .clk, .rst, .x_valid, .x_ready, .x_data, .m_axis_tvalid(tvalid), .m_axis_tready(y_room),
      .m_axis_tdata(y_data[BEAT_BITS-1:0]), .m_axis_tlast(y_data[BEAT_BITS]), .done(y_data[BEAT_BITS+1])
  );
endmodule
/* verilator lint_on WIDTH */
