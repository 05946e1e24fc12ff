from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.codegen.requantizer import Line, solve
from fireline.errors import FirelineError

ratios = st.fractions(min_value=Fraction(-2), max_value=Fraction(2), max_denominator=1 << 20)
offsets = st.fractions(min_value=-300, max_value=300, max_denominator=1 << 12)
clamps = st.sampled_from([(0, 255), (-8, 7), (0, 1), (-128, 127), (0, 15)])


def apply(line: Line, acc: int, clamp: tuple[int, int]) -> int:
    return max(clamp[0], min(clamp[1], round(Fraction(acc * line.mult + line.add, 1 << line.shift))))


@settings(max_examples=300, deadline=None)
@given(ratios, offsets, st.integers(-800, 0), st.integers(0, 800), clamps)
def test_equals_rational_arithmetic_on_the_whole_range(
    a: Fraction, b: Fraction, low: int, high: int, clamp: tuple[int, int]
) -> None:
    try:
        line = solve(a, b, (low, high), clamp)
    except FirelineError:
        # Only ties can leave no exact line.
        assert any((2 * (a * acc + b)).denominator == 1 for acc in range(low, high + 1))
        return
    for acc in range(low, high + 1):
        assert apply(line, acc, clamp) == max(clamp[0], min(clamp[1], round(a * acc + b)))


def test_power_of_two_needs_no_multiplier() -> None:
    assert solve(Fraction(1, 64), Fraction(0), (-5000, 5000), (0, 255)) == Line(1, 0, 6)
    assert solve(Fraction(4), Fraction(1), (-5, 5), (-128, 127)) == Line(4, 1, 0)


def test_the_shift_is_the_smallest_that_is_exact() -> None:
    line = solve(Fraction(1, 3), Fraction(0), (0, 10), (0, 255))
    assert line.shift <= 5


def test_ties_that_no_line_can_meet_are_refused() -> None:
    with pytest.raises(FirelineError, match="no exact multiplier"):
        solve(Fraction(17, 12), Fraction(0), (0, 30), (0, 255))
