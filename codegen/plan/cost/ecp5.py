"""Memories and products in the four-input LUTs of Lattice ECP5 parts. docs/cost-model.md has the sources."""

from __future__ import annotations

from fireline.codegen.plan.cost.memory import Resources, ceil_div, ramb18
from fireline.fixed import IntType

# LUTs of a product in logic, two for each CCU2C: row x - 1, column w - 1 for an unsigned factor of x bits and a signed
# one of w bits. Measured with Yosys 0.70, synth_ecp5 -nodsp.
PRODUCT_LUTS = (
    (1, 2, 3, 4, 5, 6, 7, 8),
    (3, 4, 13, 16, 17, 22, 23, 28),
    (4, 12, 25, 39, 47, 53, 67, 73),
    (10, 14, 40, 60, 81, 86, 120, 126),
    (11, 18, 56, 78, 85, 107, 150, 183),
    (14, 20, 74, 100, 107, 134, 173, 216),
    (15, 24, 90, 122, 130, 186, 228, 233),
    (18, 26, 108, 142, 155, 237, 261, 289),
)


def product_luts(x: IntType, w: IntType) -> int:
    """LUTs of one product of an `x` and a `w`."""
    rows, columns = max(1, x.bits - x.signed), w.bits + (not w.signed)
    if rows <= 8 and columns <= 8:
        return PRODUCT_LUTS[rows - 1][columns - 1]
    return ceil_div(PRODUCT_LUTS[7][7] * rows * columns, 64)


def rom_luts(depth: int, width: int) -> int:
    """LUTs of a constant memory in logic.

    A LUT4 is 16 words of one bit; PFUMX and L6MUX21 join up to eight at no LUT (FPGA-DS-02012, "PFU Blocks"). Each
    further eight take 10/3 LUTs to join, as measured with Yosys.
    """
    if depth <= 1:
        return 0
    leaves = ceil_div(depth, 16)
    return width * leaves + ceil_div(10 * width * (ceil_div(leaves, 8) - 1), 3)


def ram_luts(depth: int, width: int) -> int:
    """LUTs of a simple dual-port distributed RAM: 16 words of 4 bits are four LUTs and two for the write port."""
    banks = ceil_div(depth, 16)
    return 6 * banks * ceil_div(width, 4) + width * (banks - 1)


def ram_memory(depth: int, width: int) -> int:
    """Those of `ram_luts` that are memory."""
    return 4 * ceil_div(depth, 16) * ceil_div(width, 4)


def fifo_luts(depth: int, width: int) -> int:
    """LUTs of a stream in distributed RAM behind a register: fl_fifo. What is not memory is calibrated."""
    address = (depth - 2).bit_length() if depth > 2 else 0
    control = (14, 18)[address] if address < 2 else 14 + 23 * address // 2
    banks = ceil_div(max(1, depth - 1), 16)
    choice = 7 * banks * width // 10 if banks > 5 else 0
    return ram_luts(max(1, depth - 1), width) + width + control + choice


def fifo(depth: int, width: int, block: bool) -> Resources:
    """A stream: fl_fifo, in block RAM with a queue of four behind it. LUTs around block RAM are calibrated."""
    count = depth.bit_length()
    if block:
        wraps = 20 if depth > 256 and depth & (depth - 1) else 0  # two addresses end before a power of two
        memory = Resources(
            lut=4 * count + 37 + wraps,
            ff=2 * (count + (depth - 1).bit_length()) + 3,
            bram18=ramb18(depth, width),
        )
        return memory + fifo(4, width, block=False)
    if depth == 1:
        return Resources(lut=6, ff=width + 3)
    return Resources(
        lut=fifo_luts(depth, width),
        lutram=ram_memory(depth - 1, width),
        ff=2 * count + 3 + width + 3 * (depth - 2).bit_length(),
    )


def table_luts(depth: int, width: int) -> int:
    """Of a constant table: 16 words of a bit each, of which PFUMX joins two, and LUTs the others."""
    leaves = ceil_div(depth, 16) if depth > 1 else 0
    return width * (leaves if leaves <= 2 else 2 * leaves - 2)


def weight_blocks(depth: int, width: int) -> tuple[int, int]:
    """EBRs of a constant memory in block RAM, each of whose rows is a word."""
    return ramb18(depth, width), 1


# LUTs of each bit that is rounded, shifted and clamped, and of all together, where one to four bits of the shift vary.
BARREL_LUTS = ((3, 14), (4, 14), (5, 18), (7, 20))


def clamp_luts(kept: int, out: int, rounds: bool) -> int:
    """LUTs that round `kept` bits, if that is asked for, and clamp them to `out`."""
    if rounds:
        return 2 * kept + 8 if kept > out + 1 else kept + 1
    return kept + 2 if kept > out + 2 else 0
