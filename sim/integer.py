"""The bit-accurate simulator: the integer graph run on numpy arrays and exact torch convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch

from fireline.errors import FirelineError
from fireline.fixed import shift_half_even
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    MaxPool2d,
    Node,
    Requantize,
    Rescale,
)

Integers = npt.NDArray[np.int64]


def quantize(node: Input, images: npt.NDArray[np.generic]) -> Integers:
    """Real values `(N, C, H, W)` as the integers that enter the network.

    Raises:
        FirelineError: the shape is not the network's, or a value is not finite.
    """
    if images.ndim != 4 or images.shape[1:] != node.output.shape:
        raise FirelineError(
            f"images are (N, {', '.join(map(str, node.output.shape))}), {images.shape} arrived",
            node=node.name,
        )
    if images.dtype.kind not in "iuf" or not np.isfinite(images).all():
        raise FirelineError("images hold values that are not finite numbers", node=node.name)
    type, zero_point = node.output.type, node.output.zero_point
    if images.dtype.kind in "iu" and node.output.scale == (Fraction(1),):
        return np.clip(images.astype(np.int64) + zero_point, type.min, type.max)
    scale = np.array([float(s) for s in node.output.scale]).reshape(-1, 1, 1)
    integers = np.rint(np.clip(images.astype(np.float64) / scale, -(2.0**53), 2.0**53)).astype(np.int64)
    return np.asarray(np.clip(integers + zero_point, type.min, type.max))


def requantize(acc: Integers, rule: Requantize | None) -> Integers:
    """Apply `rule` to `(N, C, H, W)` accumulators; no rule leaves them as they are."""
    if rule is None:
        return acc
    mult, add, shift = (array.reshape(-1, 1, 1) for array in (rule.mult, rule.add, rule.shift))
    return np.clip(shift_half_even(acc * mult + add, shift), rule.low, rule.high)


def conv2d(node: Conv2d, x: Integers, zero_point: int) -> Integers:
    """`(N, I, H, W)` integers to accumulators, requantized.

    The convolution runs in floating point where every partial sum is an integer that the type represents exactly:
    float32 below 2**24, float64 below 2**53.
    """
    magnitude = int(np.abs(node.weight).reshape(len(node.weight), -1).sum(axis=1).max()) * int(
        np.abs(x).max(initial=1)
    )
    if magnitude >= 1 << 53:
        raise FirelineError(
            f"sums reach {magnitude}, which is over 53 bits", node=node.name, hint="use fewer bits"
        )
    dtype = torch.float32 if magnitude < 1 << 24 else torch.float64
    top, left, bottom, right = node.padding
    padded = torch.nn.functional.pad(
        torch.from_numpy(x).to(dtype), (left, right, top, bottom), value=zero_point
    )
    weight = torch.tensor(node.weight, dtype=dtype)
    sums = torch.nn.functional.conv2d(padded, weight, stride=node.stride, groups=node.groups)
    return requantize(sums.to(torch.int64).numpy() + node.bias.reshape(-1, 1, 1), node.requantize)


def maxpool2d(node: MaxPool2d, x: Integers) -> Integers:
    """The largest of each window; padding is lower than any value."""
    top, left, bottom, right = node.padding
    lowest = np.iinfo(np.int64).min
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=lowest)
    _, height, width = node.output.shape
    (kh, kw), (sh, sw) = node.kernel, node.stride
    result = np.full((len(x), *node.output.shape), lowest)
    for i in range(kh):
        for j in range(kw):
            window = padded[:, :, i : i + sh * (height - 1) + 1 : sh, j : j + sw * (width - 1) + 1 : sw]
            np.maximum(result, window, out=result)
    return result


def run_node(node: Node, values: list[Integers], graph: Graph) -> Integers:
    """The output of a node that is not the input, from the values of all nodes before it."""
    x = [values[i] for i in node.inputs]
    match node:
        case Conv2d():
            return conv2d(node, x[0], graph.nodes[node.inputs[0]].output.zero_point)
        case MaxPool2d():
            return maxpool2d(node, x[0])
        case GlobalAvgPool2d():
            return np.asarray(x[0].sum(axis=(2, 3), keepdims=True))
        case Concat():
            return np.concatenate(x, axis=1)
        case Add():
            return requantize(x[0] * node.mult[0] + x[1] * node.mult[1], node.requantize)
        case Rescale():
            return requantize(x[0], node.requantize)
        case Input():
            raise AssertionError("the input has no operation")


def run(graph: Graph, images: npt.NDArray[np.generic]) -> list[Integers]:
    """The integers `(N, C, H, W)` of every node, in the order of the nodes."""
    values = [quantize(graph.input, images)]
    for node in graph.nodes[1:]:
        values.append(run_node(node, values, graph))
    return values


def batches(images: npt.NDArray[np.generic], size: int) -> Iterator[npt.NDArray[np.generic]]:
    """`images` in slices of at most `size`."""
    for start in range(0, len(images), size):
        yield images[start : start + size]


def simulate(graph: Graph, images: npt.NDArray[np.generic], batch: int = 16) -> Integers:
    """Output integers of the graph; memory is bounded by `batch` images."""
    if not len(images):
        raise FirelineError("no images to simulate", node=graph.name)
    return np.concatenate([run(graph, part)[-1] for part in batches(images, batch)])


def trace(graph: Graph, images: npt.NDArray[np.generic]) -> dict[str, Integers]:
    """Integers of every node, by node name."""
    return {node.name: value for node, value in zip(graph.nodes, run(graph, images), strict=True)}
