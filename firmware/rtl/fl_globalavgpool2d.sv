// The exact sum of every channel over all PIXELS; the division is in the scale of the result. A pixel has FOLDS tokens.
//
// Steps: one for every token; those of the last pixel write. LATENCY 3: two for the sum so far, one to add.
module fl_globalavgpool2d #(
    parameter int BITS = 8,
    parameter bit SIGNED = 0,
    parameter int OUT_BITS = 16,
    parameter int LANES = 1,
    parameter int PIXELS = 4,
    parameter int FOLDS = 1,
    parameter bit BLOCK = 0
) (
    input  logic                      clk,
    input  logic                      rst,
    input  logic                      x_valid,
    output logic                      x_ready,
    input  logic [LANES*BITS-1:0]     x_data,
    input  logic                      y_room,
    output logic                      y_take,
    output logic                      y_valid,
    output logic [LANES*OUT_BITS-1:0] y_data
);
  localparam int PLACE = FOLDS > 1 ? $clog2(FOLDS) : 1;

  logic [31:0] pixel;
  logic [PLACE-1:0] fold;
  logic is_first, is_last;  // pixel
  wire step = x_valid & (~is_last | y_room);
  assign x_ready = step;
  assign y_take  = step & is_last;

  always_ff @(posedge clk) begin
    if (rst) begin
      pixel    <= '0;
      fold     <= '0;
      is_first <= 1'b1;
      is_last  <= PIXELS == 1;
    end else if (step) begin
      fold <= int'(fold) == FOLDS - 1 ? '0 : fold + 1'b1;
      if (int'(fold) == FOLDS - 1) begin
        pixel    <= is_last ? '0 : pixel + 1;
        is_first <= is_last;
        is_last  <= PIXELS == 1 || pixel == 32'(PIXELS - 2);
      end
    end
  end

  logic [LANES*BITS-1:0] x;
  logic was_first, changes;
  logic [LANES*OUT_BITS-1:0] held, sum;
  fl_delay #(.BITS(LANES * BITS), .CYCLES(2)) x_delay (.clk, .rst, .x(x_data), .y(x));
  fl_delay #(.BITS(1), .CYCLES(2)) first_delay (.clk, .rst, .x(is_first), .y(was_first));
  fl_delay #(.BITS(1), .CYCLES(2), .RESET(1)) step_delay (.clk, .rst, .x(step), .y(changes));
  fl_state #(.BITS(LANES * OUT_BITS), .COUNT(FOLDS), .BLOCK(BLOCK)) state (
      .clk, .place(fold), .held, .change(changes), .next(sum)
  );
  for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
    wire [BITS-1:0] value = x[lane*BITS+:BITS];
    wire signed [BITS:0] wide = {SIGNED & value[BITS-1], value};
    wire [OUT_BITS-1:0] so_far = was_first ? '0 : held[lane*OUT_BITS+:OUT_BITS];
    assign sum[lane*OUT_BITS+:OUT_BITS] = so_far + OUT_BITS'(wide);
  end
  always_ff @(posedge clk) y_data <= sum;
  fl_delay #(.BITS(1), .CYCLES(3), .RESET(1)) written (.clk, .rst, .x(y_take), .y(y_valid));
endmodule
