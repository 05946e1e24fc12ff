// A model of rtl/fl_fifo.sv for fast simulation: the same handshakes in the same cycles, by one ring of tokens. What block RAM
// takes to show a token is waited for before it counts as held.
module fl_fifo #(
    parameter int BITS = 8,
    parameter int DEPTH = 2,
    parameter bit BLOCK = 0
) (
    input  logic            clk,
    input  logic            rst,
    output logic            room,
    input  logic            take,
    input  logic            in_valid,
    input  logic [BITS-1:0] in_data,
    output logic            out_valid,
    input  logic            out_ready,
    output logic [BITS-1:0] out_data
);
  localparam int COUNT = $clog2(DEPTH + 1);
  localparam int ADDRESS = DEPTH == 1 ? 1 : $clog2(DEPTH);

  logic [BITS-1:0] ring[1<<ADDRESS];
  logic [ADDRESS-1:0] read_address, write_address;
  logic [COUNT-1:0] taken, held;
  logic arrived;
  fl_delay #(.BITS(1), .CYCLES(BLOCK ? 3 : 0), .RESET(1)) delay (.clk, .rst, .x(in_valid), .y(arrived));

  wire pop = out_valid & out_ready;
  wire [COUNT-1:0] next_taken = taken + COUNT'(take) - COUNT'(pop);
  wire [COUNT-1:0] next_held = held + COUNT'(arrived) - COUNT'(pop);
  assign out_data = ring[read_address];
  always_ff @(posedge clk) begin
    if (in_valid) ring[write_address] <= in_data;
    if (rst) begin
      taken         <= '0;
      held          <= '0;
      room          <= 1'b1;
      out_valid     <= 1'b0;
      read_address  <= '0;
      write_address <= '0;
    end else begin
      taken         <= next_taken;
      held          <= next_held;
      room          <= next_taken != COUNT'(DEPTH);
      out_valid     <= next_held != '0;
      read_address  <= read_address + ADDRESS'(pop);
      write_address <= write_address + ADDRESS'(in_valid);
    end
  end
endmodule
