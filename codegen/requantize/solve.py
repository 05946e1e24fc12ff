"""The smallest integer rule that is proved equal to exact rational arithmetic.

A quantizer behind an integer node is a staircase in the accumulator (`staircase`), so an integer rule
is right if and only if it is right on both sides of every step inside the reachable range: that is what is proved here,
step by step, for every channel. The rule is a line, `round((acc * mult + add) / 2**shift)`, where there is one;
thresholds, which are the staircase itself, where there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from fireline.codegen.requantize.staircase import Channel, Quantizer, Staircase, staircase
from fireline.errors import FirelineError
from fireline.fixed import IntType, frozen_array, is_power_of_two
from fireline.graph import Requantize, Rule, Thresholds

MAX_SHIFT = 48
LIMIT = 1 << 62  # acc * mult + add stays below
MAX_THRESHOLDS = 1 << 20  # of one node
MAX_STEPS_OF_THRESHOLDS = 1 << 12  # of one channel: an output of 12 bits

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Line:
    """`round((acc * mult + add) / 2**shift)` in integers, half to even."""

    mult: int
    add: int
    shift: int


@dataclass(frozen=True)
class _Proved:
    """A line, how many steps it was checked on, and how far it leaves the exact value between them."""

    line: Line
    boundaries: int = 0
    distance: float | None = 0.0


@dataclass(frozen=True)
class Proof:
    """How one node's requantization was chosen, and what was checked."""

    rule: Literal["shift", "multiplier", "thresholds", "table"]
    channels: int  # with a rule of their own
    boundaries: int  # steps checked on both sides; 0 for lines that are equal by algebra
    bits: int  # of the widest multiplier, threshold or table entry
    # Of the line from the exact value between its steps, at most, in output steps. None where there is no line: one of
    # the two is a staircase or a curve, and they are equal at every integer.
    distance: float | None


@dataclass(frozen=True)
class Solution:
    """A rule and its proof."""

    rule: Rule
    proof: Proof


def solve(
    channels: Sequence[Channel], quantizer: Quantizer, reach: tuple[int, int], type: IntType
) -> Solution:
    """The rule that quantizes the integers of a node.

    Args:
        channels: what each channel's integer stands for.
        quantizer: the rounding and clamp.
        reach: lowest and highest integer that can occur.
        type: the integer's type.

    Raises:
        FirelineError: no line fits 62 bits and the thresholds would be too many.
    """
    distinct = list(dict.fromkeys(channels))
    clamp = shared_clamp(distinct, quantizer)
    found: dict[Channel, _Proved] = {}
    for channel in distinct:
        proved = _line(channel, quantizer, reach, clamp, type)
        if proved is None:
            return thresholds_rule(stairs_of(channels, quantizer, reach))
        found[channel] = proved
    return _lines([found[channel] for channel in channels], list(found.values()), clamp)


def stairs_of(channels: Sequence[Channel], quantizer: Quantizer, reach: tuple[int, int]) -> list[Staircase]:
    """The staircase of every channel."""
    distinct = {channel: staircase(channel, quantizer, reach) for channel in dict.fromkeys(channels)}
    return [distinct[channel] for channel in channels]


def shared_clamp(channels: Sequence[Channel], quantizer: Quantizer) -> tuple[int, int]:
    """Lowest and highest output of all channels."""
    clamps = [_clamp(channel, quantizer) for channel in dict.fromkeys(channels)]
    return min(low for low, _ in clamps), max(high for _, high in clamps)


def _clamp(channel: Channel, quantizer: Quantizer) -> tuple[int, int]:
    """The clamp that a channel's own clip leaves: rounding is increasing, so the two change places."""
    if channel.curves:
        return quantizer.low, quantizer.high
    low, high = (
        quantizer.apply(end / channel.unit + channel.zero) if isinstance(end, Fraction) else None
        for end in (channel.low, channel.high)
    )
    return quantizer.low if low is None else low, quantizer.high if high is None else high


def _line(
    channel: Channel, quantizer: Quantizer, reach: tuple[int, int], clamp: tuple[int, int], type: IntType
) -> _Proved | None:
    """The exact line of smallest shift with this `clamp`, or None."""
    a, b = channel.scale / channel.unit, channel.offset / channel.unit + channel.zero
    largest = max(-type.min, type.max)
    plain = quantizer.rounding.mode == "HALF_EVEN" and not quantizer.rounding.dropped and not channel.curves
    if plain and _clamp(channel, quantizer) == clamp:
        exact = _dyadic(a, b)
        simple = exact and (is_power_of_two(abs(a)) or a == 0 or exact.shift == 0)
        if exact and simple and abs(exact.mult) * largest + abs(exact.add) < LIMIT:
            return _Proved(exact)
    stairs = staircase(channel, quantizer, reach)
    line = fit(stairs, abs(a), b, clamp, largest)
    if line is None:
        return None
    ends = stairs.steps[[0, -1]].tolist() if len(stairs.steps) else []
    gaps = [abs(Fraction(line.mult * n + line.add, 1 << line.shift) - (abs(a) * n + b)) for n in ends]
    distance = None if channel.curves else float(max(gaps, default=0))
    return _Proved(Line(stairs.sign * line.mult, line.add, line.shift), len(stairs.steps), distance)


def _dyadic(a: Fraction, b: Fraction) -> Line | None:
    """The line that is exact everywhere, when `a` and `b` are multiples of a power of two."""
    denominator = max(a.denominator, b.denominator)
    if not (is_power_of_two(Fraction(a.denominator)) and is_power_of_two(Fraction(b.denominator))):
        return None
    shift = denominator.bit_length() - 1
    return Line(int(a * denominator), int(b * denominator), shift) if shift <= MAX_SHIFT else None


def fit(stairs: Staircase, a: Fraction, b: Fraction, clamp: tuple[int, int], largest: int) -> Line | None:
    """The line of smallest shift that equals `stairs` within `clamp`, its slope near `a`, or None.

    With the multiplier fixed, every step bounds `add` from both sides. Any integer between the bounds is exact.
    """
    q = np.arange(stairs.first + 1, stairs.last + 1)
    if not len(q):
        return Line(0, stairs.first, 0)
    if stairs.steps[0] == stairs.steps[-1] and (stairs.first, stairs.last) == clamp:
        return Line(len(q), stairs.last - len(q) * int(stairs.steps[0]), 0)
    at_least, from_steps = q, stairs.steps  # accumulator t gives q or more
    below, until = q, stairs.steps - 1  # accumulator t gives less than q
    if stairs.first > clamp[0]:
        at_least, from_steps = np.append(at_least, stairs.first), np.append(from_steps, stairs.reach[0])
    if stairs.last < clamp[1]:
        below, until = np.append(below, stairs.last + 1), np.append(until, stairs.reach[1])
    for shift in range(MAX_SHIFT + 1):
        mult = round(a * (1 << shift))
        if mult * largest + (max(abs(stairs.first), abs(stairs.last)) + 2 << shift) >= LIMIT:
            return None
        low = int((_edges(at_least, shift) - mult * from_steps).max())
        high = int((_edges(below, shift) - 1 - mult * until).min())
        if low <= high:
            add = min(max(round(b * (1 << shift)), low), high)
            return Line(mult, add, shift) if mult * largest + abs(add) < LIMIT else None
    return None


def _edges(q: Integers, shift: int) -> Integers:
    """The smallest sums that `shift` rounds to q or more: a tie goes up only to an even q, and shift 0 has no ties."""
    return (q << shift) - ((1 << shift) >> 1) + (q % 2 if shift else 0)


def _lines(rows: list[_Proved], distinct: list[_Proved], clamp: tuple[int, int]) -> Solution:
    rule = line_rule([row.line for row in rows], clamp)
    bits = max(abs(row.line.mult).bit_length() for row in distinct)
    boundaries = sum(row.boundaries for row in distinct)
    distances = [row.distance for row in distinct if row.distance is not None]
    shifts = all(row.line.mult == 0 or is_power_of_two(Fraction(abs(row.line.mult))) for row in distinct)
    kind: Literal["shift", "multiplier"] = "shift" if shifts else "multiplier"
    return Solution(rule, Proof(kind, rule.mult.size, boundaries, bits, max(distances, default=None)))


def line_rule(lines: list[Line], clamp: tuple[int, int]) -> Requantize:
    """The requantizer of each channel's line; one entry where all are the same."""
    lines = lines[:1] if len(set(lines)) == 1 else lines
    mult, add, shift = (
        frozen_array(column) for column in zip(*((x.mult, x.add, x.shift) for x in lines), strict=True)
    )
    return Requantize(mult, add, shift, *clamp)


def thresholds_rule(rows: list[Staircase]) -> Solution:
    """The thresholds of each channel's staircase; one row where all are the same."""
    distinct = list({id(row): row for row in rows}.values())
    rows = distinct if len(distinct) == 1 else rows
    low, high = min(row.first for row in rows), max(row.last for row in rows)
    width = high - low
    if width > MAX_STEPS_OF_THRESHOLDS or width * len(rows) > MAX_THRESHOLDS:
        raise FirelineError(
            f"no exact multiplier of {MAX_SHIFT} bits, and {width} thresholds for each of {len(rows)} channels",
            hint="use a power-of-two scale, or fewer bits",
        )
    # Steps that every integer reaches and steps that none does fill up a row.
    steps = [
        np.concatenate(
            [[row.reach[0]] * (row.first - low), row.steps, [row.reach[1] + 1] * (high - row.last)]
        ).astype(np.int64)
        for row in rows
    ]
    rule = Thresholds(low, frozen_array([row.sign for row in rows]), frozen_array(np.stack(steps)))
    bits = IntType.holding(int(rule.steps.min(initial=0)), int(rule.steps.max(initial=0))).bits
    boundaries = sum(len(row.steps) for row in distinct)
    return Solution(rule, Proof("thresholds", len(rows), boundaries, bits, None))
