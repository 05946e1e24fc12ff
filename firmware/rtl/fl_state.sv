// A token of state for each of COUNT places that a loop passes in turn: read by a step, changed by `next` two cycles
// later. In a memory where a place comes again after four steps or more, else in registers.
module fl_state #(
    parameter int BITS = 8,
    parameter int COUNT = 4,
    parameter bit BLOCK = 0
) (
    input  logic                                       clk,
    input  logic [(COUNT > 1 ? $clog2(COUNT) : 1)-1:0] place,
    output logic [BITS-1:0]                            held,  // two cycles behind `place`
    input  logic                                       change,  // in the cycle of `held`
    input  logic [BITS-1:0]                            next
);
  localparam int ADDRESS = COUNT > 1 ? $clog2(COUNT) : 1;
  logic [ADDRESS-1:0] at_held;
  fl_delay #(.BITS(ADDRESS), .CYCLES(2)) place_delay (.clk, .rst(1'b0), .x(place), .y(at_held));
  generate
    if (COUNT >= 4) begin : g_memory
      logic write;
      logic [ADDRESS-1:0] write_address;
      logic [BITS-1:0] write_data;
      always_ff @(posedge clk) begin
        write         <= change;
        write_address <= at_held;
        write_data    <= next;
      end
      fl_memory #(.BITS(BITS), .DEPTH(COUNT), .BLOCK(BLOCK)) memory (
          .clk, .write, .write_address, .write_data, .read_address(place), .read_data(held)
      );
    end else begin : g_registers
      logic [COUNT*BITS-1:0] places;
      assign held = places[int'(at_held)*BITS+:BITS];
      always_ff @(posedge clk)
        for (int i = 0; i < COUNT; i++)
          if (change && int'(at_held) == i) places[i*BITS+:BITS] <= next;
    end
  endgenerate
endmodule
