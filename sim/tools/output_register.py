"""The register behind a block RAM of ECP5, moved into it: Yosys leaves it among the logic, 5 ns of the memory in front.

A DP16KD has a register behind its output (FPGA-TN-02204, "Output Register"; REGMODE "OUTREG"): a word comes a cycle
later, and some 5 ns earlier in it. The kernels have such a register behind every block RAM.
"""

from __future__ import annotations

MAP_FILE = "output_register.v"

# A flip-flop that became a block RAM's: a wire.
MAP = """module TRELLIS_FF (input CLK, LSR, CE, DI, output Q);
  parameter GSR = "ENABLED";
  parameter CEMUX = "1";
  parameter CLKMUX = "CLK";
  parameter LSRMUX = "LSR";
  parameter REGSET = "RESET";
  assign Q = DI;
endmodule
"""

# For Yosys, behind synth_ecp5: of block RAMs that nothing reads but flip-flops without enable and reset, these go. The
# kernels have one clock.
SCRIPT = (
    "select -set plain t:TRELLIS_FF r:CEMUX=1 %i r:SRMODE %d",
    "select -set others t:DP16KD %co2 c:* %i t:DP16KD @plain %u %d",
    "select -set blocks t:DP16KD @others %ci2 %d",
    "select -set registers @blocks %co2 @plain %i",
    f"techmap -map {MAP_FILE} @registers",
    'setparam -set REGMODE_A "OUTREG" -set REGMODE_B "OUTREG" @blocks',
    "opt_clean",
)
