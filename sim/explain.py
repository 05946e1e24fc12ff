"""Why an integer is what it is: the expression that makes it, and the pixels that it depends on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Padding,
    Pair,
    Requantize,
    Rescale,
    Rule,
)

Integers = npt.NDArray[np.int64]
SHOWN = 12  # terms of a sum that are written out


@dataclass(frozen=True)
class Region:
    """Rows and columns of a map, both ends included."""

    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        return f"rows {self.top} to {self.bottom}, columns {self.left} to {self.right}"


def image_region(graph: Graph, node: int, y: int, x: int) -> Region:
    """The smallest rectangle of the input image that pixel (y, x) of node `node` depends on."""
    regions = {node: Region(y, x, y, x)}
    for index in range(node, 0, -1):
        if index in regions:
            current = graph.nodes[index]
            for source in current.inputs:
                _, height, width = graph.nodes[source].output.shape
                before = _before(current, regions[index], height, width)
                regions[source] = _union(regions.get(source, before), before)
    return regions[0]


def explain(
    graph: Graph, trace: Mapping[str, Integers], name: str, image: int, channel: int, y: int, x: int
) -> str:
    """The expression behind one integer of node `name`, in one line.

    `trace` holds the integers (N, C, H, W) of every node, as the simulator gives them.
    """
    index = next(i for i, node in enumerate(graph.nodes) if node.name == name)
    node = graph.nodes[index]
    sources = [graph.nodes[i] for i in node.inputs]
    values = [trace[source.name][image] for source in sources]
    result = int(trace[name][image, channel, y, x])
    match node:
        case Input():
            return f"{result}: a pixel"
        case Conv2d():
            taps, terms = _products(node, values[0], sources[0].output.zero_point, channel, y, x)
            text = " + ".join(f"{w}*{v}" for w, v in terms[:SHOWN])
            rest = f" + {len(terms) - SHOWN} more" if len(terms) > SHOWN else ""
            start = f"bias {int(node.bias[channel])} + {text or 0}{rest} = {taps}"
            return start + _ruled(node.requantize, taps, channel, result)
        case MaxPool2d():
            window = _window(node.kernel, node.stride, node.padding, values[0].shape, y, x)
            inside = values[0][channel, window.top : window.bottom + 1, window.left : window.right + 1]
            return f"largest of {inside.ravel().tolist()} = {result}"
        case GlobalAvgPool2d():
            return f"sum of {values[0][channel].size} values = {result}"
        case Concat():
            for source, value in zip(sources, values, strict=True):
                if channel < len(value):
                    return f"{result}: channel {channel} of {source.name}"
                channel -= len(value)
            raise AssertionError("a channel past the end of a concatenation")
        case Add():
            a, b = (int(value[channel, y, x]) for value in values)
            total = a * node.mult[0] + b * node.mult[1]
            return f"{a}*{node.mult[0]} + {b}*{node.mult[1]} = {total}" + _ruled(
                node.requantize, total, channel, result
            )
        case Rescale():
            value = int(values[0][channel, y, x])
            return f"{value}" + _ruled(node.requantize, value, channel, result)
        case Lookup():
            value = int(values[0][channel, y, x])
            return f"table[{value - sources[0].output.type.min}] = {result}, the entry of {value}"


def _ruled(rule: Rule | None, acc: int, channel: int, result: int) -> str:
    if rule is None:
        return ""
    if isinstance(rule, Requantize):
        at = channel if rule.mult.size > 1 else 0
        mult, add, shift = int(rule.mult[at]), int(rule.add[at]), int(rule.shift[at])
        return f", ({acc}*{mult} + {add}) / 2**{shift} within {rule.low} to {rule.high} = {result}"
    at = channel if len(rule.steps) > 1 else 0
    sign = "" if rule.sign[at] > 0 else "-"
    return f", {rule.low} + the steps up to {sign}{acc} of {rule.steps.shape[1]} = {result}"


def _products(
    node: Conv2d, value: Integers, zero_point: int, channel: int, y: int, x: int
) -> tuple[int, list[tuple[int, int]]]:
    """The accumulator, and its terms (weight, input) that are not zero."""
    outputs, depth, kh, kw = node.weight.shape
    first = channel // (outputs // node.groups) * depth
    top, left = y * node.stride[0] - node.padding[0], x * node.stride[1] - node.padding[1]
    inputs = np.full((depth, kh, kw), zero_point, dtype=np.int64)
    for i in range(kh):
        for j in range(kw):
            if 0 <= top + i < value.shape[1] and 0 <= left + j < value.shape[2]:
                inputs[:, i, j] = value[first : first + depth, top + i, left + j]
    weights = node.weight[channel]
    terms = [(int(w), int(v)) for w, v in zip(weights.ravel(), inputs.ravel(), strict=True) if w and v]
    return int(node.bias[channel]) + sum(w * v for w, v in terms), terms


def _before(node: Node, region: Region, height: int, width: int) -> Region:
    """The region of an input of `height` x `width` that `region` of the node's output depends on."""
    match node:
        case Conv2d():
            kernel: Pair = (int(node.weight.shape[2]), int(node.weight.shape[3]))
            place = (kernel, node.stride, node.padding)
        case MaxPool2d():
            place = (node.kernel, node.stride, node.padding)
        case GlobalAvgPool2d():
            return Region(0, 0, height - 1, width - 1)
        case _:
            return region
    shape = (1, height, width)
    return _union(
        _window(*place, shape, region.top, region.left), _window(*place, shape, region.bottom, region.right)
    )


def _window(kernel: Pair, stride: Pair, padding: Padding, shape: tuple[int, ...], y: int, x: int) -> Region:
    """The pixels under a window, without its padding; one pixel at the edge where it lies in padding only."""
    top, left = y * stride[0] - padding[0], x * stride[1] - padding[1]
    return Region(
        min(max(top, 0), shape[1] - 1),
        min(max(left, 0), shape[2] - 1),
        min(max(top + kernel[0] - 1, 0), shape[1] - 1),
        min(max(left + kernel[1] - 1, 0), shape[2] - 1),
    )


def _union(a: Region, b: Region) -> Region:
    return Region(min(a.top, b.top), min(a.left, b.left), max(a.bottom, b.bottom), max(a.right, b.right))
