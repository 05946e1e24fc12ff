// Sliding windows: pixels in raster order become the windows of a convolution. A window goes out in the order (group, ky,
// kx, c); a token holds SIMD channels of ROWS pixels, one below the other (ROWS is 1 or KERNEL_HEIGHT).
//
// BUFFER_ROWS rows of pixels are held. Steps: the first FILL_PIXELS pixels come in. Then every window takes
// STEPS = max(READS, LOADS) steps: the first READS write its tokens, and the first LOADS read tokens of the
// next pixels, until the STRIDE_HEIGHT rows due with this row of windows are in. A step that reads and writes does both.
//
// LATENCY 4: a token's address in cycle t + 1, the memory's register t + 2, one behind it t + 3, padding and rows t + 4.
module fl_line_buffer #(
    parameter int BITS = 8,  // of a value
    parameter int SIMD = 1,
    parameter int ROWS = 1,
    parameter int GROUPS = 1,
    parameter int IN_CHANNELS = 1,
    parameter int IN_HEIGHT = 8,
    parameter int IN_WIDTH = 8,
    parameter int OUT_HEIGHT = 8,
    parameter int OUT_WIDTH = 8,
    parameter int KERNEL_HEIGHT = 3,
    parameter int KERNEL_WIDTH = 3,
    parameter int STRIDE_HEIGHT = 1,
    parameter int STRIDE_WIDTH = 1,
    parameter int PAD_TOP = 1,
    parameter int PAD_LEFT = 1,
    parameter int FILL_PIXELS = 10,
    parameter int BUFFER_ROWS = 3,
    parameter bit [BITS-1:0] ZERO_POINT = '0,
    parameter bit BLOCK = 1
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      x_valid,
    output logic                      x_ready,
    input  logic [SIMD*BITS-1:0]      x_data,
    input  logic                      y_room,
    output logic                      y_take,
    output logic                      y_valid,
    output logic [ROWS*SIMD*BITS-1:0] y_data
);
  localparam int FOLDS = IN_CHANNELS / SIMD;  // tokens of a pixel
  localparam int GROUP_FOLDS = FOLDS / GROUPS;
  localparam int ROW = IN_WIDTH * FOLDS;
  localparam int BANKS = ROWS == 1 ? 1 : BUFFER_ROWS;  // a row is a memory of its own where several are read at once
  localparam int DEPTH = BUFFER_ROWS / BANKS * ROW;
  localparam int FILL = FILL_PIXELS * FOLDS;
  localparam int REST = IN_HEIGHT * ROW - FILL;  // tokens that come in behind the fill
  localparam int STRIDE_ROWS = STRIDE_HEIGHT * ROW;  // tokens due with a row of windows
  localparam int FIRST_DUE = REST < STRIDE_ROWS ? REST : STRIDE_ROWS;
  localparam int PACE = (STRIDE_ROWS + OUT_WIDTH - 1) / OUT_WIDTH;
  localparam int PIXEL_PACE = STRIDE_HEIGHT * STRIDE_WIDTH * FOLDS;
  localparam int LOADS = PACE > PIXEL_PACE ? PACE : PIXEL_PACE;
  localparam int READS = KERNEL_HEIGHT / ROWS * KERNEL_WIDTH * FOLDS;
  localparam int STEPS = READS > LOADS ? READS : LOADS;
  localparam int FIRST_ROW = (BUFFER_ROWS - PAD_TOP % BUFFER_ROWS) % BUFFER_ROWS;  // that holds row -PAD_TOP
  localparam int ROW_STEP = BANKS == 1 ? ROW : 0;  // from one row of the buffer to the next, in the same memory
  localparam int ROW_END = BUFFER_ROWS * ROW_STEP;

  // Widths: of signed places in the padded image, of addresses in the buffer, and of counts of tokens.
  localparam int Y_BITS = $clog2(IN_HEIGHT + KERNEL_HEIGHT + STRIDE_HEIGHT + PAD_TOP + OUT_HEIGHT * STRIDE_HEIGHT) + 2;
  localparam int X_BITS = $clog2(IN_WIDTH + KERNEL_WIDTH + STRIDE_WIDTH + PAD_LEFT + OUT_WIDTH * STRIDE_WIDTH) + 2;
  localparam int COLUMN_BITS = X_BITS + $clog2(FOLDS + 1);
  localparam int ADDRESS = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam int PLACE_BITS = $clog2(ROW_END + STRIDE_HEIGHT * ROW + ROW + 1) + 2;
  localparam int COUNT = $clog2(IN_HEIGHT * ROW + STEPS + 1) + 1;
  localparam int BANK_BITS = $clog2(BUFFER_ROWS + STRIDE_HEIGHT + ROWS + 1) + 1;

  // ---- The loops: fill, then windows. What ends with the next step is a register, as `step` is late.
  logic is_filling, is_taking, is_giving;
  logic is_last_x, is_last_y;  // x, y are at their ends
  logic is_last_step, is_row_end, is_image_end;  // of a window, a row of windows, an image; none while the buffer fills
  logic [COUNT-1:0] fill, i, rest, due;
  logic [Y_BITS-1:0] y;
  logic [X_BITS-1:0] x;
  wire step = (~is_taking | x_valid) & (~is_giving | y_room);
  assign x_ready = step & is_taking;
  assign y_take  = step & is_giving;

  wire is_fill_end = is_filling & (fill == COUNT'(FILL - 1));
  wire [COUNT-1:0] due_after = due - COUNT'(is_taking);
  wire [COUNT-1:0] i_after = is_last_step ? '0 : i + 1'b1;
  wire is_last_after = STEPS == 1 || i == COUNT'(STEPS - 2);
  wire is_last_x_after = is_row_end ? OUT_WIDTH == 1 : is_last_step ? x == X_BITS'(OUT_WIDTH - 2) : is_last_x;
  wire is_last_y_after = is_row_end ? y == Y_BITS'(OUT_HEIGHT - 2) : is_last_y;
  wire [COUNT-1:0] next_due = rest < COUNT'(STRIDE_ROWS) ? rest : COUNT'(STRIDE_ROWS);

  always_ff @(posedge clk) begin
    if (rst | (step & is_image_end)) begin
      is_filling   <= FILL > 0;  // none where the first window is all padding
      is_taking    <= FILL > 0 || FIRST_DUE > 0;
      is_giving    <= FILL == 0;
      fill         <= '0;
      i            <= '0;
      x            <= '0;
      y            <= '0;
      is_last_x    <= OUT_WIDTH == 1;
      is_last_y    <= OUT_HEIGHT == 1;
      is_last_step <= FILL == 0 && STEPS == 1;
      is_row_end   <= FILL == 0 && STEPS == 1 && OUT_WIDTH == 1;
      is_image_end <= FILL == 0 && STEPS == 1 && OUT_WIDTH == 1 && OUT_HEIGHT == 1;
      rest         <= COUNT'(REST - FIRST_DUE);
      due          <= COUNT'(FIRST_DUE);
    end else if (step & is_filling) begin
      fill <= fill + 1'b1;
      if (is_fill_end) begin
        is_filling   <= 1'b0;
        is_taking    <= FIRST_DUE > 0;
        is_giving    <= 1'b1;
        is_last_step <= STEPS == 1;
        is_row_end   <= STEPS == 1 && OUT_WIDTH == 1;
        is_image_end <= STEPS == 1 && OUT_WIDTH == 1 && OUT_HEIGHT == 1;
      end
    end else if (step) begin
      i            <= i_after;
      is_giving    <= i_after < COUNT'(READS);
      is_last_step <= is_last_after;
      is_row_end   <= is_last_after & is_last_x_after;
      is_last_x    <= is_last_x_after;
      is_last_y    <= is_last_y_after;
      is_image_end <= is_last_after & is_last_x_after & is_last_y_after;
      if (is_row_end) begin
        x         <= '0;
        y         <= y + 1'b1;
        due       <= next_due;
        rest      <= rest - next_due;
        is_taking <= rest != '0;
      end else begin
        if (is_last_step) x <= x + 1'b1;
        due       <= due_after;
        is_taking <= (i_after < COUNT'(LOADS)) & (due_after != '0);
      end
    end
  end

  // ---- Where the next token comes in.
  logic [BANK_BITS-1:0] in_bank;
  logic [ADDRESS-1:0] in_address;
  wire is_bank_end = in_address == ADDRESS'(DEPTH - 1);
  always_ff @(posedge clk) begin
    if (rst | (step & is_image_end)) begin
      in_bank    <= '0;
      in_address <= '0;
    end else if (x_ready) begin
      in_address <= is_bank_end ? '0 : in_address + 1'b1;
      if (is_bank_end) in_bank <= in_bank == BANK_BITS'(BANKS - 1) ? '0 : in_bank + 1'b1;
    end
  end

  // ---- Where the next token of a window is: c counts from the first token of a group, kx and ky within the kernel.
  logic [COUNT-1:0] c, first;
  logic signed [X_BITS-1:0] kx, left;
  logic signed [Y_BITS-1:0] ky, top;
  logic signed [COLUMN_BITS-1:0] column, left_column;
  logic [BANK_BITS-1:0] top_row;
  logic [PLACE_BITS-1:0] top_address, address;

  wire is_group_end = c == COUNT'(GROUP_FOLDS - 1);
  wire is_kernel_row_end = is_group_end & (kx == X_BITS'(KERNEL_WIDTH - 1));
  wire is_kernel_end = is_kernel_row_end & (ky == Y_BITS'(KERNEL_HEIGHT - ROWS));
  wire [COUNT-1:0] next_first = first == COUNT'(FOLDS - GROUP_FOLDS) ? '0 : first + COUNT'(GROUP_FOLDS);
  wire [PLACE_BITS-1:0] below = address + PLACE_BITS'(ROW_STEP);
  wire [PLACE_BITS-1:0] top_below = top_address + PLACE_BITS'(STRIDE_HEIGHT * ROW_STEP % (ROW_END > 0 ? ROW_END : 1));
  wire [PLACE_BITS-1:0] next_top = top_below >= PLACE_BITS'(ROW_END) ? top_below - PLACE_BITS'(ROW_END) : top_below;
  wire [BANK_BITS-1:0] row_below = top_row + BANK_BITS'(STRIDE_HEIGHT % BUFFER_ROWS);

  always_ff @(posedge clk) begin
    if (rst | (step & is_image_end)) begin
      c           <= '0;
      first       <= '0;
      kx          <= '0;
      ky          <= '0;
      top         <= Y_BITS'(-PAD_TOP);
      left        <= X_BITS'(-PAD_LEFT);
      left_column <= COLUMN_BITS'(-PAD_LEFT * FOLDS);
      column      <= COLUMN_BITS'(-PAD_LEFT * FOLDS);
      top_row     <= BANK_BITS'(FIRST_ROW);
      top_address <= PLACE_BITS'(FIRST_ROW * ROW_STEP);
      address     <= PLACE_BITS'(FIRST_ROW * ROW_STEP);
    end else if (step & ~is_filling) begin
      if (is_giving) begin
        c      <= is_group_end ? '0 : c + 1'b1;
        column <= column + COLUMN_BITS'(is_group_end ? FOLDS - GROUP_FOLDS + 1 : 1);
        if (is_group_end) kx <= is_kernel_row_end ? '0 : kx + 1'b1;
        if (is_kernel_row_end) begin
          ky      <= is_kernel_end ? '0 : ky + Y_BITS'(ROWS);
          address <= is_kernel_end ? top_address : below == PLACE_BITS'(ROW_END) ? '0 : below;
          column  <= left_column + COLUMN_BITS'(is_kernel_end ? next_first : first);
        end
        if (is_kernel_end) first <= next_first;
      end
      if (is_row_end) begin
        left        <= X_BITS'(-PAD_LEFT);
        left_column <= COLUMN_BITS'(-PAD_LEFT * FOLDS);
        column      <= COLUMN_BITS'(-PAD_LEFT * FOLDS);
        top         <= top + Y_BITS'(STRIDE_HEIGHT);
        top_row     <= row_below >= BANK_BITS'(BUFFER_ROWS) ? row_below - BANK_BITS'(BUFFER_ROWS) : row_below;
        top_address <= next_top;
        address     <= next_top;
      end else if (is_last_step) begin
        left        <= left + X_BITS'(STRIDE_WIDTH);
        left_column <= left_column + COLUMN_BITS'(STRIDE_WIDTH * FOLDS);
        column      <= left_column + COLUMN_BITS'(STRIDE_WIDTH * FOLDS);
      end
    end
  end

  // ---- t + 1: the token's address, and what is padding.
  wire signed [X_BITS-1:0] ix = left + kx;
  wire is_inside = ~ix[X_BITS-1] & (ix < X_BITS'(IN_WIDTH));
  logic [ADDRESS-1:0] place;
  logic [ROWS-1:0] is_real, is_real_kept;
  logic [ROWS*BANK_BITS-1:0] banks, banks_kept;
  for (genvar j = 0; j < ROWS; j++) begin : g_where
    wire signed [Y_BITS-1:0] iy = top + ky + Y_BITS'(j);
    wire [BANK_BITS-1:0] row = top_row + BANK_BITS'(j);
    always_ff @(posedge clk) begin
      is_real[j] <= is_inside & ~iy[Y_BITS-1] & (iy < Y_BITS'(IN_HEIGHT));
      banks[j*BANK_BITS+:BANK_BITS] <= row >= BANK_BITS'(BUFFER_ROWS) ? row - BANK_BITS'(BUFFER_ROWS) : row;
    end
  end
  always_ff @(posedge clk)
    place <= is_inside ? ADDRESS'(address + PLACE_BITS'(column)) : '0;

  // ---- t + 1: a token is written; t + 3: the memories are read.
  logic [SIMD*BITS-1:0] taken;
  logic [ADDRESS-1:0] write_address;
  logic [BANKS-1:0] writes;
  logic [BANKS*SIMD*BITS-1:0] words;
  always_ff @(posedge clk) begin
    taken         <= x_data;
    write_address <= in_address;
    for (int b = 0; b < BANKS; b++) writes[b] <= x_ready & (in_bank == BANK_BITS'(b));
  end
  for (genvar b = 0; b < BANKS; b++) begin : g_bank
    fl_memory #(.BITS(SIMD * BITS), .DEPTH(DEPTH), .BLOCK(BLOCK)) memory (
        .clk, .write(writes[b]), .write_address, .write_data(taken),
        .read_address(place), .read_data(words[b*SIMD*BITS+:SIMD*BITS])
    );
  end
  fl_delay #(.BITS(ROWS), .CYCLES(2)) real_delay (.clk, .rst, .x(is_real), .y(is_real_kept));
  fl_delay #(.BITS(ROWS * BANK_BITS), .CYCLES(2)) banks_delay (.clk, .rst, .x(banks), .y(banks_kept));

  // ---- t + 4: the token.
  for (genvar j = 0; j < ROWS; j++) begin : g_row
    logic [SIMD*BITS-1:0] word;
    if (BANKS == 1) begin : g_one
      assign word = words;
    end else begin : g_several
      assign word = words[int'(banks_kept[j*BANK_BITS+:BANK_BITS])*SIMD*BITS+:SIMD*BITS];
    end
    always_ff @(posedge clk) y_data[j*SIMD*BITS+:SIMD*BITS] <= is_real_kept[j] ? word : {SIMD{ZERO_POINT}};
  end
  fl_delay #(.BITS(1), .CYCLES(4), .RESET(1)) given (.clk, .rst, .x(y_take), .y(y_valid));
endmodule
