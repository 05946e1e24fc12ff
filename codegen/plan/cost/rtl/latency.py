"""LATENCY in the headers of firmware/rtl: cycles from a step of a kernel to its token in the stream behind."""

from __future__ import annotations

from fireline.codegen.plan.foldings import Folding
from fireline.graph import Add, Conv2d, Lookup, Requantize, Rescale, Rule, Thresholds

ROM = 4
LINE_BUFFER = 4
POOL = 3  # a pass of a max pool, and an average


def mvu_latency(node: Conv2d, x_bits: int, folding: Folding) -> int:
    """Of fl_mvu, which reads values of `x_bits`: to the sum, the accumulator, the rule."""
    return sum_latency(x_bits, folding) + 1 + rule_latency(node.requantize)


def sum_latency(x_bits: int, folding: Folding) -> int:
    """Of fl_mvu to the sum of its products: the ROM, the product, a level of adders a cycle."""
    product = 1 if folding.multiplier == "dsp" else max(1, levels(x_bits))
    return ROM + product + levels(folding.simd * folding.rows)


def elementwise_latency(node: Add | Rescale | Lookup) -> int:
    """Of fl_add, fl_rescale, fl_lookup."""
    match node:
        case Add():
            return 2 + rule_latency(node.requantize)
        case Rescale():
            return rule_latency(node.requantize)
        case Lookup():
            return 2


def rule_latency(rule: Rule | None) -> int:
    """Of fl_requantize."""
    match rule:
        case Requantize():
            return 3 if is_plain(rule) else 6
        case Thresholds():
            return 4 + levels(rule.steps.shape[1])
        case None:
            return 3


def is_plain(rule: Requantize) -> bool:
    """Whether a scale has neither product nor tables."""
    is_one = all(len(set(values.tolist())) == 1 for values in (rule.mult, rule.add, rule.shift))
    return is_one and int(rule.mult[0]) == 1


def levels(terms: int) -> int:
    """Levels of a tree that adds `terms` values."""
    return (terms - 1).bit_length()
