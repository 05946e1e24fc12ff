"""What makes outputs of accumulators: fl_requantize."""

from __future__ import annotations

from collections import Counter

import numpy as np

from fireline.codegen.plan.cost.fabric import RtlFabric
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.cost.parts import Part
from fireline.codegen.plan.cost.rtl.latency import is_plain
from fireline.codegen.plan.cost.rtl.logic import chain, counter_bits, delay, tree
from fireline.fixed import IntArray
from fireline.graph import Node, Requantize, Rule, Thresholds


def rule_parts(rule: Rule | None, bits: int, node: Node, pe: int, fabric: RtlFabric) -> list[Part]:
    """What makes `pe` outputs of `bits`-bit accumulators, and the constants of their channels."""
    match rule:
        case Requantize():
            return _scale(rule, bits, node, pe, fabric)
        case Thresholds():
            return _thresholds(rule, bits, node, pe, fabric)
        case None:
            return []


def _scale(rule: Requantize, bits: int, node: Node, pe: int, fabric: RtlFabric) -> list[Part]:
    """Multiply, add, round, shift, clamp; a register behind each."""
    wide, out, folds = bits + 1, node.output.type.bits, node.output.shape[0] // pe
    has_table = [len(set(values.tolist())) > 1 for values in (rule.mult, rule.add)]
    multiplier = int(rule.mult.max()).bit_length()
    multiplies = has_table[0] or multiplier > 1
    wide += multiplier if multiplies else 0
    lowest = min(((value & -value).bit_length() - 1 for value in rule.add.tolist() if value), default=wide)
    lanes = Resources(dsp=fabric.product_dsps(multiplier + 1, bits) if multiplies else 0) * pe
    varying = 0
    for (common, amounts), count in _shifts(np.broadcast_to(rule.shift, node.output.shape[0]), pe).items():
        kept = max(1, wide - common)
        lane = Resources(lut=fabric.requantize_luts(kept, out, common, amounts))
        if not is_plain(rule):  # the product, and that rounded, shifted, clamped
            lane += _multiplied(bits, wide, fabric, multiplies=multiplies, adds=wide - lowest)
            lane += Resources(ff=2 * kept + out)
        elif common:  # the sum, and that rounded, clamped
            lane += Resources(lut=chain(wide - lowest, fabric), ff=wide + kept + out)
        else:  # what has no sum is only handed on, and so may be a sign that is turned
            same = out if fabric.inverts and lowest == out - 1 else min(lowest, out)
            summed = chain(wide - lowest, fabric) if same < out else 0
            lane += delay(same, 3, fabric) + Resources(lut=summed, ff=3 * (out - same))
        lanes += lane * count
        varying += amounts * count
    mult, add = (pe * width * is_in for width, is_in in zip((multiplier, wide), has_table, strict=True))
    row = mult + add + varying
    if not row:
        return [Part("requantize", lanes)]
    # A product in a DSP comes with a register of what is added.
    held = Resources(ff=mult + (1 if fabric.packs and multiplies else 2) * add + varying)
    table = Resources(lut=fabric.table_luts(folds, row)) + held + delay(varying, 3, fabric)
    return [Part("requantize", lanes), Part("scales", table, folds, row, "lut")]


def _shifts(shift: IntArray, pe: int) -> Counter[tuple[int, int]]:
    """Of each lane what its shifts have in common, and how many of their other bits differ from one another.

    The least shift of all is wiring; the table has what is more.
    """
    result: Counter[tuple[int, int]] = Counter()
    least = int(shift.min())
    for lane in range(pe):
        own = shift[lane::pe] - least
        common, some = int(np.bitwise_and.reduce(own)), int(np.bitwise_or.reduce(own))
        bits = [bit for bit in range(some.bit_length()) if (some ^ common) >> bit & 1]
        result[least + common, len({((own >> bit) & 1).tobytes() for bit in bits})] += 1
    return result


def _multiplied(bits: int, wide: int, fabric: RtlFabric, *, multiplies: bool, adds: int) -> Resources:
    """The accumulator, its product of `wide` bits, and the sum of that and a constant of `adds` bits."""
    if multiplies and fabric.packs:
        return Resources()
    if multiplies or adds:
        return Resources(
            lut=chain(adds, fabric) if adds else 0, ff=bits + 2 * wide if multiplies else 2 * bits + wide
        )
    return delay(bits, 3, fabric)


def _thresholds(rule: Thresholds, bits: int, node: Node, pe: int, fabric: RtlFabric) -> list[Part]:
    """A comparator for every step, and the count of those that say yes."""
    rows, steps = rule.steps.shape
    lane = Resources(lut=steps * (chain(bits, fabric) + 2), ff=2 * bits + steps + node.output.type.bits)
    lane += tree(steps, 2, counter_bits(steps + 1) + 1, fabric)
    result = [Part("thresholds", lane * pe)]
    if rows > 1:
        row = bits * steps
        table = Resources(lut=fabric.table_luts(rows // pe, row), ff=2 * row) * pe
        result.append(Part("steps", table, rows // pe, row * pe, "lut"))
    return result
