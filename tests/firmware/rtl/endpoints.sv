// Where the tokens of a test come from and go to. With `stall` both wait at random, each with a phase of its own.
/* verilator lint_off DECLFILENAME */
/* verilator lint_off WIDTH */
module source #(
    parameter int BITS = 8,
    parameter int TOKENS = 1,
    parameter     FILE = "x.hex"
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            stall,
    input  logic            room,
    output logic            valid,
    output logic [BITS-1:0] data
);
  logic [BITS-1:0] tokens[TOKENS];
  logic [31:0] next;
  logic wait_;
  initial $readmemh(FILE, tokens);
  assign valid = room & ~wait_ & ~rst & (next < TOKENS);
  assign data = tokens[next < TOKENS ? next : 0];
  always_ff @(posedge clk) begin
    wait_ <= stall & ($urandom % 3 == 0);
    if (rst) next <= '0;
    else if (valid) next <= next + 1;
  end
endmodule

module sink #(
    parameter int BITS = 8,
    parameter int TOKENS = 1,
    parameter     FILE = "y.txt"
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            stall,
    input  logic            valid,
    output logic            ready,
    input  logic [BITS-1:0] data,
    output logic            done
);
  logic [31:0] seen, cycle;
  logic wait_;
  int file;
  initial file = $fopen(FILE, "w");
  assign ready = valid & ~wait_;
  assign done = seen == TOKENS;
  always_ff @(posedge clk) begin
    wait_ <= stall & ($urandom % 3 == 0);
    if (rst) begin
      seen  <= '0;
      cycle <= '0;
    end else begin
      cycle <= cycle + 1;
      if (ready) begin
        seen <= seen + 1;
        $fdisplay(file, "%0d %h", cycle, data);
      end
    end
  end
endmodule
/* verilator lint_on WIDTH */
