"""The smallest integer requantizer that is proved equal to exact rational arithmetic.

An activation quantizer computes `clamp(round(a * acc + b))` with rational a and b, rounding half to even. That is a
staircase in the integer `acc`, so an integer formula is right if and only if it is right on both sides of every step
inside the reachable range: that is what is proved here, step by step, for every channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from fireline.errors import FirelineError
from fireline.fixed import is_power_of_two

MAX_SHIFT = 48


@dataclass(frozen=True)
class Line:
    """`round((acc * mult + add) / 2**shift)` in integers."""

    mult: int
    add: int
    shift: int


def solve(a: Fraction, b: Fraction, reach: tuple[int, int], clamp: tuple[int, int]) -> Line:
    """The line of smallest shift that equals `clamp(round(a * acc + b))` for every integer acc in `reach`.

    Args:
        a: output steps per unit of the accumulator.
        b: offset in output steps.
        reach: lowest and highest accumulator that can occur.
        clamp: lowest and highest output integer.

    Raises:
        FirelineError: no multiplier of up to MAX_SHIFT bits is exact.
    """
    exact = _dyadic(a, b)
    if exact and (is_power_of_two(abs(a)) or a == 0 or exact.shift == 0):
        return exact
    if a < 0:
        mirrored = solve(-a, b, (-reach[1], -reach[0]), clamp)
        return Line(-mirrored.mult, mirrored.add, mirrored.shift)
    ends = Staircase.of(a, b, reach, clamp)
    if ends.first == ends.last:
        return Line(0, ends.first, 0)
    for shift in range(MAX_SHIFT + 1):
        line = _line(a, b, shift, ends)
        if line:
            return line
    raise FirelineError(
        f"scale ratio {float(a)} has no exact multiplier of {MAX_SHIFT} bits", hint="use a power-of-two scale"
    )


def _dyadic(a: Fraction, b: Fraction) -> Line | None:
    """The line that is exact everywhere, when `a` and `b` are multiples of a power of two."""
    denominator = max(a.denominator, b.denominator)
    if not (is_power_of_two(Fraction(a.denominator)) and is_power_of_two(Fraction(b.denominator))):
        return None
    shift = denominator.bit_length() - 1
    return Line(int(a * denominator), int(b * denominator), shift) if shift <= MAX_SHIFT else None


@dataclass(frozen=True)
class Staircase:
    """The outputs over the reachable accumulators, as pairs `(q, t)` that an exact line must satisfy.

    `at_least`: accumulator t gives q or more. `below`: accumulator t gives less than q.
    """

    first: int
    last: int
    at_least: list[tuple[int, int]]
    below: list[tuple[int, int]]

    @staticmethod
    def of(a: Fraction, b: Fraction, reach: tuple[int, int], clamp: tuple[int, int]) -> Staircase:
        """The staircase of `clamp(round(a * acc + b))` for a > 0. Outside the clamp any value is as good."""
        first, last = (max(clamp[0], min(clamp[1], round(a * acc + b))) for acc in reach)
        steps = [(q, _reaches(q, a, b)) for q in range(first + 1, last + 1)]
        at_least = steps if first == clamp[0] else [(first, reach[0]), *steps]
        below = [(q, t - 1) for q, t in steps]
        return Staircase(first, last, at_least, below if last == clamp[1] else [*below, (last + 1, reach[1])])


def _reaches(q: int, a: Fraction, b: Fraction) -> int:
    """The smallest integer acc with `round(a * acc + b) >= q`; a tie at q - 1/2 rounds to q when q is even."""
    exact = (Fraction(2 * q - 1, 2) - b) / a
    ceiling = -(-exact.numerator // exact.denominator)
    return ceiling + 1 if exact == ceiling and q % 2 else ceiling


def _line(a: Fraction, b: Fraction, shift: int, stairs: Staircase) -> Line | None:
    """An exact line with this `shift`, or None.

    With the multiplier fixed, every step bounds `add` from both sides. Any integer between the bounds is exact.
    """
    mult = round(a * (1 << shift))
    low = max(_edge(q, shift) - mult * t for q, t in stairs.at_least)
    high = min(_edge(q, shift) - 1 - mult * t for q, t in stairs.below)
    return Line(mult, min(max(round(b * (1 << shift)), low), high), shift) if low <= high else None


def _edge(q: int, shift: int) -> int:
    """The smallest sum that `shift` rounds to q or more: a tie goes up only to an even q, and shift 0 has no ties."""
    return (q << shift) - ((1 << shift) >> 1) + (1 if q % 2 and shift else 0)
