"""A quantizer behind an integer node, as the exact staircase that it is in that integer."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import inf

import numpy as np
import numpy.typing as npt

from fireline.codegen.requantize.curves import ALL, NONE, Bound, Curve, clip_before, inverse
from fireline.codegen.requantize.rounding import Rounding
from fireline.errors import FirelineError

# More steps than this are no staircase to walk: an output of 16 bits has 65535.
MAX_STEPS = 1 << 16

NEAREST = Rounding()


@dataclass(frozen=True)
class Channel:
    """What one channel computes: clip(scale * integer + offset, low, high), `curves`, / unit + zero, then rounding.

    `index` is the channel that `curves` are asked for; 0 where there are none, so that equal channels are equal.
    """

    scale: Fraction
    offset: Fraction
    low: Fraction | float
    high: Fraction | float
    unit: Fraction
    zero: int
    curves: tuple[Curve, ...] = ()
    index: int = 0


@dataclass(frozen=True)
class Quantizer:
    """Rounding and clamp."""

    low: int
    high: int
    rounding: Rounding = NEAREST

    def apply(self, x: Fraction) -> int:
        """`x` as an integer between `low` and `high`."""
        return max(self.low, min(self.high, self.rounding.apply(x)))


@dataclass(frozen=True)
class Staircase:
    """The integer function `first + (number of steps <= n)` of n = `sign` * integer, over n from reach[0] to reach[1].

    The steps are in order and lie above reach[0]; a jump over k integers is k equal steps.
    """

    sign: int
    reach: tuple[int, int]
    first: int
    steps: npt.NDArray[np.int64]

    @property
    def last(self) -> int:
        """The output at the upper end."""
        return self.first + len(self.steps)

    def at(self, integers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The outputs of `integers`."""
        return self.first + np.searchsorted(self.steps, self.sign * integers, side="right")


def staircase(channel: Channel, quantizer: Quantizer, reach: tuple[int, int]) -> Staircase:
    """The staircase of a channel over the integers that its node reaches.

    Raises:
        FirelineError: it has too many steps to be walked.
    """
    if channel.scale < 0:
        scale, ends, sign = -channel.scale, (-reach[1], -reach[0]), -1
    else:
        scale, ends, sign = channel.scale, reach, 1
    if channel.curves:
        return _curved(channel, scale, quantizer, sign, ends)
    low, high = (
        quantizer.low
        if end == -inf
        else quantizer.high
        if end == inf
        else quantizer.apply(_steps(channel, end))
        for end in (channel.low, channel.high)
    )
    first, last = (
        max(low, min(high, quantizer.apply(_steps(channel, scale * n + channel.offset)))) for n in ends
    )
    _expect_few(last - first)
    a, b = scale / channel.unit, channel.offset / channel.unit + channel.zero
    # a * n + b >= twice / 2, solved for the integer n in integers.
    factor, base, divisor = (
        b.denominator * a.denominator,
        2 * b.numerator * a.denominator,
        2 * b.denominator * a.numerator,
    )
    edges = map(quantizer.rounding.edge, range(first + 1, last + 1))
    steps = [(twice * factor - base - (not strict)) // divisor + 1 for twice, strict in edges]
    return Staircase(sign, ends, first, np.array(steps, dtype=np.int64))


def _steps(channel: Channel, real: Fraction | float) -> Fraction:
    assert isinstance(real, Fraction)
    return real / channel.unit + channel.zero


def _curved(
    channel: Channel, scale: Fraction, quantizer: Quantizer, sign: int, ends: tuple[int, int]
) -> Staircase:
    """Every step of the quantizer through the inverse of the curves."""
    _expect_few(quantizer.high - quantizer.low)
    steps = []
    for q in range(quantizer.low + 1, quantizer.high + 1):
        twice, strict = quantizer.rounding.edge(q)
        bound = inverse(
            channel.curves, channel.index, Bound((Fraction(twice, 2) - channel.zero) * channel.unit, strict)
        )
        if bound not in (ALL, NONE):
            bound = clip_before(channel.low, channel.high, bound)
        steps.append(_smallest(bound, scale, channel.offset, ends))
    first = quantizer.low + sum(step <= ends[0] for step in steps)
    inside = [step for step in steps if ends[0] < step <= ends[1]]
    return Staircase(sign, ends, first, np.array(inside, dtype=np.int64))


def _smallest(bound: Bound, scale: Fraction, offset: Fraction, ends: tuple[int, int]) -> int:
    """The smallest integer n in reach with scale * n + offset inside `bound`, or one above the reach."""
    if not isinstance(bound.value, Fraction):
        return ends[0] if bound == ALL else ends[1] + 1
    if scale == 0:
        inside = offset > bound.value or (offset == bound.value and not bound.strict)
        return ends[0] if inside else ends[1] + 1
    exact = (bound.value - offset) / scale
    above = exact.numerator // exact.denominator + 1
    return min(max(above - (exact.denominator == 1 and not bound.strict), ends[0]), ends[1] + 1)


def _expect_few(steps: int) -> None:
    if steps > MAX_STEPS:
        raise FirelineError(
            f"an output of {steps + 1} values has no exact multiplier that can be proved",
            hint="use a power-of-two scale, or up to 16 bits",
        )
