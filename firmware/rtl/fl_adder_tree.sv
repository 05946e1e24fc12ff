// The sum of TERMS signed values. A register behind every second level of the tree, so
// latency ceil(ceil(log2 TERMS) / 2).
module fl_adder_tree #(
    parameter int TERMS = 4,
    parameter int BITS = 8,  // of a term
    parameter int SUM_BITS = 10  // holds every partial sum
) (
    input  logic                       clk,
    input  logic [TERMS*BITS-1:0]      terms,
    output logic signed [SUM_BITS-1:0] sum
);
  localparam int LEFT = (TERMS + 3) / 4;  // after a pair of levels
  generate
    if (TERMS == 1) begin : g_one
      assign sum = SUM_BITS'($signed(terms));
    end else begin : g_pair
      logic [LEFT*SUM_BITS-1:0] sums;
      for (genvar i = 0; i < LEFT; i++) begin : g_sum
        localparam int COUNT = TERMS - 4 * i < 4 ? TERMS - 4 * i : 4;
        logic signed [SUM_BITS-1:0] total;
        always_comb begin
          total = '0;
          for (int k = 0; k < COUNT; k++) total = total + SUM_BITS'($signed(terms[(4*i+k)*BITS+:BITS]));
        end
        always_ff @(posedge clk) sums[i*SUM_BITS+:SUM_BITS] <= total;
      end
      fl_adder_tree #(.TERMS(LEFT), .BITS(SUM_BITS), .SUM_BITS(SUM_BITS)) rest (.clk, .terms(sums), .sum);
    end
  endgenerate
endmodule
