"""Lowering of operations that move values and change none: concatenation, flattening, transposition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod

import numpy as np

from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.state import State, same_order
from fireline.codegen.lower.values import (
    Activation,
    Codes,
    Constant,
    Layout,
    Padded,
    Pieces,
    Places,
    QuantizedConstant,
    Raw,
    View,
    each,
)
from fireline.codegen.lower.views import rearrange
from fireline.errors import FirelineError
from fireline.graph import Shape

# The permutations that move the channels, and the layouts they join.
_TRANSPOSITIONS: dict[tuple[int, ...], tuple[Layout, Layout]] = {
    (0, 2, 3, 1): ("chw", "hwc"),
    (0, 3, 1, 2): ("hwc", "chw"),
}
_FLAT: dict[Layout, Layout] = {"chw": "flat chw", "c(hw)": "flat chw", "hwc": "flat hwc"}


def same(state: State, node: OnnxNode) -> None:
    """Operations that change nothing: Identity, Dropout in inference."""
    asked = node.op == "Dropout" and node.input(2)
    if node.trains or (asked and state.constant(node.input(2), "the mode").array.any()):
        raise FirelineError("it is in training mode", hint="export the network in eval mode")
    _relaid(state, node, None)


def _relaid(state: State, node: OnnxNode, layout: Layout | None) -> None:
    value = state.value(node.inputs[0])
    passed = partial(Activation.passed, alone=state.read_once(node.outputs[0]), layout=layout)
    if isinstance(value, Activation | Pieces):
        value = each(value, passed)
    elif isinstance(value, Padded):
        value = replace(value, value=passed(value.value))
    elif isinstance(value, Raw) and layout:
        if any(value.frame) and layout not in ("chw", "hwc"):
            raise FirelineError("the image is flattened in its frame", hint="quantize it before")
        value = replace(value, layout=layout)
    state.values[node.outputs[0]] = value


def _whole(state: State, tensor: str) -> Activation | Pieces:
    """An activation, or the parts of a concatenation where these follow one another when it is flattened, too."""
    value = state.value(tensor)
    if isinstance(value, Pieces) and same_order(value.shape, value.layout):
        return value
    return state.activation(tensor)


def flatten(state: State, node: OnnxNode) -> None:
    """ONNX `Flatten`, mostly to (N, C * H * W)."""
    axis = node.integer("axis")
    if axis != 1 or isinstance(state.value(node.inputs[0]), View):
        _rearrange(state, node, lambda places: places.reshape(prod(places.shape[:axis]), -1))
        return
    x = _whole(state, node.inputs[0])
    _relaid(state, node, _FLAT.get(x.layout, x.layout))


def _rearrange(state: State, node: OnnxNode, change: Callable[[Places], Places]) -> None:
    """The axes changed as numpy changes them, where they are more than another layout."""
    try:
        rearrange(state, node, change)
    except ValueError as error:
        raise FirelineError(f"it cannot be done: {error}", hint="export the network again") from None


def squeeze(state: State, node: OnnxNode) -> None:
    """ONNX `Squeeze`, mostly of one pixel to (N, C), or of the batch, which is 1."""
    viewed = isinstance(state.value(node.inputs[0]), View)
    if viewed or prod((x := _whole(state, node.inputs[0])).shape[1:]) != 1:
        axes = _axes(state, node) or None
        _rearrange(state, node, lambda places: places.squeeze(axes))
        return
    _relaid(state, node, _FLAT.get(x.layout, x.layout))


def unsqueeze(state: State, node: OnnxNode) -> None:
    """ONNX `Unsqueeze`, mostly of (N, C) to (N, C, 1, 1), or of what was the batch."""
    axes = sorted(_axes(state, node))
    pixel = not isinstance(state.value(node.inputs[0]), View) and axes in ([0], [2, 3], [-2, -1])
    x = _whole(state, node.inputs[0]) if pixel else None
    if x is None or prod(x.shape[1:]) != 1 or not x.layout.startswith("flat"):
        _rearrange(state, node, lambda places: np.expand_dims(places, tuple(axes)))
        return
    _relaid(state, node, x.layout if axes == [0] else "chw")


def _axes(state: State, node: OnnxNode) -> tuple[int, ...]:
    """Axes, which are an input, or an attribute of older files."""
    if node.input(1):
        return _integers(state, node.input(1), "the axes")
    return node.integers("axes", ())


def _integers(state: State, name: str, what: str) -> tuple[int, ...]:
    array = state.constant(name, what).array
    if array.dtype.kind not in "iu":
        raise FirelineError(f"{what} {name!r} are {array.dtype}, integers expected", hint="export it again")
    return tuple(map(int, array.ravel()))


def reshape(state: State, node: OnnxNode) -> None:
    """ONNX `Reshape` to (N, C * H * W), to (N, C, H * W) and back, or to the shape that is there."""
    given = _integers(state, node.inputs[1], "the shape")
    value = state.value(node.inputs[0])
    if node.integer("allowzero", 0) and 0 in given:
        raise FirelineError(f"reshape to {list(given)}, which holds no number", hint="export it again")
    if isinstance(value, View):
        _reshaped(state, node, given, value.places.shape)
        return
    layout = value.layout if isinstance(value, Raw) else _whole(state, node.inputs[0]).layout
    here, whole = sides_of(state, node.inputs[0]), _map(state, node)
    values, by_channels = prod(here), layout in ("chw", "c(hw)", "flat chw")
    shape = _filled(given, (1, *here))
    sides = shape[1:]
    if (len(shape) == 2 and shape[1] in (-1, values)) or shape in ((-1,), (values,)):
        _relaid(state, node, _FLAT.get(layout, layout))
    elif sides == here:
        same(state, node)
    elif by_channels and sides == whole:
        _relaid(state, node, "chw")
    elif by_channels and sides == (whole[0], prod(whole[1:])):
        _relaid(state, node, "c(hw)")
    elif len(here) == 1 and sides == whole == (values, 1, 1):
        _relaid(state, node, "chw")
    elif isinstance(value, Raw):
        raise FirelineError(
            f"reshape of the image {list(here)} to {list(given)} is not supported", hint="quantize it before"
        )
    else:
        _reshaped(state, node, given, (1, *here))


def _reshaped(state: State, node: OnnxNode, given: tuple[int, ...], here: tuple[int, ...]) -> None:
    """A reshape that splits or joins axes; the first may be the number of images that the file fixes."""
    shape = _filled(given, here)
    shape = (1, *shape[1:]) if prod(shape[1:]) == prod(here) else shape
    _rearrange(state, node, lambda places: places.reshape(shape))


def _filled(shape: tuple[int, ...], here: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` with the sides of `here` for zeros, and the side behind the first, the batch, that -1 leaves open."""
    shape = tuple(here[i] if side == 0 and i < len(here) else side for i, side in enumerate(shape))
    rest = prod(side for side in shape[1:] if side != -1)
    if shape[1:].count(-1) != 1 or len(shape) < 3 or rest < 1 or prod(here) % rest:
        return shape
    return (shape[0], *(prod(here) // rest if side == -1 else side for side in shape[1:]))


def _map(state: State, node: OnnxNode) -> Shape:
    """(C, H, W) of what a node reshapes."""
    value = state.value(node.inputs[0])
    if isinstance(value, Raw):
        top, left, bottom, right = value.frame
        channels, height, width = state.input_shape
        return channels, top + height + bottom, left + width + right
    return _whole(state, node.inputs[0]).shape


def sides_of(state: State, tensor: str) -> tuple[int, ...]:
    """The sides of one image's `tensor` in the file."""
    value = state.value(tensor)
    while isinstance(value, Codes):
        value = state.value(value.source)
    if isinstance(value, View):
        return value.places.shape[1:]
    if isinstance(value, Raw):
        top, left, bottom, right = value.frame
        channels, height, width = state.input_shape
        layout, height, width = value.layout, top + height + bottom, left + width + right
    elif isinstance(value, Activation | Pieces | Padded):
        layout, (channels, height, width) = value.layout, value.shape
    else:
        raise FirelineError(f"input {tensor!r} is a constant where an activation belongs")
    sides: dict[Layout, tuple[int, ...]] = {
        "chw": (channels, height, width),
        "hwc": (height, width, channels),
        "c(hw)": (channels, height * width),
    }
    return sides.get(layout, (channels * height * width,))


def transpose(state: State, node: OnnxNode) -> None:
    """ONNX `Transpose` of a constant, or of an activation, mostly between channels first and channels last."""
    value = state.value(node.inputs[0])
    if isinstance(value, Constant | QuantizedConstant):
        axes = (value.array if isinstance(value, Constant) else value.integers).ndim
        order = node.integers("perm", range(axes)[::-1])
        if sorted(order) != list(range(axes)):
            raise FirelineError(f"transposition {list(order)} of {axes} axes cannot be")
        turned = (
            Constant(value.array.transpose(order)) if isinstance(value, Constant) else value.transposed(order)
        )
        state.values[node.outputs[0]] = turned
        return
    axes = 1 + len(sides_of(state, node.inputs[0]))
    order = node.integers("perm", range(axes)[::-1])
    before, after = _TRANSPOSITIONS.get(order, (None, None))
    if after is not None and not isinstance(value, View | Codes) and value.layout == before:
        _relaid(state, node, after)
    elif isinstance(value, Raw):
        raise FirelineError(
            f"transposition {list(order)} of the image ({value.layout}) is not supported",
            hint="between channels first and channels last only",
        )
    else:
        _rearrange(state, node, lambda places: places.transpose(order))


def shape(state: State, node: OnnxNode) -> None:
    """ONNX `Shape`, of one image's activation or of a constant."""
    held = state.value(node.inputs[0])
    whole = (
        held.integers.shape if isinstance(held, QuantizedConstant) else (1, *sides_of(state, node.inputs[0]))
    )
    start, end = node.integer("start", 0), node.integer("end", len(whole))
    state.values[node.outputs[0]] = Constant(np.array(whole[start:end], dtype=np.int64))


def concat(state: State, node: OnnxNode) -> None:
    """ONNX `Concat` over channels: pending until a shared quantizer or a reader that needs one tensor."""
    parts: list[Activation] = []
    for name in node.inputs:
        value = state.value(name)
        parts.extend(value.parts if isinstance(value, Pieces) else [state.activation(name)])
    layout = parts[0].layout
    axis = node.integer("axis", 1)
    channel_axes = {"chw": (1, -3), "hwc": (3, -1), "c(hw)": (1, -2)}.get(layout, (1, -1))
    whole = not layout.startswith("flat") or all(part.shape[1:] == (1, 1) for part in parts)
    if axis not in channel_axes or not whole:
        raise FirelineError(f"concat over axis {axis} is not supported", hint=f"axis {channel_axes[0]}")
    if len({(part.shape[1:], part.layout) for part in parts}) != 1:
        raise FirelineError(f"inputs differ in size: {', '.join(str(part.shape) for part in parts)}")
    alone = state.read_once(node.outputs[0])
    pieces = Pieces(tuple(part.passed(alone) for part in parts))
    state.values[node.outputs[0]] = pieces if len(parts) > 1 else pieces.parts[0]
