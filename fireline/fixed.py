"""Integer types, exact scales and rounding: the arithmetic that every stage agrees on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import PlainSerializer, PlainValidator, ValidationInfo
from pydantic_core.core_schema import SerializationInfo

from fireline.errors import FirelineError


@dataclass(frozen=True, slots=True)
class IntType:
    """A two's-complement (`signed`) or unsigned integer of `bits` bits, 1 to 64."""

    bits: int
    signed: bool

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= 64:
            raise FirelineError(f"an integer of {self.bits} bits cannot be", hint="use 1 to 64 bits")

    @property
    def min(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max(self) -> int:
        return (1 << (self.bits - self.signed)) - 1

    def __contains__(self, value: int) -> bool:
        return self.min <= value <= self.max

    def __str__(self) -> str:
        return f"{'int' if self.signed else 'uint'}{self.bits}"

    @staticmethod
    def holding(low: int, high: int) -> IntType:
        """The narrowest type with `low` and `high` in its range; signed only when `low` is negative."""
        if low >= 0:
            return IntType(max(1, high.bit_length()), signed=False)
        return IntType(1 + max((~low).bit_length(), max(high, 0).bit_length()), signed=True)


_FRACTION = re.compile(r"(-?\d{1,999})(?:/(\d{1,999}))?")


def _parse_fraction(value: Any) -> Fraction:
    if isinstance(value, Fraction):
        return value
    # Python's own parser takes "1e999999999" and computes it.
    match = _FRACTION.fullmatch(value) if isinstance(value, str) else None
    if not match or (match[2] and not int(match[2])):
        raise ValueError("this is not a fraction")
    return Fraction(int(match[1]), int(match[2] or 1))


def _parse_array(value: Any, info: ValidationInfo) -> npt.NDArray[np.int64]:
    if isinstance(value, np.ndarray):
        return frozen_array(value)
    arrays = info.context
    if not isinstance(arrays, list) or type(value) is not int or not 0 <= value < len(arrays):
        raise ValueError(f"{value!r} is not the number of a stored array")
    return frozen_array(arrays[value])


def _store_array(value: npt.NDArray[np.int64], info: SerializationInfo) -> int:
    arrays = info.context
    assert isinstance(arrays, list), "arrays are stored beside the text: pass a list as context"
    arrays.append(value)
    return len(arrays) - 1


# An exact rational, written "3/4" in a file.
Rational = Annotated[Fraction, PlainValidator(_parse_fraction), PlainSerializer(str, return_type=str)]

# One scale per tensor (length 1) or one per channel (length C).
Scale = tuple[Rational, ...]

# A read-only int64 array, stored in a file as its number in the list of arrays.
IntArray = Annotated[
    npt.NDArray[np.int64],
    PlainValidator(_parse_array),
    PlainSerializer(_store_array, return_type=int),
]


def frozen_array(values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """A read-only int64 copy of integer `values`.

    Raises:
        FirelineError: `values` are not integers.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise FirelineError(f"integers expected, {array.dtype} arrived")
    array = array.astype(np.int64, order="C")
    array.setflags(write=False)
    return array


def is_power_of_two(value: Fraction) -> bool:
    """Whether `value` is 2**k for an integer k, negative ones included."""
    return value > 0 and value.numerator & (value.numerator - 1) == 0 == value.denominator & (
        value.denominator - 1
    )


def common_scale(a: Fraction, b: Fraction) -> Fraction:
    """The largest rational of which both `a` and `b` are integer multiples."""
    return Fraction(
        gcd(a.numerator * b.denominator, b.numerator * a.denominator), a.denominator * b.denominator
    )


def round_half_even(value: Fraction) -> int:
    """The nearest integer, ties to the even one: the rounding of QONNX `Quant` in mode ROUND."""
    return round(value)


def shift_half_even(
    values: npt.NDArray[np.int64], shift: npt.NDArray[np.int64] | int
) -> npt.NDArray[np.int64]:
    """`values / 2**shift` rounded half to even, in integers; `shift` is >= 0 and broadcasts.

    No sum overflows as long as |values| < 2**62 and shift <= 62.
    """
    shift = np.asarray(shift, dtype=np.int64)
    floor = values >> shift
    rest = values - (floor << shift)
    half = np.left_shift(np.int64(1), shift) >> 1
    up = (rest > half) | ((rest == half) & (floor & 1 == 1))
    return np.asarray(floor + (up & (shift > 0)))
