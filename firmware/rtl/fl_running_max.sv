// One pass of a max pool: windows of KERNEL positions every STRIDE along lines of LENGTH positions with
// BEFORE and AFTER positions of padding; a position has INNER tokens. `along` the rows of a pool INNER is the tokens of a
// pixel, `down` its columns the tokens of a row of windows.
//
// Padding never wins and takes no time: the first position is the first of every window that begins in front of it, and
// a window that ends behind the last position is finished there, unless another is, too. Windows overlap where the
// stride is below the kernel: SLOTS of them are open at a time, and a slot is free again before it is needed.
//
// Steps: one for every token; that of a position where a window ends writes. LATENCY 3: two for the largest so far, one to
// compare.
module fl_running_max #(
    parameter int BITS = 8,
    parameter bit SIGNED = 0,
    parameter int LANES = 1,
    parameter int BEFORE = 0,
    parameter int LENGTH = 8,
    parameter int AFTER = 0,
    parameter int INNER = 1,
    parameter int KERNEL = 2,
    parameter int STRIDE = 2,
    parameter bit BLOCK = 0
) (
    input  logic                  clk,
    input  logic                  rst,
    input  logic                  x_valid,
    output logic                  x_ready,
    input  logic [LANES*BITS-1:0] x_data,
    input  logic                  y_room,
    output logic                  y_take,
    output logic                  y_valid,
    output logic [LANES*BITS-1:0] y_data
);
  localparam int EARLY = AFTER < STRIDE ? AFTER : STRIDE - 1;  // positions by which a window may end earlier
  localparam int POSITIONS = LENGTH + AFTER - EARLY;
  localparam int SLOTS = (KERNEL + STRIDE - 1) / STRIDE;
  localparam int PERIOD = SLOTS * STRIDE;  // positions from one window of a slot to its next
  localparam int COUNT = $clog2(POSITIONS + BEFORE + PERIOD + 1) + 1;
  localparam int PLACE = INNER > 1 ? $clog2(INNER) : 1;
  localparam bit [BITS-1:0] LOWEST = SIGNED ? BITS'(1) << (BITS - 1) : '0;

  // The position that comes next, and what every slot does there: it is open, it takes the token as it is, it ends.
  logic [COUNT-1:0] position, phase;  // phase: within the padded line, modulo PERIOD
  logic [SLOTS-1:0] will_be_open, will_open, will_end;
  for (genvar slot = 0; slot < SLOTS; slot++) begin : g_next
    localparam int START = slot * STRIDE;
    wire [COUNT-1:0] place = phase >= COUNT'(START) ? phase - COUNT'(START) : phase + COUNT'(PERIOD - START);
    wire [COUNT-1:0] left = COUNT'(KERNEL - 1) - place;  // positions that the window still has
    wire is_end = position == COUNT'(LENGTH - 1) ? left <= COUNT'(EARLY)
                : position < COUNT'(LENGTH - 1) ? left == '0 : left == COUNT'(EARLY);
    assign will_be_open[slot] = (position + COUNT'(BEFORE) >= COUNT'(START)) & (place < COUNT'(KERNEL));
    assign will_open[slot] = (place == '0) | (position == '0);
    assign will_end[slot] = will_be_open[slot] & is_end;
  end

  // The position of this step; the flags are registers, which are filled in the cycle behind a reset.
  logic [SLOTS-1:0] is_open, opens, ends;
  logic [PLACE-1:0] j;
  logic is_set, is_reading, is_writing;
  wire step = is_set & (~is_reading | x_valid) & (~is_writing | y_room);
  assign x_ready = step & is_reading;
  assign y_take  = step & is_writing;

  wire is_last_token = int'(j) == INNER - 1;
  wire advance = ~is_set | (step & is_last_token);
  wire is_last_position = position == COUNT'(POSITIONS - 1);
  always_ff @(posedge clk) begin
    if (rst) begin
      is_set   <= 1'b0;
      j        <= '0;
      position <= '0;
      phase    <= COUNT'(BEFORE % PERIOD);
    end else begin
      is_set <= 1'b1;
      if (step) j <= is_last_token ? '0 : j + 1'b1;
      if (advance) begin
        position   <= is_last_position ? '0 : position + 1'b1;
        phase      <= is_last_position ? COUNT'(BEFORE % PERIOD) : phase == COUNT'(PERIOD - 1) ? '0 : phase + 1'b1;
        is_open    <= will_be_open;
        opens      <= will_open;
        ends       <= will_end;
        is_reading <= position < COUNT'(LENGTH);
        is_writing <= |will_end;
      end
    end
  end

  // t + 2: the token and the largest so far of every slot.
  logic [LANES*BITS-1:0] x;
  logic [SLOTS-1:0] was_open, opened, ended;
  logic changes;
  fl_delay #(.BITS(LANES * BITS), .CYCLES(2)) x_delay (
      .clk, .rst, .x(is_reading ? x_data : {LANES{LOWEST}}), .y(x)
  );
  fl_delay #(.BITS(3 * SLOTS), .CYCLES(2)) flags_delay (
      .clk, .rst, .x({is_open, opens, ends}), .y({was_open, opened, ended})
  );
  fl_delay #(.BITS(1), .CYCLES(2), .RESET(1)) step_delay (.clk, .rst, .x(step), .y(changes));

  logic [SLOTS*LANES*BITS-1:0] best;
  for (genvar slot = 0; slot < SLOTS; slot++) begin : g_slot
    logic [LANES*BITS-1:0] held;
    for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
      wire [BITS-1:0] a = x[lane*BITS+:BITS];
      wire [BITS-1:0] b = held[lane*BITS+:BITS];
      wire is_less = SIGNED ? $signed(a) < $signed(b) : a < b;
      assign best[(slot*LANES+lane)*BITS+:BITS] = ~opened[slot] & is_less ? b : a;
    end
    fl_state #(.BITS(LANES * BITS), .COUNT(INNER), .BLOCK(BLOCK)) state (
        .clk, .place(j), .held, .change(changes & was_open[slot]), .next(best[slot*LANES*BITS+:LANES*BITS])
    );
  end

  // t + 3: the window that ends, of which there is one at most.
  logic [LANES*BITS-1:0] finished;
  always_comb begin
    finished = '0;
    for (int slot = 0; slot < SLOTS; slot++)
      if (ended[slot]) finished = finished | best[slot*LANES*BITS+:LANES*BITS];
  end
  always_ff @(posedge clk) y_data <= finished;
  fl_delay #(.BITS(1), .CYCLES(3), .RESET(1)) written (.clk, .rst, .x(y_take), .y(y_valid));
endmodule
