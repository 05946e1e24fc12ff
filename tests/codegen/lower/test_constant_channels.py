"""Channels whose sums the quantizer makes one integer of cost nothing, and every output stays what it was."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fireline.codegen.lower.constant_channels import quieted
from fireline.fixed import IntType, frozen_array
from fireline.graph import Conv2d, Graph, Input, Requantize, Tensor, reachable_range
from tests.codegen.lower.test_output import assert_exact
from tests.qonnx_models import QonnxBuilder

NIBBLE, BYTE = IntType(4, False), IntType(8, True)
ALL = np.indices((16, 16))[None]  # both inputs of a convolution of two, every pair of codes
ENTRY = Input("input", "input", Tensor((2, 16, 16), NIBBLE, (Fraction(1),)))

Line = tuple[int, int, int]  # mult, add, shift


def conv(weight: list[list[int]], bias: list[int], lines: list[Line], low: int, high: int) -> Conv2d:
    """A 1x1 convolution of two channels of 4-bit codes, with a line for each output or one for all."""
    kernels, offsets = frozen_array(np.reshape(weight, (-1, 2, 1, 1))), frozen_array(bias)
    accumulator = IntType.holding(*reachable_range(kernels, offsets, NIBBLE))
    rule = Requantize(*(frozen_array(column) for column in zip(*lines, strict=True)), low, high)
    return Conv2d(
        name="conv",
        source=None,
        inputs=(0,),
        output=Tensor((len(bias), 16, 16), BYTE, (Fraction(1),)),
        weight=kernels,
        weight_type=BYTE,
        bias=offsets,
        stride=(1, 1),
        padding=(0, 0, 0, 0),
        groups=1,
        accumulator=accumulator,
        requantize=rule,
    )


def outputs(node: Conv2d) -> np.ndarray:
    return Graph("one", (ENTRY, node)).simulate(ALL)


def numbers(node: Conv2d) -> tuple[list[list[int]], list[int], list[int]]:
    """Weights, biases and shifts."""
    assert isinstance(node.requantize, Requantize)
    return node.weight.reshape(-1, 2).tolist(), node.bias.tolist(), node.requantize.shift.tolist()


def test_what_is_shifted_away_costs_nothing() -> None:
    weight, bias = [[7, -7], [1, 2], [3, 5], [1, -1]], [0, 3, 0, 0]
    node = conv(weight, bias, [(1, 0, 3), (1, 0, 23), (1, 0, 3), (1, 0, 2)], 0, 15)
    quiet = quieted(node, NIBBLE)
    assert numbers(quiet) == ([[7, -7], [0, 0], [3, 5], [1, -1]], [0, 0, 0, 0], [3, 3, 3, 2])
    assert np.array_equal(outputs(quiet), outputs(node))


def test_a_constant_that_is_not_zero_keeps_the_line_that_says_it() -> None:
    # 5 at every sum, 15 at every sum from 0; and 15 above the clamp, which no line says at 0: that stays.
    lines = [(1, 0, 1), (1, 5 << 20, 20), (1, 60, 2), (1, 0, 1)]
    node = conv([[1, 0], [1, 1], [1, 0], [2, 1]], [0, 0, 0, 900], lines, 0, 15)
    quiet = quieted(node, NIBBLE)
    assert numbers(quiet) == ([[1, 0], [0, 0], [0, 0], [2, 1]], [0, 0, 0, 900], [1, 20, 2, 1])
    assert np.array_equal(outputs(quiet), outputs(node))


def test_where_no_channel_lives_one_line_is_left() -> None:
    node = conv([[1, 0], [1, 1]], [0, 0], [(1, 0, 20), (1, 0, 21)], 0, 15)
    quiet = quieted(node, NIBBLE)
    assert numbers(quiet) == ([[0, 0], [0, 0]], [0, 0], [20])
    assert not outputs(quiet).any()


def test_who_has_no_constant_channel_stays_as_it_is() -> None:
    node = conv([[1, 0], [1, 1]], [0, 0], [(1, 0, 1)], 0, 15)
    assert quieted(node, NIBBLE) is node


integers = st.integers(-7, 7)
a_line = st.tuples(st.integers(-9, 9), st.integers(-300, 300), st.integers(0, 14))


@given(st.lists(st.tuples(integers, integers, st.integers(-300, 300), a_line), min_size=1, max_size=4))
def test_every_output_of_every_input_stays(rows: list[tuple[int, int, int, Line]]) -> None:
    weight, bias = [[a, b] for a, b, _, _ in rows], [c for _, _, c, _ in rows]
    node = conv(weight, bias, [line for *_, line in rows], -5, 9)
    quiet = quieted(node, NIBBLE)
    said, says = outputs(node), outputs(quiet)
    assert np.array_equal(says, said)
    for channel, (a, b, _, (_, add, shift)) in enumerate(rows):
        if np.unique(said[0, channel]).size > 1:
            assert quiet.weight[channel].ravel().tolist() == [a, b]
        elif min(max(round(Fraction(add, 1 << shift)), -5), 9) == said[0, channel, 0, 0]:
            assert not quiet.weight[channel].any()


def test_a_file_with_weights_that_training_left_behind(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 6, 6))
    scales = np.reshape([2.0**-4, 2.0**-30, 2.0**-5, 2.0**-28], (4, 1, 1, 1))
    x = b.quant(b.relu(b.conv(b.pixels(), 3, 4, 3, padding=1, scale=scales)), 0.25, 4)
    b.node("Conv", [x, b.quant(b.constant(np.ones((2, 4, 1, 1))), 0.25, 4, True, True)], kernel_shape=[1, 1])
    path = b.save(b.quant(b.nodes[-1].output[0], 0.5, 8, True), tmp_path)
    graph = assert_exact(path, np.random.default_rng(0).integers(0, 256, (3, 3, 6, 6)))
    first = next(node for node in graph.nodes if isinstance(node, Conv2d))
    assert isinstance(first.requantize, Requantize)
    assert np.flatnonzero(first.weight.any(axis=(1, 2, 3))).tolist() == [0, 2]
    assert first.requantize.shift.max() < 20
