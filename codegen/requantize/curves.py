"""Increasing real functions between a graph node and the quantizer that takes them in.

A quantizer asks from which input on its output is q or more, so a function is known here by its inverse: `before` maps
the bound "the function's value is y or more" to a bound on its argument. Everything is exact; tanh and sigmoid, whose
inverses are transcendental except at zero, are computed to 60 digits, far beyond what decides between two integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Any, Literal

DIGITS = 60
HALF_PLACE = Fraction(1, 1 << 25)  # of the largest float32 below 1


@dataclass(frozen=True)
class Bound:
    """All numbers from `value` on, without `value` itself if `strict`; -inf are all numbers and inf is none."""

    value: Fraction | float
    strict: bool = False


ALL, NONE = Bound(-inf), Bound(inf)


@dataclass(frozen=True)
class Line:
    """factor[c] * x + shift[c] with factors above zero."""

    factor: tuple[Fraction, ...]
    shift: tuple[Fraction, ...]

    def before(self, channel: int, y: Bound) -> Bound:
        """The arguments whose value is in `y`."""
        assert isinstance(y.value, Fraction)
        return Bound((y.value - self.shift[channel]) / self.factor[channel], y.strict)


@dataclass(frozen=True)
class Clip:
    """The nearest number between low[c] and high[c]."""

    low: tuple[Fraction | float, ...]
    high: tuple[Fraction | float, ...]

    def before(self, channel: int, y: Bound) -> Bound:
        """The arguments whose value is in `y`."""
        return clip_before(self.low[channel], self.high[channel], y)


@dataclass(frozen=True)
class Leaky:
    """slope[c] * x below zero, x from zero on; slopes of zero or above."""

    slope: tuple[Fraction, ...]

    def before(self, channel: int, y: Bound) -> Bound:
        """The arguments whose value is in `y`."""
        assert isinstance(y.value, Fraction)
        slope = self.slope[channel]
        if not slope:
            return clip_before(Fraction(0), inf, y)
        return y if y.value >= 0 else Bound(y.value / slope, y.strict)


@dataclass(frozen=True)
class Smooth:
    """The hyperbolic tangent, or the logistic sigmoid 1 / (1 + exp(-x)).

    They reach 1, and tanh -1, where float32 rounds to it (tanh from |x| = 9.01 on), as the network was trained so:
    rounding towards zero makes another integer of all that is just below. How near to 0 a sigmoid comes is not agreed
    on (PyTorch has 0 below -104, ONNX Runtime below -18): it stays above.
    """

    kind: Literal["tanh", "sigmoid"]

    def before(self, channel: int, y: Bound) -> Bound:
        """The arguments whose value is in `y`."""
        assert isinstance(y.value, Fraction)
        value = y.value
        if value == 1 and not y.strict:
            value -= HALF_PLACE
        elif value == -1 and y.strict and self.kind == "tanh":
            value += HALF_PLACE
        # Both are logarithms of odds: sigmoid(x) = (1 + tanh(x / 2)) / 2.
        share = (value + 1) / 2 if self.kind == "tanh" else value
        if share <= 0:
            return ALL
        if share >= 1:
            return NONE
        if share == Fraction(1, 2):
            return Bound(Fraction(0), y.strict)
        logarithm = _log_odds(share)
        return Bound(logarithm / 2 if self.kind == "tanh" else logarithm, y.strict)


@lru_cache(maxsize=1 << 16)
def _log_odds(share: Fraction) -> Fraction:
    """The logarithm of share / (1 - share): the channels of a node ask for the same ones, 65,535 each with 16 bits."""
    odds = share / (1 - share)
    with localcontext() as context:
        # Odds near 1 have logarithms near 0: more digits keep those that count.
        context.prec = 2 * DIGITS
        return Fraction((Decimal(odds.numerator) / Decimal(odds.denominator)).ln())


Curve = Line | Clip | Leaky | Smooth


def of_channels(curve: Curve, channels: Sequence[int]) -> Curve:
    """The function of some of its channels."""
    if isinstance(curve, Smooth):
        return curve
    own: Any = {field.name: tuple(getattr(curve, field.name)[i] for i in channels) for field in fields(curve)}
    return replace(curve, **own)


def clip_before(low: Fraction | float, high: Fraction | float, y: Bound) -> Bound:
    """The arguments of a clip to `low` .. `high` whose value is in `y`."""
    if y.value < low or (y.value == low and not y.strict):
        return ALL
    if y.value > high or (y.value == high and y.strict):
        return NONE
    return y


def inverse(curves: tuple[Curve, ...], channel: int, y: Bound) -> Bound:
    """The arguments of all `curves`, the first one applied first, whose value is in `y`."""
    for curve in reversed(curves):
        if y in (ALL, NONE):
            return y
        y = curve.before(channel, y)
    return y
