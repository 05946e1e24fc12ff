"""What a memory of some depth and width costs: block RAM by aspect ratio, look-up tables, UltraRAM.

Depth is in words, width in bits. Block RAM is counted in 18 Kbit: halves of a RAMB36, as a tool places either, and the
EBR of a Lattice part. The formulas and their sources are in docs/cost-model.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from math import gcd, lcm

# Depth and width of one RAMB18 (UG473, UG573) and of one EBR (FPGA-DS-02012); 512 x 36 is simple dual port, which a ROM
# and a FIFO are.
RAMB18_SHAPES = ((16384, 1), (8192, 2), (4096, 4), (2048, 9), (1024, 18), (512, 36))
URAM_SHAPE = (4096, 72)  # UG573: one shape only

# No token and no row of a memory is wider: HLS tools take larger words apart.
WIDEST_WORD = 4096

# A memory of so few words is registers: read, compared and written again within that many cycles, it would be stale
# behind the read and write of any RAM.
REGISTER_WORDS = 4


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


def common_lanes(first: int, second: int, bits: int) -> int:
    """Lanes of the stream inside a width adapter neither of whose widths divides the other: values of `bits` bits."""
    lanes = lcm(first, second)
    return lanes if lanes * bits <= WIDEST_WORD else gcd(first, second)


@cache
def ramb18(depth: int, width: int) -> int:
    """RAMB18s, or EBRs, of a memory: the best single aspect ratio."""
    return min(ceil_div(depth, d) * ceil_div(width, w) for d, w in RAMB18_SHAPES)


def block_rows(depth: int, width: int) -> int:
    """Rows of the shape of block RAM that takes the fewest blocks."""
    return min(RAMB18_SHAPES, key=lambda shape: ceil_div(depth, shape[0]) * ceil_div(width, shape[1]))[0]


def uram(depth: int, width: int) -> int:
    """URAM288s of a memory."""
    return ceil_div(depth, URAM_SHAPE[0]) * ceil_div(width, URAM_SHAPE[1])
