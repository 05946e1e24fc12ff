from fractions import Fraction
from math import gcd

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fireline.errors import FirelineError
from fireline.fixed import IntType, common_scale, frozen_array, is_power_of_two, shift_half_even

wide = st.integers(-(2**61), 2**61)


@given(wide, st.integers(0, 60))
def test_shift_rounds_half_to_even(value: int, shift: int) -> None:
    assert shift_half_even(np.array([value]), shift)[0] == round(Fraction(value, 1 << shift))


@given(wide, wide)
def test_the_narrowest_type_holds_both_ends_and_one_bit_less_does_not(a: int, b: int) -> None:
    low, high = min(a, b), max(a, b)
    type = IntType.holding(low, high)
    assert low in type and high in type
    assert type.signed == (low < 0)
    if type.bits > 1:
        narrower = IntType(type.bits - 1, type.signed)
        assert low not in narrower or high not in narrower


@given(
    st.fractions(min_value=Fraction(1, 99), max_value=99),
    st.fractions(min_value=Fraction(1, 99), max_value=99),
)
def test_common_scale_divides_both_and_no_larger_one_does(a: Fraction, b: Fraction) -> None:
    step = common_scale(a, b)
    assert (a / step).denominator == (b / step).denominator == 1
    assert gcd(int(a / step), int(b / step)) == 1


def test_powers_of_two() -> None:
    assert all(is_power_of_two(Fraction(2) ** k) for k in range(-70, 70))
    assert not any(is_power_of_two(Fraction(v)) for v in ("3", "0", "-2", "3/4", "1/3"))


@pytest.mark.parametrize("bits", [0, -1, 65])
def test_impossible_widths_are_refused(bits: int) -> None:
    with pytest.raises(FirelineError, match="cannot be"):
        IntType(bits, signed=True)


def test_arrays_are_frozen_integers() -> None:
    array = frozen_array([1, 2])
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 5
    with pytest.raises(FirelineError, match="integers expected"):
        frozen_array([0.5])
