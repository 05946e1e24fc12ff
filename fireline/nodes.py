"""The integer graph: what the hardware computes, no more and no less.

A `Graph` is a list of nodes in topological order; a node names its inputs by their place in that list. Every node
has one output, a `(C, H, W)` tensor of integers. This is the one contract between the stages: lowering makes it
(`fireline.codegen.lower.network`), the simulators run it (`fireline.sim`), and code generation writes it as C++.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.fixed import IntArray, IntType, Scale

Shape = tuple[int, int, int]  # channels, height, width
Pair = tuple[int, int]  # vertical, horizontal
Padding = tuple[int, int, int, int]  # top, left, bottom, right

# A tensor larger than this is a mistake: the largest of SqueezeNet at 224x224 pixels has 1.2 million values.
MAX_VALUES = 1 << 27
MAX_CHANNELS = 1 << 14


@dataclass(frozen=True)
class Tensor:
    """The integers on one edge: real value = (integer - zero_point) * scale + offset.

    `scale` and `offset` have one entry per tensor or per channel. Only the network's output has an offset: what a float
    bias adds that is no whole number of steps, which nothing computes with but who reads the output.
    """

    shape: Shape
    type: IntType
    scale: Scale
    zero_point: int = 0
    offset: Scale = (Fraction(0),)

    def __post_init__(self) -> None:
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise FirelineError(f"a tensor is (C, H, W) with every side at least 1, {self.shape} arrived")
        if prod(self.shape) > MAX_VALUES or self.shape[0] > MAX_CHANNELS:
            raise FirelineError(
                f"a tensor {self.shape} has more than {MAX_VALUES} values or {MAX_CHANNELS} channels"
            )
        for numbers, what in ((self.scale, "scales"), (self.offset, "offsets")):
            if len(numbers) not in (1, self.shape[0]):
                raise FirelineError(
                    f"{len(numbers)} {what} for {self.shape[0]} channels", hint="one, or one each"
                )
        if min(self.scale) <= 0:
            raise FirelineError(f"a scale is above zero, {min(self.scale)} arrived")
        if self.zero_point not in self.type:
            raise FirelineError(f"zero point {self.zero_point} is outside {self.type}")

    def real(self, integers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The real values of `(..., C, H, W)` integers in float64: product and sum are rounded once each."""
        scale, offset = (column(numbers) for numbers in (self.scale, self.offset))
        return np.asarray((integers - self.zero_point) * scale + offset)

    @property
    def reading(self) -> str:
        """The real value of an integer, in words, with the numbers that all channels share."""
        zero = self.zero_point
        integer = f"(integer {'-' if zero > 0 else '+'} {abs(zero)})" if zero else "integer"
        text = f"{integer} * {_shared(self.scale, 'scale')}"
        return f"{text} + {_shared(self.offset, 'offset')}" if any(self.offset) else text


def column(numbers: Scale) -> npt.NDArray[np.float64]:
    """One number, or one per channel, as float64 that broadcast to (..., C, H, W)."""
    return np.array([float(one) for one in numbers]).reshape(-1, 1, 1)


def _shared(numbers: Scale, name: str) -> str:
    low, high = float(min(numbers)), float(max(numbers))
    return f"{low:.9g}" if len(numbers) == 1 else f"{name} of its channel ({low:.4g} to {high:.4g})"


@dataclass(frozen=True)
class Requantize:
    """Maps an accumulator to an output integer.

    `clamp(round((acc * mult[c] + add[c]) / 2**shift[c]), low, high)`, rounding half to even. The arrays have one
    entry per tensor or one per channel. A power-of-two scale has `mult == 1`.
    """

    mult: IntArray
    add: IntArray
    shift: IntArray
    low: int
    high: int

    def __post_init__(self) -> None:
        if (
            not self.mult.shape == self.add.shape == self.shift.shape
            or self.mult.ndim != 1
            or not self.mult.size
        ):
            raise FirelineError(
                "mult, add and shift of a requantizer have one entry per tensor or per channel, alike"
            )
        if self.shift.min() < 0 or self.shift.max() > 62:
            raise FirelineError(f"a shift is 0 to 62, {self.shift.min()} to {self.shift.max()} arrived")
        if self.low > self.high:
            raise FirelineError(f"clamp from {self.low} to {self.high} is empty")


@dataclass(frozen=True)
class Thresholds:
    """Maps an accumulator to an output integer by comparing it with every step: for what no line computes exactly.

    `low + (number of steps[c] that are <= sign[c] * acc)`. The arrays have one row per tensor or one per channel; the
    steps of a row are in order.
    """

    low: int
    sign: IntArray  # (rows,), 1 or -1
    steps: IntArray  # (rows, steps)

    def __post_init__(self) -> None:
        if self.steps.ndim != 2 or not len(self.steps) or self.sign.shape != (len(self.steps),):
            raise FirelineError("thresholds have one sign for each row of steps")
        if not np.isin(self.sign, (-1, 1)).all():
            raise FirelineError("the signs of thresholds are 1 and -1")
        if (self.steps[:, 1:] < self.steps[:, :-1]).any():
            raise FirelineError("the steps of a threshold are not in order")

    @property
    def high(self) -> int:
        """Highest output."""
        return self.low + len(self.steps[0])


Rule = Requantize | Thresholds


@dataclass(frozen=True)
class Input:
    """Quantized pixels: a real value x enters as `clamp(round(x / scale) + zero_point)`, rounding half to even.

    That is ONNX's QuantizeLinear. QONNX's Quant adds the zero point before it rounds, which differs at ties where that
    is odd: `zero_point_first` says so. Fireline's own networks have scale 1 and type uint8 here, so raw pixels enter as
    they are.
    """

    name: str
    source: (
        str  # the tensor of the QONNX file that holds the same values; "" if none does in the order (C, H, W)
    )
    output: Tensor
    inputs: tuple[()] = ()
    zero_point_first: bool = False
    kind: Literal["input"] = "input"


@dataclass(frozen=True)
class Conv2d:
    """Convolution: `acc[o] = bias[o] + sum(weight[o] * window)`, then `requantize` unless it is None.

    The window is padded with the input's zero point, which is real zero. `accumulator` holds every partial sum.
    """

    name: str
    source: str | None
    inputs: tuple[int]
    output: Tensor
    weight: IntArray  # (O, I / groups, KH, KW)
    weight_type: IntType
    bias: IntArray  # (O,), in units of the accumulator
    stride: Pair
    padding: Padding
    groups: int
    accumulator: IntType
    requantize: Rule | None
    kind: Literal["conv2d"] = "conv2d"


@dataclass(frozen=True)
class MaxPool2d:
    """The largest integer of each window; padding never wins (ONNX ceil mode is padding below and to the right)."""

    name: str
    source: str | None
    inputs: tuple[int]
    output: Tensor
    kernel: Pair
    stride: Pair
    padding: Padding
    kind: Literal["maxpool2d"] = "maxpool2d"


@dataclass(frozen=True)
class GlobalAvgPool2d:
    """The exact sum over H and W of every channel; the division is in the output's scale."""

    name: str
    source: str | None
    inputs: tuple[int]
    output: Tensor
    kind: Literal["globalavgpool2d"] = "globalavgpool2d"


@dataclass(frozen=True)
class Concat:
    """Channels of the inputs one after another; types, scales and zero points are equal."""

    name: str
    source: str | None
    inputs: tuple[int, ...]
    output: Tensor
    kind: Literal["concat"] = "concat"


@dataclass(frozen=True)
class Add:
    """`a * mult[0] + b * mult[1]`, then `requantize` unless it is None: operands of unequal scales, aligned exactly."""

    name: str
    source: str | None
    inputs: tuple[int, int]
    output: Tensor
    mult: tuple[int, int]
    accumulator: IntType
    requantize: Rule | None
    kind: Literal["add"] = "add"


@dataclass(frozen=True)
class Rescale:
    """An elementwise `requantize` on its own: pixels to network input, or one scale to another."""

    name: str
    source: str | None
    inputs: tuple[int]
    output: Tensor
    requantize: Rule
    kind: Literal["rescale"] = "rescale"


@dataclass(frozen=True)
class Lookup:
    """`table[c][x - lowest x]`: any function of an integer of few bits. One row per tensor or one per channel."""

    name: str
    source: str | None
    inputs: tuple[int]
    output: Tensor
    table: IntArray  # (rows, 2**bits of the input)
    kind: Literal["lookup"] = "lookup"


Node = Input | Conv2d | MaxPool2d | GlobalAvgPool2d | Concat | Add | Rescale | Lookup


def window_count(size: int, kernel: int, stride: int, before: int, after: int) -> int:
    """How many windows fit along one side of `size`, `before` and `after` being its padding."""
    return (size + before + after - kernel) // stride + 1


def channel_ranges(
    weight: npt.NDArray[np.int64], bias: npt.NDArray[np.int64], x: IntType
) -> list[tuple[int, int]]:
    """Lowest and highest accumulator of each output channel over all inputs of type `x`.

    Any partial sum in any order is included: every product's range contains zero, because `x` does, so a sum over part
    of the window lies inside the range of the whole. `weight` is (O, ...), `bias` (O,).
    """
    rows = weight.reshape(weight.shape[0], -1)
    # Python's integers do not overflow where the products leave 64 bits.
    sums = np.minimum(rows, 0).sum(axis=1).tolist(), np.maximum(rows, 0).sum(axis=1).tolist(), bias.tolist()
    return [(b + n * x.max + p * x.min, b + p * x.max + n * x.min) for n, p, b in zip(*sums, strict=True)]


def reachable_range(
    weight: npt.NDArray[np.int64], bias: npt.NDArray[np.int64], x: IntType
) -> tuple[int, int]:
    """Lowest and highest accumulator of all output channels, as `channel_ranges` has them."""
    low, high = zip(*channel_ranges(weight, bias, x), strict=True)
    return min(low), max(high)


def node_macs(node: Node) -> int:
    """Multiply-accumulates per image of one node: convolutions only, as papers count."""
    if not isinstance(node, Conv2d):
        return 0
    _, height, width = node.output.shape
    return int(node.weight.size) * height * width


def per_channel(scale: tuple[Fraction, ...], channels: int) -> tuple[Fraction, ...]:
    """`scale` with one entry for each of `channels`."""
    return scale if len(scale) == channels else scale * channels


def joined_scale(parts: Sequence[Tensor]) -> tuple[Fraction, ...]:
    """The scale of a concatenation: one where all are equal, else one per channel."""
    scales = [scale for part in parts for scale in per_channel(part.scale, part.shape[0])]
    return tuple(scales[:1]) if len(set(scales)) == 1 else tuple(scales)


def add_range(mult: tuple[int, int], a: IntType, b: IntType) -> tuple[int, int]:
    """Lowest and highest of `x * mult[0] + y * mult[1]` for x of type `a` and y of type `b`."""
    ends = [sorted((m * t.min, m * t.max)) for m, t in zip(mult, (a, b), strict=True)]
    return ends[0][0] + ends[1][0], ends[0][1] + ends[1][1]
