"""Random small QONNX networks: random topology, kernels, strides, padding, widths, scales, rounding and functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.qonnx_models import QonnxBuilder

MODES = ("ROUND", "ROUND", "ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN")


@dataclass(frozen=True)
class Map:
    """An activation on the way: its tensor, channels and size."""

    tensor: str
    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class Draw:
    """What random choices are made with; scales are powers of two or any float32."""

    b: QonnxBuilder
    random: np.random.Generator
    power_of_two: bool

    def one(self, values: Any) -> Any:
        chosen = self.random.choice(np.arange(len(values)))
        return values[int(chosen)]

    def flag(self, share: float = 0.5) -> bool:
        return bool(self.random.random() < share)

    def whole(self, low: int, high: int) -> int:
        return int(self.random.integers(low, high + 1))

    def scale(self) -> float:
        exponent = self.random.integers(-4, 2)
        return float(2.0**exponent if self.power_of_two else 2.0**exponent * self.random.uniform(0.5, 1.0))

    def scales(self, channels: int, share: float) -> Any:
        """One scale, or one for each channel."""
        if not self.flag(share):
            return self.scale()
        return np.array([self.scale() for _ in range(channels)]).reshape(1, -1, 1, 1)


Block = Callable[[Draw, Map], Map]


def random_model(folder: Path, seed: int, power_of_two: bool = True) -> Path:
    """A network of 2 to 6 blocks drawn with `seed`, written to `folder`."""
    random = np.random.default_rng(seed)
    shape = (int(random.choice([1, 2, 3])), int(random.integers(5, 12)), int(random.integers(5, 12)))
    draw = Draw(QonnxBuilder(shape, seed), random, power_of_two)
    x = Map(draw.b.pixels(), *shape)
    for _ in range(draw.whole(2, 6)):
        x = draw.one(BLOCKS)(draw, x)
    tail = draw.one(["none", "average", "classifier", "dense"])
    if tail == "classifier":
        x = conv_block(draw, x)
    if tail == "dense":
        output = dense(draw, x)
    else:
        output = x.tensor if tail == "none" else draw.b.node("GlobalAveragePool", [x.tensor])
        if tail == "average" and draw.flag():
            output = draw.b.quant(output, draw.scale() / 2, draw.whole(3, 8), True)
    return draw.b.save(output, folder, f"random{seed}")


def conv(draw: Draw, x: Map, channels: int, kernel: int, groups: int = 1) -> Map:
    """A convolution that keeps or halves the size; now and then with unlike sides, strides and paddings."""
    sides = [kernel, kernel if draw.flag(0.8) else draw.whole(1, 3)]
    strides = [draw.one([1, 1, 2]) if min(x.height, x.width) > 4 else 1] * 2
    if draw.flag(0.15):
        strides[1] = draw.whole(1, 2)
    pads = [draw.whole(0, side - 1) for side in sides] * 2
    if draw.flag(0.15):
        pads = [draw.whole(0, side - 1) for side in sides * 2]
    for axis, size in enumerate((x.height, x.width)):
        if size + pads[axis] + pads[axis + 2] < sides[axis]:
            pads[axis] = pads[axis + 2] = sides[axis] // 2
    inputs = [x.tensor, weight(draw, (channels, x.channels // groups, *sides))]
    bias = draw.one(["none", "none", "quantized", "quantized", "float"])
    values = draw.random.integers(-40, 41, channels) * 2.0**-12
    if bias == "quantized":
        inputs.append(draw.b.quant(draw.b.constant(values), 2.0**-12, 32, True))
    elif bias == "float":
        inputs.append(draw.b.constant(values if draw.power_of_two else draw.random.normal(size=channels) / 8))
    attributes = {"kernel_shape": sides, "strides": strides, "pads": pads, "dilations": [1, 1]}
    tensor = draw.b.node("Conv", inputs, **attributes, group=groups)
    height, width = (
        (size + pads[i] + pads[i + 2] - sides[i]) // strides[i] + 1
        for i, size in enumerate((x.height, x.width))
    )
    return Map(tensor, channels, height, width)


def weight(draw: Draw, shape: tuple[int, ...]) -> str:
    """Weights of 2 to 8 bits with one scale or one for each channel; now and then of one bit, of many, or unsigned."""
    b, rows = draw.b, 1 if draw.flag() else shape[0]
    scale = np.array([draw.scale() / 16 for _ in range(rows)]).reshape(-1, 1, 1, 1)
    kind = draw.one(["signed"] * 9 + ["binary", "wide", "unsigned", "rounded"])
    if kind == "binary":
        values = b.constant(draw.random.normal(size=shape))
        return b.node("BipolarQuant", [values, b.constant(scale)], domain="qonnx.custom_op.general")
    bits = draw.whole(9, 16) if kind == "wide" else draw.whole(2, 8)
    scale = scale / 2.0 ** max(0, bits - 8)
    if kind == "unsigned":
        zero_point = float(draw.whole(0, 2**bits - 1))
        values = b.constant((draw.random.integers(0, 2**bits, shape) - zero_point) * scale)
        return b.quant(values, scale, bits, False, draw.flag(), zero_point)
    limit = 2 ** (bits - 1) - 1
    integers = draw.random.integers(-limit, limit + 1, shape)
    if kind == "rounded":
        # No ties of float32 quotients that are none.
        quarters = integers + draw.random.choice([-2, -1, 1, 2] if draw.power_of_two else [-1, 1], shape) / 4
        return b.quant(b.constant(quarters * scale), scale, bits, True, draw.flag(), 0.0, draw.one(MODES))
    return b.quant(b.constant(integers * scale), scale, bits, True, True)


def activation(draw: Draw, x: Map) -> Map:
    """A function and a quantizer, of one bit now and then."""
    if draw.flag(0.06):
        scale = draw.b.constant(draw.scale())
        return replace(
            x, tensor=draw.b.node("BipolarQuant", [x.tensor, scale], domain="qonnx.custom_op.general")
        )
    function = draw.one(["relu"] * 5 + ["none", "none", "leaky", "tanh", "sigmoid", "hard"])
    b, tensor, bits = draw.b, x.tensor, draw.whole(2, 8)
    signed = function in ("none", "leaky", "tanh") or draw.flag(0.1)
    if function == "relu":
        tensor = b.relu(tensor)
    elif function == "leaky":
        tensor = b.node("LeakyRelu", [tensor], alpha=draw.one([0.5, 0.25, 0.125]))
    elif function == "hard":
        tensor = b.node("HardSigmoid", [tensor], alpha=0.25, beta=0.5)
    elif function in ("tanh", "sigmoid"):
        tensor, bits = b.node(function.capitalize(), [tensor]), draw.whole(3, 6)
    zero_point = float(draw.whole(0, 2**bits - 1)) if not signed and draw.flag(0.25) else 0.0
    narrow, mode = draw.flag(0.2), draw.one(MODES)
    scale = {"tanh": 2.0 ** (1 - bits), "sigmoid": 2.0**-bits}.get(function) or draw.scale()
    return replace(x, tensor=b.quant(tensor, scale, bits, signed, narrow, zero_point, mode))


def conv_block(draw: Draw, x: Map) -> Map:
    return activation(draw, conv(draw, x, draw.one([1, 2, 4, 6, 8]), draw.one([1, 2, 3])))


def grouped_block(draw: Draw, x: Map) -> Map:
    groups = draw.one([g for g in range(1, x.channels + 1) if x.channels % g == 0])
    return activation(draw, conv(draw, x, groups * draw.one([1, 2]), draw.one([1, 3]), groups))


def max_pool_block(draw: Draw, x: Map) -> Map:
    sides = [draw.one([2, 3])] * 2
    if draw.flag(0.2):
        sides[1] = draw.whole(1, 4)
    strides, ceil = [2, 2] if draw.flag(0.8) else [draw.whole(1, 3), draw.whole(1, 3)], draw.flag()
    pads = [draw.whole(0, side - 1) for side in sides * 2] if draw.flag(0.25) else [0] * 4
    size = []
    for i, full in enumerate((x.height, x.width)):
        room = full + pads[i] + pads[i + 2] - sides[i]
        if room < 0:
            return x
        # onnx infers, and onnxruntime drops, a last window that lies in the padding alone: neither is drawn.
        ceil &= -(-room // strides[i]) * strides[i] < full + pads[i]
    for i, full in enumerate((x.height, x.width)):
        room = full + pads[i] + pads[i + 2] - sides[i]
        size.append((-(-room // strides[i]) if ceil else room // strides[i]) + 1)
    attributes = {"kernel_shape": sides, "strides": strides, "pads": pads, "ceil_mode": int(ceil)}
    return Map(draw.b.node("MaxPool", [x.tensor], **attributes), x.channels, size[0], size[1])


def average_pool_block(draw: Draw, x: Map) -> Map:
    kernel, stride = draw.one([2, 3]), draw.one([1, 2])
    if min(x.height, x.width) < kernel:
        return x
    pads = [draw.whole(0, kernel - 1) for _ in range(4)] if draw.flag(0.3) else [0] * 4
    attributes = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": pads, "count_include_pad": 1}
    tensor = draw.b.node("AveragePool", [x.tensor], **attributes)
    height, width = (
        (side + pads[i] + pads[i + 2] - kernel) // stride + 1 for i, side in enumerate((x.height, x.width))
    )
    return activation(draw, Map(tensor, x.channels, height, width))


def trunc_block(draw: Draw, x: Map) -> Map:
    """The mean of four pixels back on their own grid: its two low bits are dropped."""
    if min(x.height, x.width) < 2:
        return x
    b, scale, bits, signed = draw.b, draw.scale(), draw.whole(2, 6), draw.flag()
    y = b.quant(x.tensor, scale, bits, signed)
    y = b.node("AveragePool", [y], kernel_shape=[2, 2], strides=[1, 1])
    parameters = [scale / 4, 0, bits + 2, scale, bits]
    mode = draw.one(["FLOOR", "CEIL", "ROUND"])
    attributes = {"rounding_mode": mode, "signed": int(signed), "narrow": int(draw.flag(0.2))}
    inputs = [y, *(b.constant(value) for value in parameters)]
    tensor = b.node("Trunc", inputs, domain="qonnx.custom_op.general", **attributes)
    return Map(tensor, x.channels, x.height - 1, x.width - 1)


def channels_last_block(draw: Draw, x: Map) -> Map:
    """There and back again, with a quantizer on the way."""
    y = draw.b.known(draw.b.node("Transpose", [x.tensor], perm=[0, 2, 3, 1]), x.height, x.width, x.channels)
    y = draw.b.known(draw.b.quant(y, draw.scale(), draw.whole(3, 8), True), x.height, x.width, x.channels)
    return replace(x, tensor=draw.b.node("Transpose", [y], perm=[0, 3, 1, 2]))


def fire_block(draw: Draw, x: Map) -> Map:
    b, squeeze, expand = draw.b, draw.one([2, 4]), draw.one([2, 4, 6])
    s = b.quant(b.relu(b.conv(x.tensor, x.channels, squeeze, bits=4)), draw.scale(), draw.whole(3, 8))
    left, right = b.conv(s, squeeze, expand, bits=5), b.conv(s, squeeze, 2 * expand, 3, 1, 1)
    joined = b.quant(b.relu(b.concat(left, right)), draw.scales(3 * expand, 0.0), draw.whole(3, 8))
    return Map(joined, 3 * expand, x.height, x.width)


def bypass_block(draw: Draw, x: Map) -> Map:
    """A convolution of unchanged size with its input added, the two on unlike scales."""
    b = draw.b
    y = b.conv(x.tensor, x.channels, x.channels, 3, 1, 1, bits=draw.whole(2, 5))
    y = b.quant(y, draw.scale(), draw.whole(3, 8), True)
    return activation(draw, replace(x, tensor=b.node("Add", [x.tensor, y])))


def branch_block(draw: Draw, x: Map) -> Map:
    """Three readers of one activation behind one shared quantizer."""
    widths, kernels = [draw.one([2, 4]) for _ in range(3)], [draw.one([1, 3]) for _ in range(3)]
    parts = [
        draw.b.conv(x.tensor, x.channels, width, kernel, 1, kernel // 2, bits=4)
        for width, kernel in zip(widths, kernels, strict=True)
    ]
    return activation(draw, Map(draw.b.concat(*parts), sum(widths), x.height, x.width))


def batch_norm_block(draw: Draw, x: Map) -> Map:
    """A convolution, a factor and an offset for each channel, an activation."""
    y = conv(draw, x, draw.one([2, 4]), 1)
    factors = [draw.one([1.0, 0.5, -0.75, 1.25]) for _ in range(y.channels)]
    offsets = [draw.one([0.0, 0.125, -0.5]) for _ in range(y.channels)]
    b = draw.b
    scaled = b.node("Mul", [y.tensor, b.constant(np.reshape(factors, (1, -1, 1, 1)))])
    return activation(
        draw, replace(y, tensor=b.node("Add", [scaled, b.constant(np.reshape(offsets, (1, -1, 1, 1)))]))
    )


def requantize_block(draw: Draw, x: Map) -> Map:
    """A quantizer in series, with a function before it: a table."""
    return activation(draw, x)


def per_channel_block(draw: Draw, x: Map) -> Map:
    """An activation with one scale for each channel, in front of a depthwise convolution."""
    scales = draw.scales(x.channels, 1.0)
    tensor = draw.b.quant(draw.b.relu(x.tensor), scales, draw.whole(3, 6))
    return activation(draw, conv(draw, replace(x, tensor=tensor), x.channels, 3, x.channels))


def dense(draw: Draw, x: Map) -> str:
    """A flattened activation times a matrix."""
    b, inputs, outputs = draw.b, x.channels * x.height * x.width, draw.whole(2, 6)
    weight = b.quant(b.constant(draw.random.normal(size=(inputs, outputs)) / 8), draw.scale() / 16, 4, True)
    return b.node("MatMul", [b.node("Flatten", [x.tensor]), weight])


BLOCKS: tuple[Block, ...] = (
    conv_block,
    conv_block,
    grouped_block,
    max_pool_block,
    average_pool_block,
    fire_block,
    fire_block,
    bypass_block,
    branch_block,
    batch_norm_block,
    requantize_block,
    per_channel_block,
    trunc_block,
    channels_last_block,
)
