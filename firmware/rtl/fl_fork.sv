// A copy of every token for each of OUTPUTS streams. Latency 0: wires between FIFOs.
module fl_fork #(
    parameter int BITS = 8,
    parameter int OUTPUTS = 2
) (
    input  logic               x_valid,
    output logic               x_ready,
    input  logic [BITS-1:0]    x_data,
    input  logic [OUTPUTS-1:0] y_room,
    output logic               y_take,
    output logic               y_valid,
    output logic [BITS-1:0]    y_data
);
  wire step = x_valid & (&y_room);
  assign x_ready = step;
  assign y_take  = step;
  assign y_valid = step;
  assign y_data  = x_data;
endmodule
