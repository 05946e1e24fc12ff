"""What a memory of some depth and width costs: block RAM by aspect ratio, look-up tables, UltraRAM.

Depth is in words, width in bits. Block RAM is counted in halves (RAMB18), as a RAMB36 is two of them and a tool
places either. The formulas and their sources are in docs/cost-model.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

Storage = Literal["lut", "bram", "uram"]

# Depth and width of one RAMB18 (UG473, UG573); 512 x 36 is simple dual port, which a ROM and a FIFO are.
RAMB18_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
URAM_SHAPE = (4096, 72)  # UG573: one shape only

# A RAMB18 is worth this many look-up tables when either would do: about their ratio on the parts of the table.
LUT_PER_RAMB18 = 300


@dataclass(frozen=True)
class Resources:
    """Counts of one part's resources. `lutram` is the share of `lut` that must lie in SLICEMs."""

    lut: int = 0
    lutram: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    uram: int = 0

    @property
    def bram36(self) -> float:
        """Block RAM tiles, in halves."""
        return self.bram18 / 2

    def __add__(self, other: Resources) -> Resources:
        return Resources.sum([self, other])

    def __mul__(self, count: int) -> Resources:
        return Resources(*(number * count for number in self.counts()))

    def counts(self) -> tuple[int, ...]:
        """The numbers in the order of the fields."""
        return self.lut, self.lutram, self.ff, self.dsp, self.bram18, self.uram

    @staticmethod
    def sum(parts: Sequence[Resources]) -> Resources:
        """All of `parts` together; there is at least one."""
        return Resources(*map(sum, zip(*(part.counts() for part in parts), strict=True)))


def ceil_div(a: int, b: int) -> int:
    """`a / b` rounded up."""
    return -(-a // b)


@cache
def ramb18(depth: int, width: int) -> int:
    """RAMB18s of a memory: the best single aspect ratio."""
    return min(ceil_div(depth, d) * ceil_div(width, w) for d, w in RAMB18_SHAPES)


def uram(depth: int, width: int) -> int:
    """URAM288s of a memory."""
    return ceil_div(depth, URAM_SHAPE[0]) * ceil_div(width, URAM_SHAPE[1])


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


def rom(depth: int, width: int, storage: Storage) -> Resources:
    """A constant memory with a registered output."""
    match storage:
        case "lut":
            return Resources(lut=rom_luts(depth, width), ff=width)
        case "bram":
            return Resources(bram18=ramb18(depth, width))
        case "uram":  # rows are whole words of 64 bits
            return Resources(uram=uram(depth, 64 * ceil_div(width, 64)))


def ram(depth: int, width: int) -> Resources:
    """A memory that is written and read: distributed RAM where that is cheaper than block RAM."""
    luts, blocks = ram_luts(depth, width), ramb18(depth, width)
    if ram_is_lut(depth, width):
        return Resources(lut=luts, lutram=luts, ff=width)
    return Resources(bram18=blocks)


def ram_is_lut(depth: int, width: int) -> bool:
    """Whether `ram` puts the memory in LUTs."""
    return ram_luts(depth, width) <= LUT_PER_RAMB18 * ramb18(depth, width)


def fifo(depth: int, width: int) -> Resources:
    """A stream of `depth` tokens: registers at depth 2, shift registers or block RAM beyond."""
    if depth <= 2:
        return Resources(lut=width + 6, ff=2 * width + 4)
    luts = fifo_luts(depth, width)
    if fifo_is_lut(depth, width):
        return Resources(lut=luts, lutram=width * ceil_div(depth, 32), ff=width + 2 * depth.bit_length())
    return Resources(lut=6 * depth.bit_length(), ff=4 * depth.bit_length(), bram18=ramb18(depth, width))


def fifo_is_lut(depth: int, width: int) -> bool:
    """Whether `fifo` puts the stream in LUTs rather than block RAM."""
    return fifo_luts(depth, width) <= LUT_PER_RAMB18 * ramb18(depth, width)
