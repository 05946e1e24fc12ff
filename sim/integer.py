"""The bit-accurate simulator: the integer graph run exactly, at the speed of torch's float convolutions.

Integers travel as floating-point numbers that hold them exactly: float32 where every intermediate stays below 2**24,
float64 below 2**53. Then a convolution's sums, a multiplication by a power of two, rounding half to even
(`torch.round`) and the clamp are all exact, so speed costs no exactness. Elementwise arithmetic beyond that runs on
64-bit integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from fireline.errors import FirelineError
from fireline.fixed import shift_half_even
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
    Rescale,
    Rule,
    Thresholds,
)
from fireline.nodes import column

Integers = npt.NDArray[np.int64]
Images = npt.NDArray[np.generic]
Step = Callable[[Sequence[Tensor]], Tensor]  # the values of a node's inputs to its own, both (N, C, H, W)

# Below these magnitudes the type has a number for every integer.
FLOAT32_LIMIT, FLOAT64_LIMIT, INT64_LIMIT = 1 << 24, 1 << 53, 1 << 62

ONEDNN: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]

# Images that run at once: so few that a tensor of theirs is still in the cache when the next node reads it.
BATCH = 4


def channels_first(node: Input, images: Images) -> Images:
    """Images `(N, C, H, W)` as they are; `(N, H, W, C)`, where the sides tell, with the channels put first.

    Raises:
        FirelineError: the shape is not the network's.
    """
    channels, height, width = node.output.shape
    if images.ndim == 4 and images.shape[1:] == node.output.shape:
        return images
    if images.ndim == 4 and images.shape[1:] == (height, width, channels):
        return images.transpose(0, 3, 1, 2)
    raise FirelineError(
        f"images are (N, {channels}, {height}, {width}), {images.shape} arrived", node=node.name
    )


def quantize(node: Input, images: Images) -> Integers:
    """Real values `(N, C, H, W)` or `(N, H, W, C)` as the integers that enter the network.

    Raises:
        FirelineError: the shape is not the network's, or a value is not finite.
    """
    images = channels_first(node, images)
    if images.dtype.kind not in "iuf" or not np.isfinite(images).all():
        raise FirelineError("images hold values that are not finite numbers", node=node.name)
    type, zero_point = node.output.type, node.output.zero_point
    if images.dtype.kind in "iu" and node.output.scale == (Fraction(1),):
        return np.clip(images.astype(np.int64) + zero_point, type.min, type.max)
    steps = np.clip(images.astype(np.float64) / column(node.output.scale), -(2.0**51), 2.0**51)
    before, after = (zero_point, 0) if node.zero_point_first else (0, zero_point)
    return np.asarray(np.clip(np.rint(steps + before).astype(np.int64) + after, type.min, type.max))


def exact_dtype(magnitude: int, node: Node) -> torch.dtype:
    """The fastest type that holds every integer up to `magnitude`.

    Raises:
        FirelineError: there is none.
    """
    if magnitude < FLOAT32_LIMIT:
        return torch.float32
    if magnitude < FLOAT64_LIMIT:
        return torch.float64
    if magnitude < INT64_LIMIT:
        return torch.int64
    raise FirelineError(
        f"sums reach {magnitude}, which is over 62 bits", node=node.name, hint="use fewer bits"
    )


def requantizer(rule: Rule | None, magnitude: int, node: Node) -> Callable[[Tensor], Tensor]:
    """A function from accumulators of up to `magnitude` to output integers; it may overwrite its argument."""
    if rule is None:
        return lambda acc: acc
    if isinstance(rule, Thresholds):
        return thresholds(rule, node)
    terms = zip(rule.mult.tolist(), rule.add.tolist(), strict=True)
    dtype = exact_dtype(max(abs(mult) * magnitude + abs(add) for mult, add in terms), node)
    mult, add = (torch.tensor(part, dtype=dtype).view(-1, 1, 1) for part in (rule.mult, rule.add))
    out = exact_dtype(max(-rule.low, rule.high), node)
    if dtype == torch.int64:
        shift = rule.shift.reshape(-1, 1, 1)

        def apply_integers(acc: Tensor) -> Tensor:
            shifted = shift_half_even((acc.to(dtype) * mult + add).numpy(), shift)
            return torch.from_numpy(shifted).clamp_(rule.low, rule.high).to(out)

        return apply_integers
    factor = torch.tensor(np.ldexp(1.0, -rule.shift), dtype=dtype).view(-1, 1, 1)
    plain = bool((mult == 1).all() and (add == 0).all())

    def apply(acc: Tensor) -> Tensor:
        scaled = acc.to(dtype).mul_(factor) if plain else acc.to(dtype).mul_(mult).add_(add).mul_(factor)
        return scaled.round_().clamp_(rule.low, rule.high).to(out)

    return apply


def thresholds(rule: Thresholds, node: Node) -> Callable[[Tensor], Tensor]:
    """A function from accumulators to output integers: how many steps of the channel's row each reaches."""
    out = exact_dtype(max(-rule.low, rule.high), node)
    steps, sign = torch.tensor(rule.steps), torch.tensor(rule.sign)

    def apply(acc: Tensor) -> Tensor:
        channels_first = acc.to(torch.int64).transpose(0, 1)
        rows = (channels_first.reshape(len(steps), -1) * sign[:, None]).contiguous()
        count = torch.searchsorted(steps, rows, right=True) + rule.low
        return count.reshape(channels_first.shape).transpose(0, 1).to(out)

    return apply


def conv2d(node: Conv2d, zero_point: int, largest: int) -> Step:
    """A convolution of inputs up to `largest` in magnitude; every partial sum in any order is an exact integer."""
    rows = np.abs(node.weight).reshape(len(node.weight), -1).sum(axis=1).tolist()
    magnitude = max(row * largest + abs(bias) for row, bias in zip(rows, node.bias.tolist(), strict=True))
    dtype = exact_dtype(magnitude, node)
    if dtype == torch.int64:
        raise FirelineError(
            f"sums reach {magnitude}, which is over 53 bits", node=node.name, hint="use fewer bits"
        )
    weight, bias = torch.tensor(node.weight, dtype=dtype), torch.tensor(node.bias, dtype=dtype)
    finish = requantizer(node.requantize, magnitude, node)
    top, left, bottom, right = node.padding
    symmetric = (top, left) == (bottom, right) and zero_point == 0

    def step(x: Sequence[Tensor]) -> Tensor:
        # Channels innermost, the layout that torch convolves fastest; it is kept from node to node.
        pixels, padding = x[0].to(dtype, memory_format=torch.channels_last), (top, left)
        if not symmetric:
            pixels, padding = functional.pad(pixels, (left, right, top, bottom), value=zero_point), (0, 0)
        return finish(convolve(pixels, weight, bias, node.stride, padding, node.groups))

    return step


def convolve(
    pixels: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: tuple[int, int],
    padding: tuple[int, int],
    groups: int,
) -> Tensor:
    """torch's convolution, by oneDNN where it can: torch itself gives 1x1 convolutions of few images to a matrix
    product that takes twice as long.

    An image of one channel has the strides of channels-first, which are other numbers for the same memory: with those
    of channels-last, oneDNN 3.12 reads beyond it where windows stand below each other, and some columns apart.
    """
    if pixels.shape[1] == 1:
        pixels = pixels.flatten(1).view(pixels.shape)
    if pixels.dtype == torch.float32 and ONEDNN:
        return torch.mkldnn_convolution(pixels, weight, bias, padding, stride, (1, 1), groups)
    return functional.conv2d(pixels, weight, bias, stride, padding, groups=groups)


def maxpool2d(node: MaxPool2d) -> Step:
    """The largest of each window; padding is lower than any value."""
    top, left, bottom, right = node.padding

    def step(x: Sequence[Tensor]) -> Tensor:
        padded = (
            functional.pad(x[0], (left, right, top, bottom), value=-torch.inf) if any(node.padding) else x[0]
        )
        return functional.max_pool2d(padded, node.kernel, node.stride)

    return step


def globalavgpool2d(node: GlobalAvgPool2d) -> Step:
    """The exact sum over the map."""
    dtype = exact_dtype(max(-node.output.type.min, node.output.type.max), node)
    return lambda x: x[0].sum(dim=(2, 3), keepdim=True, dtype=dtype)


def add(node: Add, largest: Sequence[int]) -> Step:
    """The aligned sum of two tensors up to `largest` in magnitude each."""
    magnitude = sum(abs(m) * x for m, x in zip(node.mult, largest, strict=True))
    dtype = exact_dtype(magnitude, node)
    finish = requantizer(node.requantize, magnitude, node)
    a, b = node.mult
    return lambda x: finish(x[0].to(dtype) * a + x[1].to(dtype) * b)


def rescale(node: Rescale, largest: int) -> Step:
    """An elementwise requantizer."""
    finish = requantizer(node.requantize, largest, node)
    return lambda x: finish(x[0].clone())


def lookup(node: Lookup, lowest: int) -> Step:
    """The table's entry of each value."""
    out = exact_dtype(int(np.abs(node.table).max()), node)
    table = torch.tensor(node.table.reshape(-1), dtype=out)
    base = torch.arange(len(node.table)).view(-1, 1, 1) * node.table.shape[1] - lowest
    return lambda x: table[x[0].to(torch.int64) + base]


def step_of(node: Node, sources: Sequence[Node]) -> Step:
    """What computes a node that is not the input."""
    types = [source.output.type for source in sources]
    largest = [max(-type.min, type.max) for type in types]
    match node:
        case Conv2d():
            return conv2d(node, sources[0].output.zero_point, largest[0])
        case MaxPool2d():
            return maxpool2d(node)
        case GlobalAvgPool2d():
            return globalavgpool2d(node)
        case Concat():
            return lambda x: torch.cat(list(x), dim=1)
        case Add():
            return add(node, largest)
        case Rescale():
            return rescale(node, largest[0])
        case Lookup():
            return lookup(node, types[0].min)
        case Input():
            raise AssertionError("the input has no operation")


class Simulator:
    """A graph made ready to run, its weights as tensors."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.steps = [step_of(node, [graph.nodes[i] for i in node.inputs]) for node in graph.nodes[1:]]
        self.last_use = {i: index for index, node in enumerate(graph.nodes) for i in node.inputs}

    @torch.no_grad()
    def run(self, images: Images, *, keep: bool = False) -> Iterator[Tensor]:
        """The value of every node in order; values are dropped after their last use unless `keep`."""
        entry = self.graph.input.output.type
        dtype = exact_dtype(max(-entry.min, entry.max), self.graph.input)
        values: dict[int, Tensor] = {0: torch.from_numpy(quantize(self.graph.input, images)).to(dtype)}
        yield values[0]
        for index, (node, step) in enumerate(zip(self.graph.nodes[1:], self.steps, strict=True), start=1):
            values[index] = step([values[i] for i in node.inputs])
            yield values[index]
            if not keep:
                values = {i: value for i, value in values.items() if self.last_use.get(i, -1) > index}

    def outputs(self, images: Images, batch: int = BATCH) -> Integers:
        """Integers `(N, C, H, W)` of the last node, `batch` images at a time."""
        if not len(images):
            raise FirelineError("no images to simulate", node=self.graph.name)
        parts = []
        for part in batches(images, batch):
            for value in self.run(part):
                last = value
            parts.append(integers(last))
        return np.concatenate(parts)

    def trace(self, images: Images) -> dict[str, Integers]:
        """Integers `(N, C, H, W)` of every node, by node name."""
        values = self.run(images, keep=True)
        return {node.name: integers(value) for node, value in zip(self.graph.nodes, values, strict=True)}


def batches(images: Images, size: int) -> Iterator[Images]:
    """`images` in slices of at most `size`."""
    for start in range(0, len(images), size):
        yield images[start : start + size]


def simulate(graph: Graph, images: Images, batch: int = BATCH) -> Integers:
    """Output integers of the graph; memory is bounded by `batch` images."""
    return Simulator(graph).outputs(images, batch)


def integers(value: Tensor) -> Integers:
    """The integers that a tensor of exact floating-point integers holds."""
    return value.to(torch.int64).numpy()
