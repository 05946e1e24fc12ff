"""Lowering of ONNX `Pad`: a frame that waits for the convolution or the pool that takes it in."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import numpy as np

from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.state import State
from fireline.codegen.lower.values import Activation, Layout, Padded, Raw
from fireline.codegen.lower.windows import MAX_SIDE, Window
from fireline.errors import FirelineError
from fireline.graph import Padding, Shape


def pad(state: State, node: OnnxNode) -> None:
    """ONNX `Pad` of height and width with zeros, or, in front of a max pool, with minus infinity."""
    mode = node.text("mode")
    value = state.value(node.inputs[0])
    image = isinstance(value, Raw) and state.onnx.integer_input is None
    x = value if isinstance(value, Raw) and image else state.activation(node.inputs[0])
    sides = _sides(state, node, x.layout)
    if mode != "constant" and any(sides):
        raise FirelineError(f"mode {mode} is not supported", hint="pad with a constant 0")
    fill = node.number("value", 0.0)
    if node.input(2):
        fill = float(state.constant(node.input(2), "the value of a Pad").array.ravel()[0])
    if fill not in (0.0, -inf):
        raise FirelineError(f"a frame of {fill:g} is not supported", hint="pad with 0")
    if isinstance(x, Raw):
        if fill and any(sides):
            raise FirelineError(
                f"the image gets a frame of {fill:g}", hint="quantize it before, or pad with 0"
            )
        top, left, bottom, right = (a + b for a, b in zip(x.frame, sides, strict=True))
        state.values[node.outputs[0]] = replace(x, frame=(top, left, bottom, right))
        return
    inner = replace(x, private=x.private and state.read_once(node.outputs[0]))
    state.values[node.outputs[0]] = Padded(inner, sides, fill) if any(sides) else inner


def unframed(state: State, tensor: str, fill: float) -> tuple[Activation, Shape, Padding]:
    """The activation inside of `tensor`, the shape with its frame, and the frame where it is one of `fill`."""
    value = state.value(tensor)
    if isinstance(value, Padded) and value.fill == fill:
        return value.value, value.shape, value.frame
    x = state.activation(tensor)
    return x, x.shape, (0, 0, 0, 0)


def framed(place: Window, frame: Padding) -> Window:
    """The windows of `place`, which lie over a map with a frame, over the map alone."""
    top, left, bottom, right = (p + f for p, f in zip(place.padding, frame, strict=True))
    return replace(place, padding=(top, left, bottom, right))


def _sides(state: State, node: OnnxNode, layout: Layout) -> Padding:
    """Pixels above, left of, below and right of the map."""
    named = node.attributes.get("pads")
    if named is None:
        named = state.constant(node.input(1), "the sides of a Pad").array.ravel().tolist()
    rows = {"chw": 2, "hwc": 1}.get(layout)
    if rows is None:
        raise FirelineError("a flat activation is padded", hint="pad before flattening")
    axes = list(range(4))
    if node.input(3):
        axes = [int(axis) % 4 for axis in state.constant(node.input(3), "the axes of a Pad").array.ravel()]
    if len(named) != 2 * len(axes) or not all(isinstance(side, int) for side in named):
        raise FirelineError(
            f"pads are {list(named)} for axes {axes}", hint="a begin and an end for each axis"
        )
    begins, ends = np.zeros(4, dtype=np.int64), np.zeros(4, dtype=np.int64)
    begins[axes], ends[axes] = named[: len(axes)], named[len(axes) :]
    others = [axis for axis in range(4) if axis not in (rows, rows + 1)]
    if begins[others].any() or ends[others].any():
        raise FirelineError(f"pads {list(named)} reach beyond height and width", hint="pad these alone")
    top, left, bottom, right = (int(side) for side in (*begins[rows : rows + 2], *ends[rows : rows + 2]))
    if min(top, left, bottom, right) < 0 or max(top, left, bottom, right) > MAX_SIDE:
        raise FirelineError(
            f"pads are {list(named)}, 0 to {MAX_SIDE} expected", hint="slice in a node of its own"
        )
    return top, left, bottom, right
