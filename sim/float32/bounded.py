"""Numbers of which it is known what float32 arithmetic may have made of them.

The bounds are those of the standard model of floating-point arithmetic (Higham, Accuracy and Stability of Numerical
Algorithms, 2nd ed., sections 2.2 and 3.1): a correctly rounded operation has a relative error of at most U, and a sum
of products whose terms each meet at most n roundings, in any order, with or without fused multiply-adds, differs from
the exact one by at most n*U / (1 - n*U) times the sum of the terms' magnitudes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]

U = 2.0**-24  # half the distance of 1 from the next float32
TINY = 2.0**-126  # what is smaller may be rounded to a multiple of less, or to zero
HELD = 1 << 24  # every integer up to it is a float32


@dataclass(frozen=True)
class Bounded:
    """Exact values, and the ends of what an engine may hold instead, all of one shape.

    Where `unit` is above zero, all values are multiples of it, a power of two, and no operation on the way rounded: the
    engine holds the values themselves.
    """

    value: Reals
    low: Reals
    high: Reals
    unit: float = 0.0

    @staticmethod
    def exactly(values: npt.ArrayLike) -> Bounded:
        """Numbers that a file or an image holds."""
        array = np.asarray(values, dtype=np.float64)
        return Bounded(array, array, array, grid(array))

    @property
    def radius(self) -> Reals:
        """How far the engine may be off."""
        return np.asarray(np.maximum(self.high - self.value, self.value - self.low))

    @property
    def largest(self) -> Reals:
        """The magnitude that the engine's number does not exceed."""
        return np.asarray(np.maximum(np.abs(self.low), np.abs(self.high)))

    def mapped(self, function: Callable[[Reals], Reals]) -> Bounded:
        """An increasing function that rounds nothing: values move, or are compared with others."""
        return Bounded(function(self.value), function(self.low), function(self.high), self.unit)


def grid(values: Reals) -> float:
    """The largest power of two, up to 1, that all values are multiples of; 0 if there is none above 2**-120."""
    mantissa, exponent = np.frexp(values[(values != 0) & np.isfinite(values)])
    whole = (mantissa * 2.0**53).astype(np.int64)
    if not whole.size:
        return 1.0
    lowest = int((exponent - 53 + np.log2((whole & -whole).astype(np.float64)).astype(np.int64)).min())
    return 2.0 ** min(lowest, 0) if lowest > -120 else 0.0


def rounded(value: Reals, radius: Reals, magnitude: Reals, roundings: int, unit: float) -> Bounded:
    """The result of an operation.

    Args:
        value: exact.
        radius: what the operands' radii alone make of it.
        magnitude: the sum of the terms' magnitudes, the operands' radii included.
        roundings: that a term meets at most.
        unit: of the result, if none of the terms is rounded; 0 if that is not known.
    """
    if unit and (not magnitude.size or float(magnitude.max()) <= HELD * unit):
        return Bounded(value, value, value, unit)
    error = radius + roundings * U / (1 - roundings * U) * magnitude + roundings * TINY
    return Bounded(value, value - error, value + error)


def product(a: Bounded, b: Bounded) -> Bounded:
    """a * b, elementwise."""
    magnitude = a.largest * b.largest
    return rounded(
        a.value * b.value, magnitude - np.abs(a.value) * np.abs(b.value), magnitude, 1, a.unit * b.unit
    )


def quotient(a: Bounded, b: Bounded) -> Bounded:
    """a / b, elementwise, by numbers that are known exactly."""
    powers = bool((np.abs(np.frexp(b.value)[0]) == 0.5).all())
    unit = a.unit / float(np.abs(b.value).max()) if powers else 0.0
    divisor = np.abs(b.value) - b.radius
    return rounded(
        a.value / b.value, a.largest / divisor - np.abs(a.value / b.value), a.largest / divisor, 1, unit
    )


def total(a: Bounded, b: Bounded, sign: int = 1) -> Bounded:
    """a + b or a - b, elementwise."""
    # Each operand is rounded already: the sum itself is rounded once.
    magnitude = a.largest + b.largest
    return rounded(a.value + sign * b.value, a.radius + b.radius, magnitude, 1, min(a.unit, b.unit))
