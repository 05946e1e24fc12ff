"""Lowering of pools and reductions over the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import inf, prod
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
from fireline.graph import Conv2d, GlobalAvgPool2d, MaxPool2d, Pair, Shape, Tensor


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
    return _maxpool(state, node, x, part, _across(x, x.shape[1:]))


def _across(x: Activation, kernel: Pair) -> Window:
    """Windows side by side that are as wide or as high as the map."""
    _, height, width = x.shape
    return Window(kernel, kernel, (0, 0, 0, 0), (height // kernel[0], width // kernel[1]))


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
            "the windows of an average pool are of several sizes",
            hint="pool without padding and ceil mode, or count the padding",
        )
    share = Fraction(1, sides[0] * sides[1])

    def pool(x: Activation, part: bool) -> Activation:
        return _windows(state, node, x, part, place, share, apart)

    # A frame of zeros takes no part in what is added to each pixel.
    return pool(x, part) if any(place.padding) else _of_line(state, node, x, part, pool)


def _windows(
    state: State,
    node: OnnxNode,
    x: Activation,
    part: bool,
    place: Window,
    share: Fraction,
    apart: Pair = (1, 1),
) -> Activation:
    """The sum of each window of a channel, times `share`: a depthwise convolution."""
    channels, sides = x.shape[0], [(end - 1) // by + 1 for end, by in zip(place.kernel, apart, strict=True)]
    ones = np.ones((channels, 1, *sides), dtype=np.int64)
    scale = np.full((1, 1, 1, 1), share, dtype=object)
    weight = dilated(QuantizedConstant(ones, scale, IntType(1, signed=False)), apart)
    return convolve(state, node, x, weight, (Fraction(0),) * channels, place, groups=channels, part=part)


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
    """ONNX `ReduceMean` over height, width or both."""
    _reduce(state, node, divide=True)


def reduce_sum(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceSum` over height, width or both."""
    _reduce(state, node, divide=False)


def reduce_max(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceMax` over height, width or both."""
    _over_map(state, node, lambda x, part, kernel: _maxpool(state, node, x, part, _across(x, kernel)))


def _reduce(state: State, node: OnnxNode, divide: bool) -> None:
    def pool(x: Activation, part: bool, kernel: Pair) -> Activation:
        if kernel == x.shape[1:]:
            return _sum_map(state, node, x, part, divide)
        count = kernel[0] * kernel[1]
        share = Fraction(1, count if divide else 1)
        return _of_line(
            state,
            node,
            x,
            part,
            lambda x, part: _windows(state, node, x, part, _across(x, kernel), share),
            1 if divide else count,
        )

    _over_map(state, node, pool)


def _over_map(state: State, node: OnnxNode, reduced: Callable[[Activation, bool, Pair], Activation]) -> None:
    """`reduced` of an activation over the axes of its map that a node names, told how much of the map that is."""
    axes: Any = node.attributes.get("axes")
    if axes is None and node.input(1):
        axes = state.constant(node.inputs[1], "the axes").array.ravel().tolist()
    keep = node.integer("keepdims")

    def pool(x: Activation, part: bool) -> Activation:
        rank, here = {"chw": (4, (2, 3)), "hwc": (4, (1, 2)), "c(hw)": (3, (2,))}.get(x.layout, (2, ()))
        named = {int(axis) % rank for axis in axes} if isinstance(axes, list | tuple) else set()
        whole = named == set(here)
        if not named or not named <= set(here) or (x.layout == "hwc" and not whole and not keep):
            raise FirelineError(
                f"reduction of {x.layout} over axes {axes} is not supported", hint="reduce height and width"
            )
        height, width = x.shape[1:]
        kernel = (height, width) if whole else (height, 1) if here[0] in named else (1, width)
        after: Layout = x.layout if keep else "flat chw" if whole else "c(hw)"
        return replace(reduced(x, part, kernel), layout=after)

    _each_part(state, node, pool)


def _sum_map(state: State, node: OnnxNode, value: Activation, part: bool, divide: bool) -> Activation:
    channels, height, width = value.shape
    pixels = height * width

    def pool(x: Activation, part: bool) -> Activation:
        scale = tuple(s / pixels if divide else s for s in state.tensor(x).scale)
        source = _tiled_by(state, x)
        tensor = state.nodes[source].output
        count = tensor.shape[1] * tensor.shape[2]
        kind = IntType.holding(tensor.type.min * count, tensor.type.max * count)
        output = Tensor((channels, 1, 1), kind, scale, tensor.zero_point * count)
        name = state.name(node.outputs[0], "globalavgpool")
        made = GlobalAvgPool2d(name, None if part else node.outputs[0], (source,), output)
        return state.append(made, state.read_once(node.outputs[0]), x.layout)

    return _of_line(state, node, value, part, pool, 1 if divide else pixels)


def _tiled_by(state: State, x: Activation) -> int:
    """The node whose pixels `x` has the sums of, each in one of them, if nothing else reads these; else its own."""
    node = state.nodes[x.index]
    if not (isinstance(node, Conv2d) and node.requantize is None and x.private):
        return x.index
    before = state.nodes[node.inputs[0]].output
    kernel, tiles = node.weight.shape[2:], node.output.shape[1:]
    tiling = kernel == node.stride and not any(node.padding)
    tiling &= all(k * t == side for k, t, side in zip(kernel, tiles, before.shape[1:], strict=True))
    plain = node.groups == before.shape[0] and bool((node.weight == 1).all())
    plain &= bool((node.bias == -before.zero_point * prod(kernel)).all())
    return node.inputs[0] if tiling and plain and node.output.shape[0] == before.shape[0] else x.index
