"""Axes that a file splits, swaps and joins until they are those of a map again, as a channel shuffle does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import get_args

import numpy as np

from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.slices import axes_of, channels_of, laid, numbered
from fireline.codegen.lower.state import State
from fireline.codegen.lower.values import Activation, Layout, Pieces, Places, View, each
from fireline.errors import FirelineError
from fireline.graph import Concat, Shape

# What moves axes or does the same to every value; all else reads a map.
PASSING = (
    *("DequantizeLinear", "Dropout", "Flatten", "Identity", "IntQuant", "Quant", "QuantizeLinear", "Reshape"),
    *("Shape", "Squeeze", "Transpose", "Unsqueeze"),
)


def rearrange(state: State, node: OnnxNode, change: Callable[[Places], Places]) -> None:
    """The activation that `node` reads, its values moved as `change` moves an array with the axes of the file.

    Raises:
        ValueError: `change` cannot be done to it.
    """
    view = _view(state, node.inputs[0])
    places = change(view.places)
    layout = next((one for one in get_args(Layout) if _lies_as(places, view.value.shape, one)), None)
    alone = state.read_once(node.outputs[0])
    value = each(view.value, partial(Activation.passed, alone=alone, layout=layout or "chw"))
    state.values[node.outputs[0]] = value if layout else View(value, places)


def _view(state: State, tensor: str) -> View:
    value = state.value(tensor)
    if isinstance(value, View):
        return value
    value = value if isinstance(value, Pieces) else state.activation(tensor)
    return View(value, laid(numbered(value.shape), value.layout))


def _lies_as(places: Places, shape: Shape, layout: Layout) -> bool:
    return np.array_equal(places, laid(numbered(shape), layout))


def settle(state: State, tensor: str, last: bool = False) -> None:
    """Make of a view at `tensor` a map whose channels are those of the view, for a reader that knows maps alone.

    `last` says that the file ends with it: then the order of its values counts, whatever its axes.

    Raises:
        FirelineError: it is none.
    """
    view = state.values.get(tensor)
    if not isinstance(view, View):
        return
    value = view.value
    for layout, places in _maps(view.places.reshape(1, -1) if last else view.places, value.shape):
        found = axes_of(places, value.shape)
        if found is None:
            continue
        chosen = channels_of(state, value, found[0], tensor, lambda: _joined(state, value, tensor))
        passed = partial(Activation.passed, alone=state.read_once(tensor), layout=layout)
        state.values[tensor] = each(chosen, passed)
        return
    raise FirelineError(
        f"{tensor!r} has axes {list(view.places.shape)}, which are no map with the pixels of {value.shape} in order",
        hint="reshape and transpose it back to (N, C, H, W) before",
    )


def _maps(places: Places, shape: Shape) -> Iterator[tuple[Layout, Places]]:
    """What could be a map of `shape` with other channels, as (1, C, H, W)."""
    sides, pixels = shape[1:], shape[1] * shape[2]
    if places.shape[0] != 1 or places.size % pixels:
        return
    match places.ndim:
        case 4:
            yield "chw", places
            yield "hwc", places.transpose(0, 3, 1, 2)
        case 3 if places.shape[2] == pixels:
            yield "c(hw)", places.reshape(1, -1, *sides)
        case 2:
            yield "flat chw", places.reshape(1, -1, *sides)
            yield "flat hwc", places.reshape(1, *sides, -1).transpose(0, 3, 1, 2)


def _joined(state: State, value: Activation | Pieces, tensor: str) -> Activation:
    """One tensor of the parts of a concatenation, which the file has in another order."""
    if isinstance(value, Activation):
        return value
    made = state.concat(value, tensor)
    node = state.nodes[made.index]
    assert isinstance(node, Concat)
    state.nodes[made.index] = replace(node, source=None)
    return made
