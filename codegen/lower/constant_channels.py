"""Channels that say the same for every image.

Training with weight decay leaves such channels behind: their weights are so small that the quantizer makes one integer
of all their sums. Hardware would pay for them all the same, most of all for a shift as wide as no other channel's. What
they say is left to them, with weights of zero and the rule of their neighbours.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np

from fireline.codegen.requantize.solve import Line, line_rule
from fireline.fixed import IntType, frozen_array, round_half_even
from fireline.graph import Conv2d, Requantize, channel_ranges, reachable_range


def quieted(conv: Conv2d, x: IntType) -> Conv2d:
    """`conv`, which reads integers of type `x`, with the same outputs and nothing to compute for constant channels."""
    rule = conv.requantize
    if not isinstance(rule, Requantize):
        return conv
    numbers = (
        np.broadcast_to(column, len(conv.weight)).tolist() for column in (rule.mult, rule.add, rule.shift)
    )
    lines = [Line(*line) for line in zip(*numbers, strict=True)]
    # A line is monotonic: where both ends of a range give one integer, so does all that is between.
    ends = [
        [_at(line, n, rule) for n in between]
        for line, between in zip(lines, channel_ranges(conv.weight, conv.bias, x), strict=True)
    ]
    if all(low != high for low, high in ends):
        return conv
    living = Counter(line for line, (low, high) in zip(lines, ends, strict=True) if low != high)
    usual = living.most_common(1)[0][0] if living else lines[0]
    weight, bias = conv.weight.copy(), conv.bias.copy()
    for channel, (low, high) in enumerate(ends):
        same = [line for line in (usual, lines[channel]) if low == high == _at(line, 0, rule)]
        if same:
            weight[channel], bias[channel], lines[channel] = 0, 0, same[0]
    return replace(
        conv,
        weight=frozen_array(weight),
        bias=frozen_array(bias),
        accumulator=IntType.holding(*reachable_range(weight, bias, x)),
        requantize=line_rule(lines, (rule.low, rule.high)),
    )


def _at(line: Line, accumulator: int, rule: Requantize) -> int:
    rounded = round_half_even(Fraction(accumulator * line.mult + line.add, 1 << line.shift))
    return min(max(rounded, rule.low), rule.high)
