// Tokens of LANES values to AXI4-Stream beats of one value each, extended to BEAT_BITS; TLAST with the last of an image
// of TOKENS tokens.
//
// Steps: every one writes a beat; the first of LANES reads. Latency 0 into a FIFO of two beats, whose valid and ready
// are registers.
module fl_output #(
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
    output logic                  m_axis_tvalid,
    input  logic                  m_axis_tready,
    output logic [BEAT_BITS-1:0]  m_axis_tdata,
    output logic                  m_axis_tlast,
    output logic                  done  // in the cycle in which the last beat of an image leaves
);
  localparam int VALUES = TOKENS * LANES;
  localparam int COUNT = VALUES > 1 ? $clog2(VALUES) : 1;

  logic room, take, part_valid;
  logic [BITS-1:0] part;
  generate
    if (LANES == 1) begin : g_one
      assign x_ready = x_valid & room;
      assign take = x_ready;
      assign part_valid = x_ready;
      assign part = x_data;
    end else begin : g_several
      fl_narrow #(.BITS(BITS), .RATIO(LANES)) narrow (
          .clk, .rst, .x_valid, .x_ready, .x_data, .y_room(room), .y_take(take), .y_valid(part_valid), .y_data(part)
      );
    end
  endgenerate

  logic [COUNT-1:0] value;
  logic is_last;
  always_ff @(posedge clk) begin
    if (rst) begin
      value   <= '0;
      is_last <= VALUES == 1;
    end else if (take) begin
      value   <= is_last ? '0 : value + 1'b1;
      is_last <= VALUES == 1 || int'(value) == VALUES - 2;
    end
  end

  logic [BITS-1:0] result;
  fl_fifo #(.BITS(BITS + 1), .DEPTH(2)) beats (
      .clk, .rst, .room, .take, .in_valid(part_valid), .in_data({is_last, part}),
      .out_valid(m_axis_tvalid), .out_ready(m_axis_tready), .out_data({m_axis_tlast, result})
  );
  wire signed [BITS:0] wide = {SIGNED & result[BITS-1], result};
  assign m_axis_tdata = BEAT_BITS'(wide);
  assign done = m_axis_tvalid & m_axis_tready & m_axis_tlast;
endmodule
