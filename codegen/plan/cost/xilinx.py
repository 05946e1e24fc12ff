"""Memories and products in the six-input LUTs of Xilinx parts, 7-series to Versal; sources: docs/cost-model.md."""

from __future__ import annotations

from fireline.codegen.plan.cost.memory import Resources, ceil_div, ramb18
from fireline.fixed import IntType

# LUTs of a product in logic: row x - 1, column w - 1 for an unsigned factor of x bits and a signed one of w bits.
# Measured with Yosys 0.23, synth_xilinx -family xcup -nodsp; bench/yosys_multipliers.py measures them again.
PRODUCT_LUTS = (
    (2, 3, 3, 4, 5, 6, 7, 8),
    (2, 4, 5, 9, 11, 13, 15, 17),
    (3, 6, 7, 12, 20, 26, 32, 38),
    (4, 8, 10, 24, 51, 56, 72, 88),
    (5, 10, 15, 43, 45, 91, 64, 73),
    (6, 12, 21, 47, 68, 100, 74, 117),
    (7, 14, 27, 64, 59, 110, 105, 106),
    (8, 16, 33, 80, 63, 120, 118, 146),
)


def product_luts(x: IntType, w: IntType) -> int:
    """LUTs of one product of an `x` and a `w`."""
    rows, columns = max(1, x.bits - x.signed), w.bits + (not w.signed)
    if rows <= 8 and columns <= 8:
        return PRODUCT_LUTS[rows - 1][columns - 1]
    return ceil_div(PRODUCT_LUTS[7][7] * rows * columns, 64)


def rom_luts(depth: int, width: int) -> int:
    """LUTs of a constant memory in logic.

    A LUT6 is 64 words of one bit; F7, F8 and F9 multiplexers join up to eight at no LUT, by twos, so that three take
    the place of four; beyond 512 words one LUT joins four of those. That is UltraScale+; 7-series has no F9, and
    takes up to a fifth more or less beyond 256 words.
    """
    if depth <= 1:
        return 0
    full, rest = divmod(ceil_div(depth, 64), 8)
    last = 1 << (rest - 1).bit_length() if rest else 0
    return width * (8 * full + last + ceil_div(full + (rest > 0) - 1, 3))


def ram_luts(depth: int, width: int) -> int:
    """LUTs of a simple dual-port distributed RAM: four LUTs are 32 words of 6 bits or 64 words of 3 (UG474, UG574)."""
    if depth <= 32:
        return 4 * ceil_div(width, 6)
    leaves = ceil_div(depth, 64)
    return 4 * ceil_div(width, 3) * leaves + width * ceil_div(leaves - 1, 3)


def fifo_luts(depth: int, width: int) -> int:
    """LUTs of a FIFO in shift registers: 32 words of one bit each, plus the pointer and the handshake."""
    leaves = ceil_div(depth, 32)
    return width * (leaves + ceil_div(ceil_div(leaves, 4) - 1, 3)) + depth.bit_length() * 2 + 4


def fifo(depth: int, width: int, block: bool) -> Resources:
    """A stream: registers at depth 2, LUTs as memory or block RAM beyond."""
    if depth <= 2:
        return Resources(lut=width + 6, ff=2 * width + 4)
    if block:
        return Resources(lut=6 * depth.bit_length(), ff=4 * depth.bit_length(), bram18=ramb18(depth, width))
    memory = width * ceil_div(depth, 32)
    return Resources(lut=fifo_luts(depth, width), lutram=memory, ff=width + 2 * depth.bit_length())


def weight_luts(depth: int, width: int) -> int:
    """LUTs of weights in logic beside their products.

    Beyond four times 64 words Yosys' mapper shares what it should not: 13 LUTs more for every three bits, which is
    calibrated.
    """
    shared = ceil_div(13 * width, 3) if depth > 4 * 64 else 0
    return rom_luts(depth, width) + shared


def weight_blocks(depth: int, width: int) -> tuple[int, int]:
    """RAMB18s of a constant memory in block RAM, and the words that Yosys lays into a row, where that saves some."""
    return min((ramb18(ceil_div(depth, words), words * width), words) for words in range(1, 9))


# LUTs of each bit that is rounded, shifted and clamped, and of all together, where one to four bits of the shift vary.
BARREL_LUTS = ((2.4, 9), (2.9, 12), (4.1, 18), (5.9, 12))


def clamp_luts(kept: int, out: int, rounds: bool) -> int:
    """LUTs that clamp `kept` bits to `out`; rounding takes none."""
    return max(0, kept - out - 1)
