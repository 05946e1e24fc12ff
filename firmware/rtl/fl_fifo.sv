// A stream: holds up to DEPTH tokens between the kernel that writes it and the kernel that reads it.
//
// Credits. The writer looks at `room` when it issues a step and says so with `take`; the token follows on `in_valid`
// when it leaves the writer's pipeline, and there is a place for it. `room` is low while DEPTH tokens are held or on
// their way, so a pipeline never stalls in the middle. `room`, `out_valid` and `out_data` are registers.
//
// Latency: written in cycle t, read in cycle t + 1 + LATENCY at the earliest. LATENCY is 0 in registers and LUT memory,
// 3 in block RAM (BLOCK = 1): the memory's output, a register behind it, and a queue of four in front of the reader.
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

  wire pop = out_valid & out_ready;

  logic [COUNT-1:0] taken;
  always_ff @(posedge clk) begin
    if (rst) begin
      taken <= '0;
      room  <= 1'b1;
    end else if (take & ~pop) begin
      taken <= taken + 1'b1;
      room  <= taken != COUNT'(DEPTH - 1);
    end else if (pop & ~take) begin
      taken <= taken - 1'b1;
      room  <= 1'b1;
    end
  end

  generate
    if (BLOCK) begin : g_block
      logic queue_room, fetched, arrived;
      logic [COUNT-1:0] waiting;
      logic [$clog2(DEPTH)-1:0] read_address, write_address;
      logic [BITS-1:0] fetched_data;
      wire fetch = queue_room & (waiting != '0);

      fl_memory #(.BITS(BITS), .DEPTH(DEPTH), .BLOCK(1)) memory (
          .clk, .write(in_valid), .write_address, .write_data(in_data), .read_address, .read_data(fetched_data)
      );
      always_ff @(posedge clk) begin
        fetched <= fetch & ~rst;
        arrived <= fetched & ~rst;
        if (rst) begin
          waiting       <= '0;
          read_address  <= '0;
          write_address <= '0;
        end else begin
          waiting <= waiting + COUNT'(in_valid) - COUNT'(fetch);
          if (in_valid) write_address <= int'(write_address) == DEPTH - 1 ? '0 : write_address + 1'b1;
          if (fetch) read_address <= int'(read_address) == DEPTH - 1 ? '0 : read_address + 1'b1;
        end
      end
      fl_fifo #(.BITS(BITS), .DEPTH(4)) queue (
          .clk, .rst, .room(queue_room), .take(fetch), .in_valid(arrived), .in_data(fetched_data),
          .out_valid, .out_ready, .out_data
      );
    end else if (DEPTH == 1) begin : g_one
      always_ff @(posedge clk) begin
        if (rst) out_valid <= 1'b0;
        else if (in_valid | pop) out_valid <= in_valid;
        if (in_valid) out_data <= in_data;
      end
    end else begin : g_lut
      // The oldest token is in the register `out_data`, the others in a memory behind it, where every token is
      // written: one that finds `out_data` free does not keep its place.
      localparam int REST = DEPTH - 1;
      localparam int ADDRESS = REST == 1 ? 1 : $clog2(REST);
      (* ram_style = "distributed" *) logic [BITS-1:0] memory[REST];
      logic [ADDRESS-1:0] read_address, write_address;
      logic [COUNT-1:0] waiting;
      logic is_waiting;  // waiting != 0
      wire free = pop | ~out_valid;
      wire store = in_valid & ~(free & ~is_waiting);
      wire load = free & is_waiting;

      always_ff @(posedge clk) begin
        if (in_valid) memory[write_address] <= in_data;
        if (free) out_data <= is_waiting ? memory[read_address] : in_data;
        if (rst) begin
          out_valid     <= 1'b0;
          waiting       <= '0;
          is_waiting    <= 1'b0;
          read_address  <= '0;
          write_address <= '0;
        end else begin
          if (free) out_valid <= is_waiting | in_valid;
          if (store) write_address <= int'(write_address) == REST - 1 ? '0 : write_address + 1'b1;
          if (load) read_address <= int'(read_address) == REST - 1 ? '0 : read_address + 1'b1;
          if (store & ~load) begin
            waiting    <= waiting + 1'b1;
            is_waiting <= 1'b1;
          end else if (load & ~store) begin
            waiting    <= waiting - 1'b1;
            is_waiting <= waiting != COUNT'(1);
          end
        end
      end
    end
  endgenerate
endmodule
