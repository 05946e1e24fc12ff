// The cells of Lattice ECP5 that Yosys writes into a netlist, as Verilator simulates them: what they do, without timing, and no
// more modes than Yosys uses. Logic and carry chains do what Yosys' simulation library says, block RAM and multipliers what its
// technology mapping assumes.
module LUT4 #(
    parameter bit [15:0] INIT = 0
) (
    input  A, B, C, D,
    output Z
);
  assign Z = INIT[{D, C, B, A}];
endmodule

module PFUMX (
    input  ALUT, BLUT, C0,
    output Z
);
  assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21 (
    input  D0, D1, SD,
    output Z
);
  assign Z = SD ? D1 : D0;
endmodule

// Two bits of a carry chain. A half adds its carry to a LUT4, which says, too, whether the carry goes on; where it does not,
// the LUT2 in the low bits makes one. An injecting half takes no carry.
module CCU2C #(
    parameter bit [15:0] INIT0 = 0,
    parameter bit [15:0] INIT1 = 0,
    parameter INJECT1_0 = "YES",
    parameter INJECT1_1 = "YES"
) (
    input  CIN, A0, B0, C0, D0, A1, B1, C1, D1,
    output S0, S1, COUT
);
  wire goes_on_0 = INIT0[{D0, C0, B0, A0}];
  wire goes_on_1 = INIT1[{D1, C1, B1, A1}];
  wire makes_0 = INJECT1_0 != "YES" && INIT0[{2'b00, B0, A0}];
  wire makes_1 = INJECT1_1 != "YES" && INIT1[{2'b00, B1, A1}];
  wire carry = goes_on_0 ? CIN : makes_0;
  assign S0 = goes_on_0 ^ (INJECT1_0 != "YES" && CIN);
  assign S1 = goes_on_1 ^ (INJECT1_1 != "YES" && carry);
  assign COUT = goes_on_1 ? carry : makes_1;
endmodule

// A flip-flop: LSR sets or resets it at the clock, whether it is enabled or not.
module TRELLIS_FF #(
    parameter GSR = "ENABLED",
    parameter CEMUX = "1",
    parameter CLKMUX = "CLK",
    parameter LSRMUX = "LSR",
    parameter SRMODE = "LSR_OVER_CE",
    parameter REGSET = "RESET"
) (
    input      CLK, LSR, CE, DI,
    output reg Q
);
  wire enabled = CEMUX == "1" ? 1'b1 : CEMUX == "INV" ? ~CE : CE;
  wire forced = LSRMUX == "INV" ? ~LSR : LSR;
  initial begin
    Q = REGSET == "SET";
    if (CLKMUX != "CLK" || SRMODE != "LSR_OVER_CE") $fatal(1, "TRELLIS_FF: a mode that is not simulated");
  end
  always_ff @(posedge CLK) begin
    if (forced) Q <= REGSET == "SET";
    else if (enabled) Q <= DI;
  end
endmodule

// A distributed RAM: 16 words of 4 bits.
module TRELLIS_DPR16X4 #(
    parameter WCKMUX = "WCK",
    parameter WREMUX = "WRE",
    parameter bit [63:0] INITVAL = 0
) (
    input  [3:0] DI, WAD, RAD,
    input        WRE, WCK,
    output [3:0] DO
);
  reg [63:0] words = INITVAL;
  assign DO = words[4*RAD+:4];
  initial if (WCKMUX != "WCK" || WREMUX != "WRE") $fatal(1, "TRELLIS_DPR16X4: a mode that is not simulated");
  always_ff @(posedge WCK) if (WRE) words[4*WAD+:4] <= DI;
endmodule

// Signed or unsigned factors of 18 bits; its registers are not used.
module MULT18X18D #(
    parameter REG_INPUTA_CLK = "NONE",
    parameter REG_INPUTB_CLK = "NONE",
    parameter REG_PIPELINE_CLK = "NONE",
    parameter REG_OUTPUT_CLK = "NONE"
) (
    input
        A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, A10, A11, A12, A13, A14, A15, A16, A17,
        B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B12, B13, B14, B15, B16, B17,
        C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, C10, C11, C12, C13, C14, C15, C16, C17,
        SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
    output
        P0, P1, P2, P3, P4, P5, P6, P7, P8, P9, P10, P11, P12, P13, P14, P15, P16, P17, P18, P19, P20, P21, P22, P23,
        P24, P25, P26, P27, P28, P29, P30, P31, P32, P33, P34, P35
);
  wire [17:0] a = {
      A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0
  };
  wire [17:0] b = {
      B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0
  };
  wire signed [35:0] wide_a = {{18{SIGNEDA & a[17]}}, a};
  wire signed [35:0] wide_b = {{18{SIGNEDB & b[17]}}, b};
  assign {
      P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14, P13,
      P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
  } = wide_a * wide_b;
endmodule

// Block RAM: 1,024 words of 18 bits, of which a port sees the whole, two at once, or a part. A part of 9 bits is a half; smaller ones
// leave the ninth bits out. A port of 36 bits is of both sides' data, A's low, and the memory is written through A and read through B.
module DP16KD #(
    parameter int DATA_WIDTH_A = 18,
    parameter int DATA_WIDTH_B = 18,
    parameter REGMODE_A = "NOREG",
    parameter REGMODE_B = "NOREG",
    parameter RESETMODE = "SYNC",
    parameter ASYNC_RESET_RELEASE = "SYNC",
    parameter CSDECODE_A = "0b000",
    parameter CSDECODE_B = "0b000",
    parameter CLKAMUX = "CLKA",
    parameter CLKBMUX = "CLKB",
    parameter WRITEMODE_A = "NORMAL",
    parameter WRITEMODE_B = "NORMAL",
    parameter GSR = "ENABLED",
    parameter bit [319:0]
        INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 = 0, INITVAL_06 = 0,
        INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0, INITVAL_0C = 0, INITVAL_0D = 0,
        INITVAL_0E = 0, INITVAL_0F = 0, INITVAL_10 = 0, INITVAL_11 = 0, INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0,
        INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0, INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0,
        INITVAL_1C = 0, INITVAL_1D = 0, INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0,
        INITVAL_23 = 0, INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0, INITVAL_28 = 0, INITVAL_29 = 0,
        INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0, INITVAL_30 = 0,
        INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0, INITVAL_36 = 0, INITVAL_37 = 0,
        INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0, INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0,
        INITVAL_3F = 0
) (
    input
        CLKA, WEA, CEA, OCEA, RSTA, CSA0, CSA1, CSA2,
        ADA0, ADA1, ADA2, ADA3, ADA4, ADA5, ADA6, ADA7, ADA8, ADA9, ADA10, ADA11, ADA12, ADA13,
        DIA0, DIA1, DIA2, DIA3, DIA4, DIA5, DIA6, DIA7, DIA8, DIA9, DIA10, DIA11, DIA12, DIA13, DIA14, DIA15, DIA16,
        DIA17,
        CLKB, WEB, CEB, OCEB, RSTB, CSB0, CSB1, CSB2,
        ADB0, ADB1, ADB2, ADB3, ADB4, ADB5, ADB6, ADB7, ADB8, ADB9, ADB10, ADB11, ADB12, ADB13,
        DIB0, DIB1, DIB2, DIB3, DIB4, DIB5, DIB6, DIB7, DIB8, DIB9, DIB10, DIB11, DIB12, DIB13, DIB14, DIB15, DIB16,
        DIB17,
    output
        DOA0, DOA1, DOA2, DOA3, DOA4, DOA5, DOA6, DOA7, DOA8, DOA9, DOA10, DOA11, DOA12, DOA13, DOA14, DOA15, DOA16,
        DOA17,
        DOB0, DOB1, DOB2, DOB3, DOB4, DOB5, DOB6, DOB7, DOB8, DOB9, DOB10, DOB11, DOB12, DOB13, DOB14, DOB15, DOB16,
        DOB17
);
  localparam bit [20479:0] INIT = {
      INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38, INITVAL_37,
      INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30, INITVAL_2F, INITVAL_2E,
      INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28, INITVAL_27, INITVAL_26, INITVAL_25,
      INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20, INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C,
      INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18, INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13,
      INITVAL_12, INITVAL_11, INITVAL_10, INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A,
      INITVAL_09, INITVAL_08, INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01,
      INITVAL_00
  };
  wire [13:0] a = {
      ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0
  };
  wire [13:0] b = {
      ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0
  };
  wire [35:0] data_a = {
      DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
      DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0
  };
  reg [17:0] words[1024];
  initial begin
    for (int i = 0; i < 1024; i++) words[i] = INIT[20*i+:18];
    if (REGMODE_A != REGMODE_B || CLKAMUX != "CLKA" || CLKBMUX != "CLKB")
      $fatal(1, "DP16KD: a mode that is not simulated");
  end

  // Writing.
  localparam int WIDTH_A = DATA_WIDTH_A;
  wire write = CEA & WEA;
  always_ff @(posedge CLKA) begin
    if (CEB & WEB) $fatal(1, "DP16KD: a write through port B is not simulated");
    if (write) begin
      case (WIDTH_A)
        36: for (int i = 0; i < 4; i++) if (a[i]) words[{a[13:5], i[1]}][i[0]*9+:9] <= data_a[9*i+:9];
        18: for (int i = 0; i < 2; i++) if (a[i]) words[a[13:4]][9*i+:9] <= data_a[9*i+:9];
        9: words[a[13:4]][a[3]*9+:9] <= data_a[8:0];
        4: words[a[13:4]][a[3]*9+a[2]*4+:4] <= data_a[3:0];
        2: words[a[13:4]][a[3]*9+a[2:1]*2+:2] <= data_a[1:0];
        default: words[a[13:4]][a[3]*9+a[2:0]] <= data_a[0];
      endcase
    end
  end

  // Reading.
  reg [17:0] out_a, out_b;
  function automatic bit [17:0] part(bit [17:0] word, bit [3:0] at, int width);
    case (width)
      18: return word;
      9: return 18'(word[at[3]*9+:9]);
      4: return 18'(word[at[3]*9+at[2]*4+:4]);
      2: return 18'(word[at[3]*9+at[2:1]*2+:2]);
      default: return 18'(word[at[3]*9+at[2:0]]);
    endcase
  endfunction
  initial begin
    out_a = 0;
    out_b = 0;
  end
  generate
    if (DATA_WIDTH_B == 36) begin : g_wide
      always_ff @(posedge CLKB) begin
        if (RSTB) {out_b, out_a} <= 0;
        else if (CEB) {out_b, out_a} <= {words[{b[13:5], 1'b1}], words[{b[13:5], 1'b0}]};
      end
    end else begin : g_each
      always_ff @(posedge CLKB) begin
        if (RSTB) out_b <= 0;
        else if (CEB) out_b <= part(words[b[13:4]], b[3:0], DATA_WIDTH_B);
      end
      // Port A reads what was there before a write.
      always_ff @(posedge CLKA) begin
        if (RSTA) out_a <= 0;
        else if (CEA) out_a <= part(words[a[13:4]], a[3:0], DATA_WIDTH_A);
      end
    end
  endgenerate

  // The output register, where there is one, has the clock of its port, and that of port B where that reads both sides.
  reg [17:0] kept_a, kept_b;
  always_ff @(posedge CLKB) kept_b <= out_b;
  generate
    if (DATA_WIDTH_B == 36) begin : g_kept_wide
      always_ff @(posedge CLKB) kept_a <= out_a;
    end else begin : g_kept_each
      always_ff @(posedge CLKA) kept_a <= out_a;
    end
  endgenerate
  localparam bit IS_KEPT = REGMODE_B == "OUTREG";
  assign {
      DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0
  } = IS_KEPT ? kept_a : out_a;
  assign {
      DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
  } = IS_KEPT ? kept_b : out_b;
endmodule
