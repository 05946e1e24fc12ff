"""Cells of a synthesized netlist as the resources that the cost model counts."""

from __future__ import annotations

from collections.abc import Mapping

from fireline.codegen.plan.cost.memory import Resources

# LUTs of one cell. On ECP5 as nextpnr's TRELLIS_COMB, and two more for the write port of a distributed RAM; on Xilinx
# as in UG474 and UG574. Multiplexers behind LUTs (PFUMX, L6MUX21, MUXF7 to MUXF9) and carry chains there take none.
LUTS = {
    **{f"LUT{inputs}": 1 for inputs in range(1, 7)},
    "CCU2C": 2,
    "TRELLIS_DPR16X4": 2,  # of its write port
    "SRL16E": 1,
    "SRLC32E": 1,
}
LUTS_AS_MEMORY = {
    "TRELLIS_DPR16X4": 4,
    "RAM32X1S": 1,
    "RAM32X1D": 2,
    "RAM64X1S": 1,
    "RAM64X1D": 2,
    "RAM128X1S": 2,
    "RAM128X1D": 4,
    "RAM256X1S": 4,
    "RAM256X1D": 8,
    "RAM512X1S": 8,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32M16": 8,
    "RAM64M8": 8,
    "RAM64X8SW": 8,
}
FLIP_FLOPS = ("TRELLIS_FF", "FDRE", "FDSE", "FDCE", "FDPE")
MULTIPLIERS = ("MULT18X18D", "DSP48E1", "DSP48E2")
BLOCKS = {"DP16KD": 1, "PDPW16KD": 1, "RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2}
ULTRARAMS = ("URAM288", "URAM288_BASE")


def resources(cells: Mapping[str, int]) -> Resources:
    """What `cells`, counted by type, take; cells of other types take nothing that is counted."""
    memory = sum(count * cells.get(cell, 0) for cell, count in LUTS_AS_MEMORY.items())
    shifts = cells.get("SRL16E", 0) + cells.get("SRLC32E", 0)
    return Resources(
        lut=memory + sum(count * cells.get(cell, 0) for cell, count in LUTS.items()),
        lutram=memory + shifts,
        ff=sum(cells.get(cell, 0) for cell in FLIP_FLOPS),
        dsp=sum(cells.get(cell, 0) for cell in MULTIPLIERS),
        bram18=sum(count * cells.get(cell, 0) for cell, count in BLOCKS.items()),
        uram=sum(cells.get(cell, 0) for cell in ULTRARAMS),
    )
