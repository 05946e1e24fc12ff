"""What the rows of a weight memory hold, and how many of their bits are of a kind."""

from __future__ import annotations

import numpy as np

from fireline.codegen.plan.foldings import Folding
from fireline.fixed import IntArray
from fireline.graph import Conv2d

# Of so few rows many bits are equal in all of them; of more hardly any.
FEW_ROWS = 16


def rom_rows(node: Conv2d, folding: Folding) -> IntArray:
    """Weights in the order in which they are used: (cycles, pe * rows * simd).

    A cycle multiplies, for each of `pe` outputs, `rows` positions of the window times `simd` channels. The cycles of
    one fold go through the window in the order (ky, kx, c), as the line buffer does.
    """
    outputs, depth, kh, kw = node.weight.shape
    pe, simd, rows = folding.pe, folding.simd, folding.rows
    blocks = node.weight.reshape(outputs // pe, pe, depth // simd, simd, kh // rows, rows, kw)
    return blocks.transpose(0, 4, 6, 2, 1, 5, 3).reshape(-1, pe * rows * simd)


def distinct_bits(rows: IntArray, bits: int) -> int:
    """Bits of a memory of `rows` (rows, values), `bits` bits a value, that are neither constant nor equal to another.

    Where there are more than `FEW_ROWS` all are taken for such.
    """
    depth = len(rows)
    if depth > FEW_ROWS:
        return int(rows[0].size) * bits
    place, seen = 1 << np.arange(depth)[:, None], np.zeros(1 << depth, bool)
    for bit in range(bits):
        seen[((rows >> bit & 1) * place).sum(axis=0)] = True
    return int(np.count_nonzero(seen[1:-1]))
