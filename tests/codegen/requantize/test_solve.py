from collections.abc import Callable
from fractions import Fraction
from math import inf

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.codegen.requantize.curves import Clip, Curve, Leaky, Line, Smooth
from fireline.codegen.requantize.rounding import Mode, Rounding, mode_named
from fireline.codegen.requantize.solve import solve
from fireline.codegen.requantize.staircase import Channel, Quantizer, staircase
from fireline.codegen.requantize.sums import solve_sum
from fireline.errors import FirelineError
from fireline.fixed import IntType, shift_half_even
from fireline.graph import Requantize, Rule, Thresholds

ratios = st.fractions(min_value=Fraction(-2), max_value=Fraction(2), max_denominator=1 << 20)
small_ratios = st.fractions(min_value=Fraction(-2), max_value=Fraction(2), max_denominator=24)
offsets = st.fractions(min_value=-300, max_value=300, max_denominator=1 << 12)
clamps = st.sampled_from([(0, 255), (-8, 7), (0, 1), (-128, 127), (0, 15), (-127, 127)])
modes = st.sampled_from(["HALF_EVEN", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "SIGN"])
ACC = IntType(11, True)


def apply(rule: Rule, acc: np.ndarray) -> np.ndarray:
    """The first channel's outputs, as the graph defines them."""
    if isinstance(rule, Thresholds):
        return rule.low + (rule.steps[0][:, None] <= rule.sign[0] * acc).sum(axis=0)
    assert isinstance(rule, Requantize)
    return np.clip(shift_half_even(acc * rule.mult[0] + rule.add[0], rule.shift[0]), rule.low, rule.high)


def channel(a: Fraction, b: Fraction, low: Fraction | float = -inf, high: Fraction | float = inf) -> Channel:
    return Channel(a, b, low, high, Fraction(1), 0)


QONNX: dict[str, Callable[[Fraction], int]] = {
    "HALF_EVEN": round,
    "CEIL": lambda x: -(-x // 1),
    "FLOOR": lambda x: x // 1,
    "UP": lambda x: -(-x // 1) if x > 0 else x // 1,
    "DOWN": lambda x: x // 1 if x > 0 else -(-x // 1),
    "HALF_UP": lambda x: (x + Fraction(1, 2)) // 1 if x > 0 else -((-x + Fraction(1, 2)) // 1),
    "HALF_DOWN": lambda x: (
        -((Fraction(1, 2) - x) // 1)
        if x > 0
        else (Fraction(1, 2) + x) // 1 * 1
        if (x + Fraction(1, 2)).denominator > 1
        else int(x + Fraction(1, 2))
    ),
    "SIGN": lambda x: 1 if x >= 0 else -1,
}


@pytest.mark.parametrize("mode", [mode for mode in QONNX if mode != "SIGN"])
def test_the_modes_are_those_of_qonnx(mode: str) -> None:
    from qonnx.custom_op.general.intquant import resolve_rounding_mode

    x = np.arange(-40, 41) / 8
    expected = resolve_rounding_mode(mode)(x)
    got = [Rounding(mode_named(mode)).apply(Fraction(v)) for v in x]
    assert np.array_equal(got, expected)
    assert np.array_equal([QONNX[mode](Fraction(v)) for v in x], expected)


@settings(max_examples=400, derandomize=True)
@given(ratios | small_ratios, offsets, st.integers(-800, 0), st.integers(0, 800), clamps, modes)
def test_equals_rational_arithmetic_on_the_whole_range(
    a: Fraction, b: Fraction, low: int, high: int, clamp: tuple[int, int], mode: Mode
) -> None:
    clamp = (-1, 1) if mode == "SIGN" else clamp
    solution = solve([channel(a, b)], Quantizer(*clamp, Rounding(mode)), (low, high), ACC)
    acc = np.arange(low, high + 1)
    expected = [max(clamp[0], min(clamp[1], QONNX[mode](a * n + b))) for n in acc.tolist()]
    assert np.array_equal(apply(solution.rule, acc), expected)


@settings(max_examples=200, derandomize=True)
@given(
    small_ratios,
    offsets,
    st.fractions(-20, 0, max_denominator=8),
    st.fractions(0, 20, max_denominator=8),
    modes,
)
def test_a_clip_is_part_of_the_rule(
    a: Fraction, b: Fraction, low: Fraction, high: Fraction, mode: Mode
) -> None:
    clamp = (-1, 1) if mode == "SIGN" else (-16, 15)
    solution = solve([channel(a, b, low, high)], Quantizer(*clamp, Rounding(mode)), (-300, 300), ACC)
    acc = np.arange(-300, 301)
    exact = [QONNX[mode](max(low, min(high, a * n + b))) for n in acc.tolist()]
    assert np.array_equal(apply(solution.rule, acc), np.clip(exact, *clamp))


@settings(max_examples=100, derandomize=True)
@given(small_ratios, offsets, st.integers(1, 5), modes.filter(lambda mode: mode != "SIGN"))
def test_trunc_rounds_twice(a: Fraction, b: Fraction, dropped: int, mode: Mode) -> None:
    solution = solve([channel(a, b)], Quantizer(-16, 15, Rounding(mode, dropped)), (-300, 300), ACC)
    acc = np.arange(-300, 301)
    exact = [QONNX[mode](Fraction(round(a * n + b), 1 << dropped)) for n in acc.tolist()]
    assert np.array_equal(apply(solution.rule, acc), np.clip(exact, -16, 15))


@settings(max_examples=100, derandomize=True)
@given(
    ratios, offsets, st.sampled_from([Fraction(0), Fraction(1, 100), Fraction(1, 8), Fraction(3, 2)]), modes
)
def test_leaky_relu_and_clips_are_staircases(a: Fraction, b: Fraction, slope: Fraction, mode: Mode) -> None:
    curves: tuple[Curve, ...] = (
        Leaky((slope,)),
        Line((Fraction(3, 4),), (Fraction(1, 3),)),
        Clip((Fraction(-3),), (Fraction(7),)),
    )
    one = Channel(a, b / 30, -inf, inf, Fraction(1, 4), 2, curves)
    clamp = (-1, 1) if mode == "SIGN" else (-128, 127)
    acc = np.arange(-200, 201)

    def exact(n: int) -> int:
        x = a * n + b / 30
        x = (x if x >= 0 else x * slope) * Fraction(3, 4) + Fraction(1, 3)
        return max(clamp[0], min(clamp[1], QONNX[mode](max(Fraction(-3), min(Fraction(7), x)) * 4 + 2)))

    expected = [exact(n) for n in acc.tolist()]
    solution = solve([one], Quantizer(*clamp, Rounding(mode)), (-200, 200), ACC)
    assert np.array_equal(apply(solution.rule, acc), expected)


@pytest.mark.parametrize(
    ("kind", "function"), [("tanh", np.tanh), ("sigmoid", lambda x: 1 / (1 + np.exp(-x)))]
)
def test_smooth_functions_equal_float64(kind: str, function: Callable[[np.ndarray], np.ndarray]) -> None:
    one = Channel(Fraction(1, 32), Fraction(1, 7), -inf, inf, Fraction(1, 127), 0, (Smooth(kind),))  # type: ignore[arg-type]
    acc = np.arange(-400, 401)
    stairs = staircase(one, Quantizer(-128, 127), (-400, 400))
    assert np.array_equal(stairs.at(acc), np.rint(function(acc / 32 + 1 / 7) * 127))


@pytest.mark.parametrize("mode", ["HALF_EVEN", "DOWN", "UP", "CEIL", "FLOOR"])
@pytest.mark.parametrize("kind", ["tanh", "sigmoid"])
def test_smooth_functions_end_where_those_of_pytorch_do(kind: str, mode: str) -> None:
    """Rounded towards zero, 1 is a step higher than all that is below it; but nothing is said of sigmoids near 0."""
    one = Channel(Fraction(1), Fraction(1, 2), -inf, inf, Fraction(1, 8), 0, (Smooth(kind),))  # type: ignore[arg-type]
    acc = np.arange(-50 if kind == "tanh" else 0, 51)
    reals = getattr(torch, kind)(torch.from_numpy(acc + 0.5).float()).numpy() * 8
    expected = [QONNX[mode](Fraction(float(real))) for real in reals]
    assert expected[-1] == 8
    stairs = staircase(one, Quantizer(-8, 8, Rounding(mode)), (int(acc[0]), 50))
    assert np.array_equal(stairs.at(acc), expected)


def test_power_of_two_needs_no_multiplier() -> None:
    plain = Quantizer(0, 255)
    rule = solve([channel(Fraction(1, 64), Fraction(0))], plain, (-5000, 5000), IntType(14, True)).rule
    assert isinstance(rule, Requantize)
    assert (rule.mult, rule.add, rule.shift) == (1, 0, 6)
    rule = solve([channel(Fraction(4), Fraction(1))], Quantizer(-128, 127), (-5, 5), ACC).rule
    assert isinstance(rule, Requantize)
    assert (rule.mult, rule.add, rule.shift) == (4, 1, 0)


def test_the_shift_is_the_smallest_that_is_exact() -> None:
    rule = solve([channel(Fraction(1, 3), Fraction(0))], Quantizer(0, 255), (0, 10), ACC).rule
    assert isinstance(rule, Requantize)
    assert rule.shift.max() <= 5


def test_ties_that_no_line_can_meet_become_thresholds() -> None:
    solution = solve([channel(Fraction(17, 12), Fraction(0))], Quantizer(0, 255), (0, 30), ACC)
    assert isinstance(solution.rule, Thresholds)
    assert solution.proof.rule == "thresholds"
    assert solution.proof.boundaries == solution.rule.steps.size == round(Fraction(17, 12) * 30)


def test_one_bit_outputs_are_lines() -> None:
    solution = solve(
        [channel(Fraction(-3, 7), Fraction(5))], Quantizer(-1, 1, Rounding("SIGN")), (-90, 90), ACC
    )
    assert isinstance(solution.rule, Requantize)
    assert solution.rule.shift == 0


def test_outputs_of_too_many_values_are_refused() -> None:
    with pytest.raises(FirelineError, match="no exact multiplier"):
        solve(
            [channel(Fraction(1, 3), Fraction(0))],
            Quantizer(-(1 << 31), (1 << 31) - 1),
            (-(1 << 40), 1 << 40),
            ACC,
        )


def test_a_thousand_channels_take_a_few_seconds_at_most() -> None:
    random = np.random.default_rng(0)
    channels = [
        channel(Fraction(float(s)), Fraction(float(o))) for s, o in random.uniform(0.001, 0.01, (1000, 2))
    ]
    solution = solve(channels, Quantizer(0, 255), (-(1 << 17), 1 << 17), IntType(19, True))
    assert isinstance(solution.rule, Requantize)
    assert solution.rule.mult.size == 1000
    assert 240_000 < solution.proof.boundaries <= 255_000
    assert 0 < solution.proof.distance < 0.01


@settings(max_examples=60, derandomize=True)
@given(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.1, 2), st.booleans(), st.integers(2, 8))
def test_sums_of_unlike_scales_get_small_multipliers(
    x: float, y: float, unit: float, signed: bool, bits: int
) -> None:
    from fireline.fixed import common_scale

    exact = [Fraction(float(np.float32(s))) for s in (x, y, unit)]
    step = common_scale(exact[0], exact[1])
    mult = (int(exact[0] / step), int(exact[1] / step))
    types = (IntType(bits, signed), IntType(5, True))
    one = Channel(step, Fraction(0), -inf, inf, exact[2], 0)
    quantizer = Quantizer(0, 15)
    found = solve_sum([one], mult, types, quantizer, (0, 15))
    if found is None:  # a value close to a tie needs every bit of the scales
        return
    assert max(found.mult) < 1 << 20
    a, b = (np.arange(type.min, type.max + 1) for type in types)
    got = apply(found.solution.rule, found.mult[0] * a[:, None] + found.mult[1] * b)
    real = [[round((exact[0] * i + exact[1] * j) / exact[2]) for j in b.tolist()] for i in a.tolist()]
    assert np.array_equal(got, np.clip(real, 0, 15))


def test_a_typical_sum_needs_a_dozen_bits() -> None:
    from fireline.fixed import common_scale

    exact = [Fraction(float(np.float32(s))) for s in (0.0437, 0.0171, 0.0313)]
    step = common_scale(exact[0], exact[1])
    one = Channel(step, Fraction(0), -inf, inf, exact[2], 0)
    mult = (int(exact[0] / step), int(exact[1] / step))
    found = solve_sum([one], mult, (IntType(8, False), IntType(8, True)), Quantizer(0, 255), (0, 255))
    assert found is not None
    assert max(mult) > 1 << 20 and max(found.mult) < 1 << 18


def test_a_proof_says_what_was_chosen() -> None:
    plain = Quantizer(0, 255)
    shift = solve([channel(Fraction(1, 64), Fraction(0))], plain, (-5000, 5000), IntType(14, True)).proof
    assert (shift.rule, shift.bits, shift.boundaries, shift.distance) == ("shift", 1, 0, 0.0)
    # 1/3 of -30 to 30: ten steps above zero, each checked on both sides.
    third = solve([channel(Fraction(1, 3), Fraction(0))], plain, (-30, 30), ACC)
    assert isinstance(third.rule, Requantize)
    assert (third.proof.rule, third.proof.boundaries) == ("multiplier", 10)
    assert third.proof.bits == int(third.rule.mult[0]).bit_length()
    line = [
        (n * int(third.rule.mult[0]) + int(third.rule.add[0])) / 2 ** int(third.rule.shift[0])
        for n in (2, 29)
    ]
    assert third.proof.distance == pytest.approx(max(abs(line[0] - 2 / 3), abs(line[1] - 29 / 3)))
    curved = Channel(Fraction(1), Fraction(0), -inf, inf, Fraction(1), 0, (Leaky((Fraction(1, 2),)),))
    assert solve([curved], Quantizer(-8, 7), (-30, 30), ACC).proof.distance is None


def test_the_distance_of_a_sum_is_that_of_its_farthest_pair() -> None:
    from fireline.fixed import common_scale

    exact = [Fraction(float(np.float32(s))) for s in (0.0437, 0.0171, 0.0313)]
    step = common_scale(exact[0], exact[1])
    types = (IntType(4, False), IntType(4, True))
    one = Channel(step, Fraction(0), -inf, inf, exact[2], 0)
    found = solve_sum([one], (int(exact[0] / step), int(exact[1] / step)), types, Quantizer(0, 15), (0, 15))
    assert found is not None and isinstance(found.solution.rule, Requantize)
    rule, proof = found.solution.rule, found.solution.proof
    gaps = []
    for x in range(16):
        for y in range(-8, 8):
            real = (exact[0] * x + exact[1] * y) / exact[2]
            acc = found.mult[0] * x + found.mult[1] * y
            line = Fraction(acc + int(rule.add[0]), 1 << int(rule.shift[0]))
            gaps += [abs(line - real)] if 0 < real < 15 else []
    assert (proof.rule, proof.boundaries) == ("multiplier", 256)
    assert proof.distance == pytest.approx(float(max(gaps)))
    assert proof.bits == max(found.mult).bit_length()
