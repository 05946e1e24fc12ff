"""The rounding modes of QONNX, written down as where their steps are.

A rounding is an increasing staircase: it gives q or more from some value on. Knowing that value, and whether it belongs
to the step, is enough to round numbers, to invert a quantizer, and to prove integer arithmetic equal to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, get_args

from fireline.errors import FirelineError

# SIGN is the rounding of one-bit quantizers: -1 below zero, 1 from zero on. HALF_ODD is what half to even becomes when
# an odd zero point is added behind it, as ONNX does, and the sum is looked at.
Mode = Literal["HALF_EVEN", "HALF_ODD", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "SIGN"]
_ALIASES = {"ROUND": "HALF_EVEN", "ROUND_TO_ZERO": "DOWN"}
_NAMED: tuple[Mode, ...] = tuple(name for name in get_args(Mode) if name not in ("SIGN", "HALF_ODD"))


def mode_named(name: str) -> Mode:
    """The rounding mode that a QONNX attribute calls `name`.

    Raises:
        FirelineError: there is no such mode.
    """
    upper = _ALIASES.get(name.upper(), name.upper())
    for mode in _NAMED:
        if mode == upper:
            return mode
    raise FirelineError(f"rounding mode {name} is not supported", hint=f"use ROUND or {', '.join(_NAMED)}")


@dataclass(frozen=True)
class Rounding:
    """Rounding by `mode`; with `dropped` bits, half to even first and then by `mode` at 2**dropped, as `Trunc` does."""

    mode: Mode = "HALF_EVEN"
    dropped: int = 0

    def edge(self, q: int) -> tuple[int, bool]:
        """Twice the value from which on the result is `q` or more, and whether only values above it are."""
        twice, strict = _edge(self.mode, q)
        if not self.dropped:
            return twice, strict
        whole = twice << self.dropped >> 1  # `twice` is even, or `dropped` makes it so
        return _edge("HALF_EVEN", whole + strict)

    def apply(self, x: Fraction) -> int:
        """`x` rounded."""
        if self.dropped:
            return Rounding(self.mode).apply(Fraction(round(x), 1 << self.dropped))
        floor = x.numerator // x.denominator
        if self.mode == "SIGN":
            return 1 if x >= 0 else -1
        for q in (floor + 1, floor):
            twice, strict = _edge(self.mode, q)
            if 2 * x > twice or (2 * x == twice and not strict):
                return q
        raise AssertionError(f"{self.mode} of {x} is below its floor")


def _edge(mode: Mode, q: int) -> tuple[int, bool]:
    match mode:
        case "HALF_EVEN":
            return 2 * q - 1, q % 2 == 1
        case "HALF_ODD":
            return 2 * q - 1, q % 2 == 0
        case "FLOOR":
            return 2 * q, False
        case "CEIL":
            return 2 * q - 2, True
        case "UP":  # away from zero
            return (2 * q - 2, True) if q > 0 else (2 * q, False)
        case "DOWN":  # towards zero
            return (2 * q, False) if q > 0 else (2 * q - 2, True)
        case "HALF_UP":
            return 2 * q - 1, q <= 0
        case "HALF_DOWN":
            return 2 * q - 1, q > 0
        case "SIGN":
            return 0, False
