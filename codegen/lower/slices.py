"""Lowering of what takes channels, rows and columns of an activation: Slice, Split, Gather."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.codegen.lower.folding import fold
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.state import State
from fireline.codegen.lower.values import Activation, Layout, Pieces, Places, each
from fireline.codegen.lower.windows import MAX_SIDE
from fireline.codegen.requantize.curves import of_channels
from fireline.errors import FirelineError
from fireline.fixed import IntType, Scale, frozen_array
from fireline.graph import Concat, Conv2d, Pair, Shape, Tensor, Thresholds, reachable_range, window_count


def take(state: State, node: OnnxNode) -> None:
    """ONNX `Slice`, `Split` or `Gather` of whole channels, rows and columns.

    Channels of a concatenation are those of its parts, channels of a convolution that nobody else reads are fewer rows
    of weights; others are copied by a 1x1 convolution with one weight of 1 each. Rows and columns are what windows with
    a single weight of 1 see.
    """
    tensor = node.inputs[0]
    held = state.value(tensor)
    value = held if isinstance(held, Pieces) else state.activation(tensor)
    others = [state.constant(name, "what is taken").array for name in node.inputs[1:] if name]
    made = fold(node, [laid(numbered(value.shape), value.layout), *others], state.onnx.opset)
    for name, taken in zip(node.outputs, made, strict=True):
        if name:
            found = axes_of(_back(taken, value.layout, value.shape), value.shape)
            if found is None:
                raise FirelineError(
                    "it takes nothing, or not whole channels, rows and columns", hint="slice these alone"
                )
            channels, rows, columns = found
            chosen = channels_of(state, value, channels, name, lambda: state.activation(tensor))
            passed = each(chosen, partial(Activation.passed, alone=state.read_once(name)))
            crop = partial(_crop, state, rows=rows, columns=columns, name=name)
            state.values[name] = each(passed, crop)


def numbered(shape: Shape) -> Places:
    """The places of a map, as (1, C, H, W)."""
    return np.arange(np.prod(shape)).reshape(1, *shape)


def laid(places: Places, layout: Layout) -> Places:
    """An array (1, C, H, W) as the file lays it out."""
    channels = places.shape[1]
    match layout:
        case "hwc":
            return places.transpose(0, 2, 3, 1)
        case "c(hw)":
            return places.reshape(1, channels, -1)
        case "flat hwc":
            return places.transpose(0, 2, 3, 1).reshape(1, -1)
        case "flat chw":
            return places.reshape(1, -1)
    return places


def _back(taken: Places, layout: Layout, shape: Shape) -> Places:
    """What was taken of an activation of `shape`, as (1, C, H, W); empty where it has lost an axis."""
    if layout == "hwc" and taken.ndim == 4:
        return taken.transpose(0, 3, 1, 2)
    if layout == "c(hw)" and taken.ndim == 3 and taken.shape[2] == shape[1] * shape[2]:
        return taken.reshape(1, -1, *shape[1:])
    if layout.startswith("flat") and taken.ndim == 2 and shape[1:] == (1, 1):
        return taken.reshape(1, -1, 1, 1)
    return taken if layout == "chw" and taken.ndim == 4 else taken[:0]


def axes_of(taken: Places, shape: Shape) -> tuple[Places, Places, Places] | None:
    """The channels, rows and columns of `shape` that `taken` (1, C, H, W) has the places of, if it has whole ones."""
    pixels, width = shape[1] * shape[2], shape[2]
    if taken.shape[0] == 1 and taken.size:
        grid = taken[0]
        channels, rows, columns = grid[:, 0, 0] // pixels, grid[0, :, 0] % pixels // width, grid[0, 0] % width
        if np.array_equal(grid, channels[:, None, None] * pixels + rows[:, None] * width + columns):
            return channels, rows, columns
    return None


def channels_of(
    state: State,
    value: Activation | Pieces,
    channels: Places,
    name: str,
    joined: Callable[[], Activation],
) -> Activation | Pieces:
    """`channels` of an activation, or of the parts that it consists of, which `joined` makes one tensor of."""
    if np.array_equal(channels, np.arange(value.shape[0])):
        return value
    parts = value.parts if isinstance(value, Pieces) else _parts(state, value)
    starts = np.cumsum([0, *(part.shape[0] for part in parts)])
    owner = np.searchsorted(starts, channels, side="right") - 1
    if (np.diff(owner) < 0).any():  # parts are interleaved
        parts, starts, owner = (joined(),), starts[:1], 0 * owner
    own = {int(i): channels[owner == i] - starts[i] for i in np.unique(owner)}
    chosen = tuple(_of_part(state, parts[i], part, name) for i, part in own.items())
    return Pieces(chosen) if len(chosen) > 1 else chosen[0]


def _parts(state: State, value: Activation) -> tuple[Activation, ...]:
    """An activation, or the parts of the concatenation that it is a function of."""
    node = state.nodes[value.index]
    if not isinstance(node, Concat):
        return (value,)
    parts, start = [], 0
    for index in node.inputs:
        shape = state.nodes[index].output.shape
        own = _function(value, range(start, start + shape[0]))
        parts.append(replace(own, index=index, shape=shape, private=False))
        start += shape[0]
    return tuple(parts)


def _function(value: Activation, channels: Sequence[int]) -> Activation:
    """What `value` says of some of its channels, of a node that has these alone."""

    def own(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(entries[i] for i in channels)

    return replace(
        value,
        scale=own(value.scale),
        offset=own(value.offset),
        low=own(value.low),
        high=own(value.high),
        curves=tuple(of_channels(curve, channels) for curve in value.curves),
    )


def _of_part(state: State, value: Activation, channels: Places, name: str) -> Activation:
    node = state.nodes[value.index]
    if np.array_equal(channels, np.arange(value.shape[0])):
        return value
    if isinstance(node, Conv2d) and node.groups == 1 and value.private:
        return _rows_of(state, value, node, channels, name)
    weight = np.zeros((len(channels), value.shape[0], 1, 1), dtype=np.int64)
    weight[np.arange(len(channels)), channels] = 1
    return _copied(state, _function(value, channels.tolist()), weight, (1, 1), 1, channels, name)


def _rows_of(state: State, value: Activation, node: Conv2d, channels: Places, name: str) -> Activation:
    """The convolution behind `value` with some of its output channels."""

    def own(array: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        return frozen_array(array[channels]) if len(array) > 1 else array

    rule, held = node.requantize, node.output
    if isinstance(rule, Thresholds):
        rule = replace(rule, sign=own(rule.sign), steps=own(rule.steps))
    elif rule is not None:
        rule = replace(rule, mult=own(rule.mult), add=own(rule.add), shift=own(rule.shift))
    weight, bias = own(node.weight), own(node.bias)
    sums = IntType.holding(*reachable_range(weight, bias, state.nodes[node.inputs[0]].output.type))
    output = replace(
        held,
        shape=(len(channels), *held.shape[1:]),
        type=held.type if rule else sums,
        scale=_scale_of(held, channels),
    )
    made = replace(
        node,
        name=state.name(name, "conv"),
        source=None,
        weight=weight,
        bias=bias,
        accumulator=sums,
        requantize=rule,
        output=output,
    )
    if node.name in state.proofs:
        state.proofs[made.name] = state.proofs[node.name]
    index = state.append(made, True).index
    return replace(_function(value, channels.tolist()), index=index, shape=output.shape)


def _scale_of(tensor: Tensor, channels: Places) -> Scale:
    """The scale of some channels of a tensor."""
    return tuple(tensor.scale[i] for i in channels) if len(tensor.scale) > 1 else tensor.scale


def _crop(state: State, value: Activation, rows: Places, columns: Places, name: str) -> Activation:
    """Every `stride`-th row and column from the first of `rows` and `columns` on."""
    sides = list(zip((rows, columns), value.shape[1:], strict=True))
    if all(np.array_equal(taken, np.arange(side)) for taken, side in sides):
        return value
    steps = [int(taken[1] - taken[0]) if len(taken) > 1 else 1 for taken, _ in sides]
    if any(
        not 0 < step <= MAX_SIDE or (np.diff(taken) != step).any()
        for step, (taken, _) in zip(steps, sides, strict=True)
    ):
        raise FirelineError("its rows or columns are in no order", hint="slice with one step above 0")
    # The window is so large that the last one ends with the map.
    kernel = [side - step * (len(taken) - 1) for step, (taken, side) in zip(steps, sides, strict=True)]
    channels = value.shape[0]
    weight = np.zeros((channels, 1, *kernel), dtype=np.int64)
    weight[:, :, rows[0], columns[0]] = 1
    return _copied(state, value, weight, (steps[0], steps[1]), channels, np.arange(channels), name)


def _copied(
    state: State,
    value: Activation,
    weight: npt.NDArray[np.int64],
    stride: Pair,
    groups: int,
    channels: Places,
    name: str,
) -> Activation:
    """A convolution that copies integers, zero points included; `value` is what is pending of the copies."""
    held = state.tensor(value)
    weight, bias = frozen_array(weight), frozen_array(np.zeros(len(weight), dtype=np.int64))
    sums = IntType.holding(*reachable_range(weight, bias, held.type))
    height, width = (
        window_count(side, kernel, step, 0, 0)
        for side, kernel, step in zip(held.shape[1:], weight.shape[2:], stride, strict=True)
    )
    output = Tensor((len(weight), height, width), sums, _scale_of(held, channels), held.zero_point)
    made = Conv2d(
        state.name(name, "slice"),
        None,
        (value.index,),
        output,
        weight,
        IntType(1, signed=False),
        bias,
        stride,
        (0, 0, 0, 0),
        groups,
        sums,
        None,
    )
    index = state.append(made, True).index
    return replace(value, index=index, shape=output.shape, private=state.read_once(name))
