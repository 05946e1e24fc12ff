"""What it costs to make outputs of accumulators."""

from __future__ import annotations

from fireline.codegen.plan.cost.fabric import Fabric
from fireline.codegen.plan.cost.memory import Resources, ceil_div
from fireline.codegen.plan.cost.parts import Part, table_part
from fireline.graph import Node, Requantize, Rule, Thresholds


def rule_parts(rule: Rule | None, bits: int, node: Node, pe: int, fabric: Fabric) -> list[Part]:
    """What makes `pe` outputs of `bits`-bit accumulators, and the constants of their channels."""
    match rule:
        case Requantize():
            return _requantize_parts(rule, bits, node, pe, fabric)
        case Thresholds():
            return _threshold_parts(rule, bits, node, pe, fabric)
        case None:
            return []


def _threshold_parts(rule: Thresholds, bits: int, node: Node, pe: int, fabric: Fabric) -> list[Part]:
    """A comparator for every step, two bits a LUT, and a counter of those that say yes."""
    rows, steps = rule.steps.shape
    lane = Resources(lut=steps * (ceil_div(bits, 2) + 1), ff=steps + node.output.type.bits)
    result = [Part("thresholds", lane * pe)]
    if rows > 1:
        result.append(table_part("steps", rows // pe, bits, pe * steps, fabric))
    return result


def _requantize_parts(rule: Requantize, bits: int, node: Node, pe: int, fabric: Fabric) -> list[Part]:
    wide, lane = bits, Resources()
    multiplier = int(rule.mult.max()).bit_length()
    if multiplier > 1 or int(rule.mult.min()) < 1:
        lane += Resources(dsp=fabric.product_dsps(multiplier + 1, bits))
        wide += multiplier
    if rule.add.any():
        lane += Resources(lut=wide, ff=wide)
    shifts = int(rule.shift.max() - rule.shift.min())
    if shifts:  # a barrel shifter, two binary places a LUT
        lane += Resources(lut=wide * ceil_div(shifts.bit_length(), 2), ff=wide)
    # Ties and saturation are wide ANDs and ORs, rounding is an increment, clamping a multiplexer.
    out = node.output.type.bits
    lane += Resources(lut=ceil_div(wide, 3) + 2 * out + 4, ff=2 * out)
    result = [Part("requantize", lane * pe)]
    if rule.mult.size > 1:
        varying = (multiplier if len(set(rule.mult.tolist())) > 1 else 0) + shifts.bit_length()
        varying += wide if len(set(rule.add.tolist())) > 1 else 0
        if varying:
            result.append(table_part("scales", node.output.shape[0] // pe, varying, pe, fabric))
    return result
