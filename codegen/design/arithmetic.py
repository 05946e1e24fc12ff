"""The widths that a target computes with: accumulators, products, what a requantizer holds in between."""

from __future__ import annotations

import numpy as np

from fireline.fixed import IntType
from fireline.graph import Conv2d, Requantize, Rule, Tensor, Thresholds, reachable_range


def accumulator_type(node: Conv2d, x: IntType) -> IntType:
    """What holds every partial sum, with the bias or before it is added."""
    zero = node.bias * 0
    ends = *reachable_range(node.weight, node.bias, x), *reachable_range(node.weight, zero, x)
    return IntType.holding(min(-1, *ends), max(ends))


def product_bits(weight: IntType, x: IntType) -> int:
    """Bits of a signed type that holds every product."""
    ends = [a * b for a in (weight.min, weight.max) for b in (x.min, x.max)]
    return IntType.holding(min(-1, *ends), max(ends)).bits


def wide_type(rule: Requantize, acc: IntType) -> IntType:
    """A signed type for every intermediate value of a requantization of accumulators of type `acc`."""
    ends = [rule.low, rule.high, -1]
    for mult, add, shift in zip(rule.mult.tolist(), rule.add.tolist(), rule.shift.tolist(), strict=True):
        ends += [mult, add, 1 << shift]
        for end in (acc.min * mult, acc.max * mult):
            ends += [end, end + add, end + add + (1 << shift)]
    return IntType.holding(min(ends), max(ends))


def plain_rule(rule: Rule | None, output: Tensor) -> Rule:
    """`rule` as the kernels know it: None, which changes nothing, and no thresholds at all are lines."""
    if rule is None:
        return _line(1, 0, output.type.min, output.type.max)
    if isinstance(rule, Thresholds) and not rule.steps.size:
        return _line(0, rule.low, rule.low, rule.low)
    return rule


def _line(mult: int, add: int, low: int, high: int) -> Requantize:
    one = np.ones(1, dtype=np.int64)
    return Requantize(one * mult, one * add, one * 0, low, high)
