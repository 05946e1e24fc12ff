"""Small integer graphs with random weights, made by hand: tests of what comes after lowering start from these."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from fireline.fixed import IntType, frozen_array
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    MaxPool2d,
    Node,
    Padding,
    Pair,
    Requantize,
    Rescale,
    Tensor,
    reachable_range,
    window_count,
)
from fireline.nodes import add_range

ONE = (Fraction(1),)


class Builder:
    """Appends nodes with random weights; every method returns the new node's index."""

    def __init__(self, shape: tuple[int, int, int], seed: int, bits: int = 8) -> None:
        self.random = np.random.default_rng(seed)
        self.bits = bits
        self.nodes: list[Node] = [Input("pixels", "pixels", Tensor(shape, IntType(8, signed=False), ONE))]

    def rescale(self, x: int) -> int:
        """Pixels to signed network input: x - 128."""
        shape = self.nodes[x].output.shape
        rule = Requantize(
            frozen_array([1]), frozen_array([-128]), frozen_array([8 - self.bits]), *self._ends(True)
        )
        self.nodes.append(
            Rescale(
                f"rescale{len(self.nodes)}", None, (x,), Tensor(shape, IntType(self.bits, True), ONE), rule
            )
        )
        return len(self.nodes) - 1

    def conv(
        self,
        x: int,
        channels: int,
        kernel: Pair = (1, 1),
        stride: Pair = (1, 1),
        padding: Padding = (0, 0, 0, 0),
        groups: int = 1,
        name: str | None = None,
        per_channel: bool = False,
    ) -> int:
        source = self.nodes[x].output
        depth = source.shape[0] // groups
        limit = (1 << (self.bits - 1)) - 1
        weight = frozen_array(self.random.integers(-limit, limit + 1, (channels, depth, *kernel)))
        bias = frozen_array(self.random.integers(-200, 201, channels))
        accumulator = IntType.holding(*reachable_range(weight, bias, source.type))
        shift = max(0, accumulator.bits - self.bits - 3)
        count = channels if per_channel else 1
        shifts = np.clip(shift + self.random.integers(-1, 2, count), 0, 40) if per_channel else [shift]
        rule = Requantize(
            frozen_array([1] * count), frozen_array([0] * count), frozen_array(shifts), *self._ends(False)
        )
        size = [
            window_count(source.shape[i + 1], kernel[i], stride[i], padding[i], padding[i + 2])
            for i in range(2)
        ]
        self.nodes.append(
            Conv2d(
                name or f"conv{len(self.nodes)}",
                None,
                (x,),
                Tensor((channels, size[0], size[1]), IntType(self.bits, False), ONE),
                weight,
                IntType(self.bits, True),
                bias,
                stride,
                padding,
                groups,
                accumulator,
                rule,
            )
        )
        return len(self.nodes) - 1

    def maxpool(
        self, x: int, kernel: Pair = (3, 3), stride: Pair = (2, 2), padding: Padding = (0, 0, 0, 0)
    ) -> int:
        source = self.nodes[x].output
        size = [
            window_count(source.shape[i + 1], kernel[i], stride[i], padding[i], padding[i + 2])
            for i in range(2)
        ]
        output = Tensor((source.shape[0], size[0], size[1]), source.type, ONE)
        self.nodes.append(MaxPool2d(f"pool{len(self.nodes)}", None, (x,), output, kernel, stride, padding))
        return len(self.nodes) - 1

    def fire(self, x: int, squeeze: int, expand1x1: int, expand3x3: int, name: str) -> int:
        s = self.conv(x, squeeze, name=f"{name}_squeeze")
        a = self.conv(s, expand1x1, name=f"{name}_expand1x1")
        b = self.conv(s, expand3x3, (3, 3), padding=(1, 1, 1, 1), name=f"{name}_expand3x3")
        return self.concat((a, b), f"{name}_concat")

    def concat(self, inputs: tuple[int, ...], name: str) -> int:
        sources = [self.nodes[i].output for i in inputs]
        shape = (sum(s.shape[0] for s in sources), *sources[0].shape[1:])
        self.nodes.append(Concat(name, None, inputs, Tensor(shape, sources[0].type, ONE)))
        return len(self.nodes) - 1

    def add(self, a: int, b: int, mult: tuple[int, int] = (1, 1)) -> int:
        x, y = self.nodes[a].output, self.nodes[b].output
        accumulator = IntType.holding(*add_range(mult, x.type, y.type))
        rule = Requantize(frozen_array([1]), frozen_array([0]), frozen_array([1]), *self._ends(False))
        output = Tensor(x.shape, IntType(self.bits, False), ONE)
        self.nodes.append(Add(f"add{len(self.nodes)}", None, (a, b), output, mult, accumulator, rule))
        return len(self.nodes) - 1

    def globalavgpool(self, x: int) -> int:
        source = self.nodes[x].output
        count = source.shape[1] * source.shape[2]
        type = IntType.holding(source.type.min * count, source.type.max * count)
        output = Tensor((source.shape[0], 1, 1), type, (Fraction(1, count),))
        self.nodes.append(GlobalAvgPool2d("globalavgpool", None, (x,), output))
        return len(self.nodes) - 1

    def graph(self, name: str = "network") -> Graph:
        return Graph(name, tuple(self.nodes))

    def _ends(self, signed: bool) -> tuple[int, int]:
        type = IntType(self.bits, signed)
        return type.min, type.max


def fire_network(seed: int = 0, bits: int = 8, size: int = 15) -> Graph:
    """A SqueezeNet in small: stem, pools with ceil mode, two Fires, one with a bypass, classifier, average."""
    b = Builder((3, size, size), seed, bits)
    x = b.rescale(0)
    x = b.conv(x, 8, (3, 3), (2, 2), (1, 1, 1, 1), name="conv1")
    x = b.maxpool(x, padding=(0, 0, 1, 1))
    x = b.fire(x, 4, 8, 8, "fire2")
    x = b.add(b.fire(x, 4, 8, 8, "fire3"), x)
    x = b.conv(x, 10, name="conv10", per_channel=True)
    b.globalavgpool(x)
    return b.graph()


def random_pixels(graph: Graph, count: int, seed: int = 0) -> np.ndarray:
    """`count` images of uniformly random bytes."""
    return np.random.default_rng(seed).integers(0, 256, (count, *graph.input.output.shape)).astype(np.uint8)
