"""What makes outputs of accumulators: fl_requantize."""

from __future__ import annotations

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import Part
from fireline.codegen.plan.cost.rtl.latency import is_plain
from fireline.codegen.plan.cost.rtl.logic import chain, counter_bits, table_luts, tree
from fireline.graph import Node, Requantize, Rule, Thresholds


def rule_parts(rule: Rule | None, bits: int, node: Node, pe: int, fabric: Fabric) -> list[Part]:
    """What makes `pe` outputs of `bits`-bit accumulators, and the constants of their channels."""
    match rule:
        case Requantize():
            return _scale(rule, bits, node, pe, fabric)
        case Thresholds():
            return _thresholds(rule, bits, node, pe)
        case None:
            return []


def _scale(rule: Requantize, bits: int, node: Node, pe: int, fabric: Fabric) -> list[Part]:
    """Multiply, add, round, shift, clamp; a register behind each."""
    wide, out, folds = bits + 1, node.output.type.bits, node.output.shape[0] // pe
    kept = max(1, wide - int(rule.shift.min()))  # of what is rounded, and shifted
    lane = Resources(lut=2, ff=wide + kept + out)
    multiplier = int(rule.mult.max()).bit_length()
    if multiplier > 1 or int(rule.mult.min()) < 1:
        wide += multiplier
        lane += Resources(ff=4 * multiplier, dsp=fabric.product_dsps(multiplier + 1, bits))
    if not is_plain(rule):  # a barrel shifter; the accumulator, its product and the shifted value
        lane += Resources(lut=3 * ceil_div(wide, 2), ff=bits + wide + kept)
    if rule.add.any():
        low = min((value & -value).bit_length() - 1 for value in rule.add.tolist() if value)
        lane += Resources(lut=chain(wide - low))
    result = [Part("requantize", lane * pe)]
    varying = [len(set(values.tolist())) > 1 for values in (rule.mult, rule.add, rule.shift)]
    if any(varying):
        mult, add = multiplier * varying[0], wide * varying[1]
        shift = int(rule.shift.max() - rule.shift.min()).bit_length()
        row = mult + add + shift
        table = Resources(lut=table_luts(folds, row), ff=mult + 2 * add + 4 * shift)
        result.append(Part("scales", table * pe, folds, row * pe, "lut"))
    return result


def _thresholds(rule: Thresholds, bits: int, node: Node, pe: int) -> list[Part]:
    """A comparator for every step, and the count of those that say yes."""
    rows, steps = rule.steps.shape
    lane = Resources(lut=steps * (chain(bits) + 2), ff=2 * bits + steps + node.output.type.bits)
    lane += tree(steps, 2, counter_bits(steps + 1) + 1)
    result = [Part("thresholds", lane * pe)]
    if rows > 1:
        row = bits * steps
        table = Resources(lut=table_luts(rows // pe, row), ff=2 * row) * pe
        result.append(Part("steps", table, rows // pe, row * pe, "lut"))
    return result
