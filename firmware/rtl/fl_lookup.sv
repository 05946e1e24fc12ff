// Any function of an integer of few bits, as a table: one for every lane, and one for every fold where the channels
// differ (TABLE_FOLDS > 1, the tokens of a pixel). Entries are in the order of the input, lowest first.
//
// PER_LANE = 0: all lanes have the table of FILE_000.hex. PER_LANE = 1: lane 12 has that of FILE_012.hex. A file has
// TABLE_FOLDS * 2^BITS rows.
//
// Steps: every one reads and writes. LATENCY 2: the memory's register, and one behind it.
module fl_lookup #(
    parameter int LANES = 1,
    parameter int BITS = 8,
    parameter bit SIGNED = 0,
    parameter int OUT_BITS = 8,
    parameter int TABLE_FOLDS = 1,
    parameter bit PER_LANE = 0,
    parameter     FILE = "table"
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
  localparam int ROWS = TABLE_FOLDS * 2 ** BITS;
  localparam int FOLD_BITS = TABLE_FOLDS > 1 ? $clog2(TABLE_FOLDS) : 1;
  localparam int ADDRESS = $clog2(ROWS);

  wire step = x_valid & y_room;
  assign x_ready = step;
  assign y_take  = step;

  logic [FOLD_BITS-1:0] fold;
  always_ff @(posedge clk) begin
    if (rst) fold <= '0;
    else if (step) fold <= int'(fold) == TABLE_FOLDS - 1 ? '0 : fold + 1'b1;
  end

  for (genvar lane = 0; lane < LANES; lane++) begin : g_lane
    localparam int NUMBER = PER_LANE ? lane : 0;
    logic [OUT_BITS-1:0] memory[ROWS];
    logic [OUT_BITS-1:0] entry, kept;
    wire [BITS-1:0] x = x_data[lane*BITS+:BITS];
    wire [BITS-1:0] place = SIGNED ? x ^ (BITS'(1) << (BITS - 1)) : x;  // counts from the lowest
    initial $readmemh({FILE, "_", 8'(48 + NUMBER / 100), 8'(48 + NUMBER / 10 % 10), 8'(48 + NUMBER % 10), ".hex"}, memory);
    always_ff @(posedge clk) begin
      entry <= memory[ADDRESS'({fold, place})];
      kept  <= entry;
    end
    assign y_data[lane*OUT_BITS+:OUT_BITS] = kept;
  end
  fl_delay #(.BITS(1), .CYCLES(2), .RESET(1)) written (.clk, .rst, .x(y_take), .y(y_valid));
endmodule
