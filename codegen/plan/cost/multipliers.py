"""What the products and sums of a matrix-vector unit cost, in DSPs or in LUTs."""

from __future__ import annotations

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.foldings import Folding
from fireline.fixed import IntType


def products(x: IntType, w: IntType, folding: Folding, fabric: Fabric) -> Resources:
    """All multipliers of a matrix-vector unit."""
    terms = folding.simd * folding.rows
    if folding.multiplier == "lut":
        return Resources(lut=fabric.product_luts(x, w), ff=x.bits + w.bits) * (folding.pe * terms)
    if folding.packed == 1:
        return Resources(dsp=fabric.product_dsps(x.bits + 1, w.bits)) * (folding.pe * terms)
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
