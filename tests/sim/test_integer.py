from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fireline.errors import FirelineError
from fireline.fixed import IntType, frozen_array, shift_half_even
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    Lookup,
    MaxPool2d,
    Requantize,
    Rescale,
    Tensor,
)
from fireline.sim.integer import Simulator, quantize
from tests.graphs import Builder, fire_network, random_pixels


def plain(graph: Graph, images: np.ndarray) -> dict[str, np.ndarray]:
    """The graph's definition, written down in plain integers and loops over the window."""
    values: list[np.ndarray] = [images.astype(np.int64)]
    for node in graph.nodes[1:]:
        x = [values[i] for i in node.inputs]
        match node:
            case Conv2d():
                result = window_sum(node, x[0], graph.nodes[node.inputs[0]].output.zero_point)
            case MaxPool2d():
                result = np.max(list(windows(x[0], node, node.kernel, np.iinfo(np.int64).min)), axis=0)
            case GlobalAvgPool2d():
                result = x[0].sum(axis=(2, 3), keepdims=True)
            case Concat():
                result = np.concatenate(x, axis=1)
            case Add():
                result = clamp(x[0] * node.mult[0] + x[1] * node.mult[1], node.requantize)
            case Rescale():
                result = clamp(x[0], node.requantize)
            case Lookup():
                lowest = graph.nodes[node.inputs[0]].output.type.min
                rows = np.broadcast_to(node.table, (node.output.shape[0], node.table.shape[1]))
                result = np.stack([row[x[0][:, c] - lowest] for c, row in enumerate(rows)], axis=1)
        values.append(result)
    return {node.name: value for node, value in zip(graph.nodes, values, strict=True)}


def windows(x, node, kernel, padding):  # type: ignore[no-untyped-def]
    top, left, bottom, right = node.padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=padding)
    _, height, width = node.output.shape
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            yield x[:, :, i :: node.stride[0], j :: node.stride[1]][:, :, :height, :width]


def window_sum(node: Conv2d, x: np.ndarray, zero_point: int) -> np.ndarray:
    per_group = len(node.weight) // node.groups
    depth = node.weight.shape[1]
    acc = np.zeros((len(x), *node.output.shape), np.int64) + node.bias[:, None, None]
    for k, window in enumerate(windows(x, node, node.weight.shape[2:], zero_point)):
        taps = node.weight.reshape(*node.weight.shape[:2], -1)[:, :, k]
        for o in range(len(node.weight)):
            group = o // per_group
            part = window[:, group * depth : (group + 1) * depth]
            acc[:, o] += (part * taps[o][:, None, None]).sum(axis=1)
    return clamp(acc, node.requantize)


def clamp(acc: np.ndarray, rule: Requantize | None) -> np.ndarray:
    if rule is None:
        return acc
    mult, add, shift = (part.reshape(-1, 1, 1) for part in (rule.mult, rule.add, rule.shift))
    return np.clip(shift_half_even(acc * mult + add, shift), rule.low, rule.high)


@pytest.mark.parametrize("bits", [3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition_on_every_node(seed: int, bits: int) -> None:
    graph = fire_network(seed, bits, size=13 + seed)
    images = random_pixels(graph, 3, seed)
    expected, got = plain(graph, images), graph.trace(images)
    for name in expected:
        assert np.array_equal(expected[name], got[name]), name


def test_wide_sums_run_in_float64_and_stay_exact() -> None:
    b = Builder((64, 5, 5), seed=0, bits=16)
    b.conv(0, 8, (3, 3), padding=(2, 1, 0, 1))
    graph = b.graph()
    images = random_pixels(graph, 2)
    assert np.array_equal(graph.simulate(images), plain(graph, images)["conv1"])


sides = st.tuples(st.integers(1, 4), st.integers(1, 4))


# oneDNN reads beyond a channels-last image of one channel here.
@example((1, 1), (13, 3), 6, (3, 3), (1, 2), (0, 0, 0, 0))
@settings(max_examples=200)
@given(
    st.sampled_from([(1, 1), (2, 1), (3, 1), (2, 2), (4, 2), (3, 3)]),
    st.tuples(st.integers(4, 13), st.integers(4, 13)),
    st.integers(1, 6),
    sides,
    sides,
    st.tuples(*[st.integers(0, 2)] * 4),
)
def test_any_convolution_equals_the_definition(
    channels: tuple[int, int],
    size: tuple[int, int],
    outputs: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> None:
    """`channels` are those of the input and the number of groups, `outputs` those of a group."""
    edges = tuple(min(pad, kernel[side % 2] - 1) for side, pad in enumerate(padding))
    b = Builder((channels[0], *size), seed=7)
    b.globalavgpool(b.conv(0, outputs * channels[1], kernel, stride, edges, groups=channels[1]))
    graph = b.graph()
    images = random_pixels(graph, 3)
    found, expected = Simulator(graph).trace(images), plain(graph, images)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_groups_and_strides() -> None:
    b = Builder((6, 9, 7), seed=3)
    x = b.rescale(0)
    x = b.conv(x, 4, (3, 2), (2, 1), (1, 0, 0, 2), groups=2, per_channel=True)
    b.conv(x, 4, (2, 2), groups=4)
    graph = b.graph()
    images = random_pixels(graph, 2)
    assert np.array_equal(graph.simulate(images), plain(graph, images)[graph.output.name])


@pytest.mark.parametrize(("mult", "shift"), [(1234567, 21), (987654321987654, 50), (1, 0), (1 << 52, 53)])
def test_a_multiplier_is_exact(mult: int, shift: int) -> None:
    b = Builder((3, 4, 4), seed=0)
    # Beside half of the last bit: what is added decides.
    add = -98765 if shift < 50 else (1 << shift >> 1) - 7
    rule = Requantize(frozen_array([mult]), frozen_array([add]), frozen_array([shift]), 0, 255)
    b.nodes.append(Rescale("rescale", None, (0,), Tensor((3, 4, 4), IntType(8, False), (Fraction(1),)), rule))
    graph = b.graph()
    images = random_pixels(graph, 4)
    assert np.array_equal(graph.simulate(images), plain(graph, images)["rescale"])


def test_a_convolution_over_53_bits_is_refused() -> None:
    b = Builder((1, 1, 1), seed=0, bits=28)
    b.conv(b.conv(0, 8), 8)
    with pytest.raises(FirelineError, match="over 53 bits"):
        Simulator(b.graph())


def test_the_input_is_rounded_and_clamped() -> None:
    def entered(
        values: list[float], dtype: type, scale: Fraction, type: IntType, zero_point: int, first: bool = False
    ) -> list[int]:
        output = Tensor((1, 1, len(values)), type, (scale,), zero_point)
        node = Input("input", "input", output, zero_point_first=first)
        return quantize(node, np.array(values, dtype=dtype).reshape(1, 1, 1, -1)).ravel().tolist()

    half = Fraction(1, 2)
    assert entered([0, 3, 254, 255], np.uint8, Fraction(1), IntType(8, False), 2) == [2, 5, 255, 255]
    assert entered([-9, 0, 3, 9], np.int64, Fraction(1), IntType(4, True), -3) == [-8, -3, 0, 6]
    assert entered([-9, 0.25, 0.75, 1.2, 9], np.float32, half, IntType(3, True), 0) == [-4, 0, 2, 2, 3]
    assert entered([-9, 0.25, 0.75, 1.2, 9], np.float32, half, IntType(3, False), 1) == [0, 1, 3, 3, 7]
    assert entered([-9, 0.25, 0.75, 1.2, 9], np.float32, half, IntType(3, False), 1, True) == [0, 2, 2, 3, 7]


def test_sums_over_24_bits_keep_their_last_bit() -> None:
    b = Builder((16, 5, 5), seed=0, bits=12)
    b.conv(0, 3, (3, 3))
    conv = b.nodes[-1]
    assert isinstance(conv, Conv2d)
    odd = frozen_array(conv.weight | 1)
    accumulator = IntType(40, True)
    output = Tensor(conv.output.shape, accumulator, conv.output.scale)
    b.nodes[-1] = replace(conv, weight=abs(odd), requantize=None, accumulator=accumulator, output=output)
    graph = b.graph()
    images = np.random.default_rng(0).integers(200, 256, (2, 16, 5, 5))
    got = graph.simulate(images)
    assert got.max() > 1 << 24
    assert np.array_equal(got, plain(graph, images)["conv1"])


def test_every_side_of_windows_and_rows_of_tables() -> None:
    b = Builder((4, 9, 7), seed=5, bits=6)
    x = b.conv(b.rescale(0), 4, (3, 4), (1, 1), (2, 1, 2, 1))
    x = b.maxpool(x, (2, 3), (1, 2), (1, 0, 1, 2))
    table = frozen_array(np.random.default_rng(0).integers(-9, 9, (4, 64)))
    shape = b.nodes[x].output.shape
    b.nodes.append(
        Lookup("lookup", None, (x,), Tensor(shape, IntType(5, True), b.nodes[x].output.scale), table)
    )
    graph = b.graph()
    images = random_pixels(graph, 2)
    expected, got = plain(graph, images), graph.trace(images)
    for name in expected:
        assert np.array_equal(expected[name], got[name]), name
