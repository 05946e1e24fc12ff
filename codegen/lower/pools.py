"""Lowering of pools and reductions over the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np

from fireline.codegen.lower.attributes import CHANNELS_LAST
from fireline.codegen.lower.convolutions import convolve, dilated, expect_layout, negated
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.pads import framed, unframed
from fireline.codegen.lower.state import State
from fireline.codegen.lower.values import Activation, Layout, Padded, Pieces, QuantizedConstant
from fireline.codegen.lower.windows import Window, dilation, extent, kernel_shape, window
from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.graph import GlobalAvgPool2d, MaxPool2d, Shape, Tensor


def maxpool(state: State, node: OnnxNode) -> None:
    """ONNX `MaxPool`: of an increasing function of integers the largest integer has the largest value."""
    if any(state.readers[name] for name in filter(None, node.outputs[1:])):
        raise FirelineError("the indices of a max pool are not supported")

    layout: Layout = "hwc" if node.domain == CHANNELS_LAST else "chw"

    def place(shape: Shape) -> Window:
        return window(node, shape, kernel_shape(node))

    if isinstance(state.value(node.inputs[0]), Padded):
        x, shape, frame = unframed(state, node.inputs[0], -inf)
        expect_layout(x, layout)
        state.values[node.outputs[0]] = _maxpool(state, node, x, False, framed(place(shape), frame))
        return

    def pool(x: Activation, part: bool) -> Activation:
        expect_layout(x, layout)
        return _maxpool(state, node, x, part, place(x.shape))

    _each_part(state, node, pool)


def global_maxpool(state: State, node: OnnxNode) -> None:
    """ONNX `GlobalMaxPool`: a max pool whose window is the map."""

    def pool(x: Activation, part: bool) -> Activation:
        expect_layout(x, "chw")
        return _max_of_map(state, node, x, part)

    _each_part(state, node, pool)


def _max_of_map(state: State, node: OnnxNode, x: Activation, part: bool) -> Activation:
    return _maxpool(state, node, x, part, Window(x.shape[1:], (1, 1), (0,) * 4, (1, 1)))


def _maxpool(state: State, node: OnnxNode, x: Activation, part: bool, place: Window) -> Activation:
    if min(x.scale) < 0:
        x = negated(state, x)
    output = replace(state.tensor(x), shape=(x.shape[0], *place.outputs))
    name = state.name(node.outputs[0], "maxpool")
    # The file's tensor has what is pending behind the integers, a function, a bias, and the other parts.
    whole = not part and x == state.at(x.index, x.private, x.layout)
    source = node.outputs[0] if whole else None
    made = MaxPool2d(name, source, (x.index,), output, place.kernel, place.stride, place.padding)
    pooled = state.append(made, state.read_once(node.outputs[0]), x.layout)
    return replace(x, index=pooled.index, shape=pooled.shape, private=pooled.private)


def average_pool(state: State, node: OnnxNode) -> None:
    """ONNX `AveragePool`: sums of windows, the division is in the scale."""
    _each_part(state, node, lambda x, part: _average(state, node, x, part))


def _each_part(state: State, node: OnnxNode, pool: Callable[[Activation, bool], Activation]) -> None:
    """`pool` of the activation, or of every part of a concatenation whose scales differ, told which it is."""
    value = state.value(node.inputs[0])
    if isinstance(value, Pieces) and not state.alike(value):
        state.values[node.outputs[0]] = Pieces(tuple(pool(part, True) for part in value.parts))
    else:
        state.values[node.outputs[0]] = pool(state.activation(node.inputs[0]), False)


def _average(state: State, node: OnnxNode, x: Activation, part: bool) -> Activation:
    expect_layout(x, "chw")
    sides, apart = kernel_shape(node), dilation(node)
    place = window(node, x.shape, extent(sides, apart), wide=True)
    if sides == x.shape[1:] and not any(place.padding):
        return _sum_map(state, node, x, part, divide=True)
    # ONNX leaves what ceil mode adds out of every mean, and other padding unless it is told to count it.
    without = dict(node.attributes, ceil_mode=0)
    added = place != window(replace(node, attributes=without), x.shape, place.kernel, wide=True)
    if added or (any(place.padding) and not node.integer("count_include_pad", 0)):
        raise FirelineError(
            "the windows of an average pool are of several sizes", hint="pool without padding, or count it"
        )
    channels = x.shape[0]
    ones = np.ones((channels, 1, *sides), dtype=np.int64)
    share = np.full((1, 1, 1, 1), Fraction(1, sides[0] * sides[1]), dtype=object)
    weight = dilated(QuantizedConstant(ones, share, IntType(1, signed=False)), apart)

    def pool(x: Activation, part: bool) -> Activation:
        return convolve(state, node, x, weight, (Fraction(0),) * channels, place, groups=channels, part=part)

    # A frame of zeros takes no part in what is added to each pixel.
    return pool(x, part) if any(place.padding) else _of_line(state, node, x, part, pool)


def _of_line(
    state: State,
    node: OnnxNode,
    value: Activation,
    part: bool,
    pool: Callable[[Activation, bool], Activation],
    times: int = 1,
) -> Activation:
    """A linear `pool`, which has `times` of what is added to each pixel: of integers, whatever their scale and bias."""
    x, factor, shift = state.line(value, node.inputs[0])
    made = pool(x, part or {*factor} != {1} or any(shift))
    return made.mapped(factor, tuple(times * one for one in shift))


def global_average(state: State, node: OnnxNode) -> None:
    """The mean of each channel, as an exact sum whose scale holds the division."""

    def pool(x: Activation, part: bool) -> Activation:
        expect_layout(x, "chw")
        return _sum_map(state, node, x, part, divide=True)

    _each_part(state, node, pool)


def reduce_mean(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceMean` over height and width."""
    _reduce(state, node, divide=True)


def reduce_sum(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceSum` over height and width."""
    _reduce(state, node, divide=False)


def reduce_max(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceMax` over height and width."""
    _over_map(state, node, lambda x, part, layout: replace(_max_of_map(state, node, x, part), layout=layout))


def _reduce(state: State, node: OnnxNode, divide: bool) -> None:
    _over_map(state, node, lambda x, part, layout: _sum_map(state, node, x, part, divide, layout))


def _over_map(
    state: State, node: OnnxNode, reduced: Callable[[Activation, bool, Layout], Activation]
) -> None:
    """`reduced` of an activation whose height and width a node names, told the layout of what it makes."""
    axes: Any = node.attributes.get("axes")
    if axes is None and node.input(1):
        axes = state.constant(node.inputs[1], "the axes").array.ravel().tolist()
    keep = node.integer("keepdims")

    def pool(x: Activation, part: bool) -> Activation:
        here = {"chw": [2, 3], "hwc": [1, 2]}.get(x.layout)
        if not isinstance(axes, list | tuple) or here is None or sorted(int(a) % 4 for a in axes) != here:
            raise FirelineError(
                f"reduction over axes {axes} is not supported", hint="reduce height and width"
            )
        return reduced(x, part, x.layout if keep else "flat chw")

    _each_part(state, node, pool)


def _sum_map(
    state: State, node: OnnxNode, value: Activation, part: bool, divide: bool, layout: Layout | None = None
) -> Activation:
    channels, height, width = value.shape
    pixels = height * width

    def pool(x: Activation, part: bool) -> Activation:
        tensor = state.tensor(x)
        kind = IntType.holding(tensor.type.min * pixels, tensor.type.max * pixels)
        scale = tuple(s / pixels if divide else s for s in tensor.scale)
        output = Tensor((channels, 1, 1), kind, scale, tensor.zero_point * pixels)
        name = state.name(node.outputs[0], "globalavgpool")
        made = GlobalAvgPool2d(name, None if part else node.outputs[0], (x.index,), output)
        return state.append(made, state.read_once(node.outputs[0]), layout or x.layout)

    return _of_line(state, node, value, part, pool, 1 if divide else pixels)
