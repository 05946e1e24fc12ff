// AXI4-Stream beats to tokens of a stream, one for one: a beat holds CHANNELS slots of SLOT_BITS, of which each value takes the
// low BITS. TLAST is not needed. Latency 0; `run` lets beats in.
module fl_input #(
    parameter int BEAT_BITS = 32,
    parameter int CHANNELS = 1,
    parameter int SLOT_BITS = 8,
    parameter int BITS = 8
) (
    input  logic                     run,
    input  logic                     s_axis_tvalid,
    output logic                     s_axis_tready,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [BEAT_BITS-1:0]     s_axis_tdata,
    /* verilator lint_on UNUSEDSIGNAL */
    input  logic                     y_room,
    output logic                     y_take,
    output logic                     y_valid,
    output logic [CHANNELS*BITS-1:0] y_data
);
  assign s_axis_tready = y_room & run;
  assign y_take  = s_axis_tvalid & s_axis_tready;
  assign y_valid = y_take;
  for (genvar i = 0; i < CHANNELS; i++) begin : g_channel
    assign y_data[i*BITS+:BITS] = s_axis_tdata[i*SLOT_BITS+:BITS];
  end
endmodule
