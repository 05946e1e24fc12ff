"""Small multipliers for the sum of two activations on unrelated scales.

The largest scale that divides two float32 scales leaves each operand a multiplier of some 24 bits. But a quantizer
follows, and the operands have few values: the smallest multipliers are searched for which every pair of operands gives
the integer that exact arithmetic gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fireline.codegen.requantize.solve import (
    LIMIT,
    Integers,
    Line,
    Proof,
    Solution,
    line_rule,
    thresholds_rule,
)
from fireline.codegen.requantize.staircase import Channel, Quantizer, Staircase, staircase
from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.nodes import add_range

SMALL = 1 << 10  # multipliers that are left as they are
MAX_PAIRS = 1 << 18  # of operands, over all channels that differ
MAX_PRECISION = 30  # binary places of the multipliers
THRESHOLD_PRECISIONS = (16, 20, 24, 28)  # at which a staircase will do where no line has been exact


@dataclass(frozen=True)
class SumSolution:
    """Multipliers of the operands, and the rule behind their sum."""

    mult: tuple[int, int]
    solution: Solution


def solve_sum(
    channels: Sequence[Channel],
    mult: tuple[int, int],
    types: tuple[IntType, IntType],
    quantizer: Quantizer,
    clamp: tuple[int, int],
) -> SumSolution | None:
    """Multipliers smaller than `mult` that are exact for every pair of operands, or None.

    Args:
        channels: what the exact sum `mult[0] * x + mult[1] * y` stands for in each channel.
        mult: exact multipliers.
        types: the types of x and y.
        quantizer: the rounding and clamp.
        clamp: the clamp that all channels share.
    """
    distinct = list(dict.fromkeys(channels))
    pairs = len(distinct) << (types[0].bits + types[1].bits)
    if max(map(abs, mult)) <= SMALL or pairs > MAX_PAIRS or len({(c.scale, c.unit) for c in distinct}) > 1:
        return None
    x, y = (np.arange(type.min, type.max + 1) for type in types)
    exact = mult[0] * x[:, None] + mult[1] * y
    reach = add_range(mult, *types)
    try:
        outputs = {channel: staircase(channel, quantizer, reach).at(exact) for channel in distinct}
    except FirelineError:
        return None
    step = distinct[0].scale / distinct[0].unit
    for precision in range(MAX_PRECISION + 1):
        small = (round(mult[0] * step * (1 << precision)), round(mult[1] * step * (1 << precision)))
        if max(map(abs, small)) >= max(map(abs, mult)):
            return None
        sums = small[0] * x[:, None] + small[1] * y
        lines = [_line(sums, outputs[channel], precision, clamp) for channel in distinct]
        if all(lines):
            found = dict(zip(distinct, lines, strict=True))
            rule = line_rule([found[channel] for channel in channels], clamp)  # type: ignore[misc]
            bits = max(abs(m) for m in small).bit_length()
            distance = max(_distance(sums, exact, channel, found[channel], clamp) for channel in distinct)
            return SumSolution(
                small, Solution(rule, Proof("multiplier", rule.mult.size, pairs, bits, distance))
            )
        if precision not in THRESHOLD_PRECISIONS:
            continue
        stairs = [_stairs(sums, outputs[channel]) for channel in distinct]
        if all(stairs):
            rows = dict(zip(distinct, stairs, strict=True))
            return SumSolution(small, thresholds_rule([rows[channel] for channel in channels]))  # type: ignore[misc]
    return None


def _line(sums: Integers, outputs: Integers, shift: int, clamp: tuple[int, int]) -> Line | None:
    """The `add` with which sums shifted by `shift` give `outputs`, as a line of multiplier 1, or None."""
    above, below = outputs > clamp[0], outputs < clamp[1]
    half = (1 << shift) >> 1
    edges = (outputs << shift) - half + (outputs % 2 if shift else 0)
    following = ((outputs + 1) << shift) - half + ((outputs + 1) % 2 if shift else 0)
    low = int((edges - sums)[above].max(initial=-LIMIT))
    high = int((following - 1 - sums)[below].min(initial=LIMIT))
    return Line(1, min(max(0, low), high), shift) if low <= high else None


def _distance(
    sums: Integers, exact: Integers, channel: Channel, line: Line | None, clamp: tuple[int, int]
) -> float:
    """How far the line ever is from the exact value where that lies within the clamp, in output steps."""
    assert line is not None
    a, b = channel.scale / channel.unit, channel.offset / channel.unit + channel.zero
    real = exact * float(a) + float(b)
    gaps = np.abs((sums + line.add) / float(1 << line.shift) - real)
    return float(gaps[(real > clamp[0]) & (real < clamp[1])].max(initial=0.0))


def _stairs(sums: Integers, outputs: Integers) -> Staircase | None:
    """`outputs` as a staircase of `sums`, if it is one."""
    order = np.argsort(sums, axis=None, kind="stable")
    n, q = sums.ravel()[order], outputs.ravel()[order]
    rises = np.diff(q)
    if (rises < 0).any() or ((np.diff(n) == 0) & (rises != 0)).any():
        return None
    steps = np.repeat(n[1:], rises)
    return Staircase(1, (int(n[0]), int(n[-1])), int(q[0]), steps)
