"""What the products and sums of a matrix-vector unit cost, in DSPs or in LUTs."""

from __future__ import annotations

from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.foldings import Folding
from fireline.fixed import IntType

# DSP48E1 and DSP48E2 multiply 18 by at least 25 signed bits (UG479, UG579).
DSP_OPERANDS = (18, 25)

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


def product_dsps(x_bits: int, w_bits: int) -> int:
    """DSPs of one product of signed factors."""
    small, large = sorted((x_bits, w_bits))
    return ceil_div(small, DSP_OPERANDS[0]) * ceil_div(large, DSP_OPERANDS[1])


def packed_products(x: IntType, w: IntType) -> int:
    """Products of several weights with one activation that share a DSP.

    The weights stand so far apart in the wide operand that no product reaches into the next but for its sign; the top
    one needs a bit more for the borrow from below.
    """
    if x.bits + 1 > DSP_OPERANDS[0]:
        return 1
    return max(1, (DSP_OPERANDS[1] - 1 - w.bits) // (x.bits + w.bits) + 1)


def products(x: IntType, w: IntType, folding: Folding) -> Resources:
    """All multipliers of a matrix-vector unit."""
    terms = folding.simd * folding.rows
    if folding.multiplier == "lut":
        return Resources(lut=product_luts(x, w), ff=x.bits + w.bits) * (folding.pe * terms)
    if folding.packed == 1:
        return Resources(dsp=product_dsps(x.bits + 1, w.bits)) * (folding.pe * terms)
    groups = ceil_div(folding.pe, folding.packed)
    # Every product but the lowest of a DSP joins its weight to the ones below and takes back their borrow: one LUT for
    # each bit of the weight, and one or none for each bit of the product, as the tool merges the carry.
    borrow = Resources(lut=(x.bits + w.bits) * 3 // 4) * ((folding.pe - groups) * terms)
    return Resources(dsp=groups * terms) + borrow


def adder_tree(terms: int, bits: int) -> int:
    """LUTs of a tree that adds `terms` values of `bits` bits: one for each bit of each adder's result."""
    result = 0
    while terms > 1:
        bits += 1
        result += terms // 2 * bits
        terms = ceil_div(terms, 2)
    return result
