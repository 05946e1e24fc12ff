"""Random small QONNX networks: random topology, kernels, strides, padding, widths and scales."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.qonnx_models import QonnxBuilder


@dataclass(frozen=True)
class Map:
    """An activation on the way: its tensor, channels and size."""

    tensor: str
    channels: int
    height: int
    width: int


def random_model(folder: Path, seed: int, power_of_two: bool = True) -> Path:
    """A network of 2 to 6 blocks drawn with `seed`, written to `folder`."""
    random = np.random.default_rng(seed)
    shape = (int(random.choice([1, 2, 3])), int(random.integers(5, 12)), int(random.integers(5, 12)))
    b = QonnxBuilder(shape, seed)
    x = Map(b.pixels(), *shape)
    for _ in range(random.integers(2, 7)):
        block = random.choice([conv_block, pool_block, fire_block, bypass_block, branch_block])
        x = block(b, x, random, power_of_two)
    tail = random.choice(["none", "average", "classifier"])
    if tail == "classifier":
        x = conv_block(b, x, random, power_of_two)
    output = x.tensor if tail == "none" else b.node("GlobalAveragePool", [x.tensor])
    return b.save(output, folder, f"random{seed}")


def scale(random: np.random.Generator, power_of_two: bool) -> float:
    exponent = random.integers(-4, 2)
    return float(2.0**exponent if power_of_two else 2.0**exponent * random.uniform(0.5, 1.0))


def conv(
    b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool, channels: int, kernel: int
) -> Map:
    """A convolution that keeps or halves the size."""
    stride = int(random.choice([1, 1, 2])) if min(x.height, x.width) > 4 else 1
    padding = int(random.integers(0, kernel))
    if min(x.height, x.width) + 2 * padding < kernel:
        padding = kernel // 2
    per_channel = bool(random.integers(0, 2))
    scales = np.array([scale(random, power_of_two) / 16 for _ in range(channels if per_channel else 1)])
    tensor = b.conv(
        x.tensor,
        x.channels,
        channels,
        kernel,
        stride,
        padding,
        bits=int(random.integers(2, 9)),
        scale=scales.reshape(-1, 1, 1, 1) if per_channel else float(scales[0]),
        bias_scale=2.0**-12 if random.integers(0, 2) else None,
    )
    height = (x.height + 2 * padding - kernel) // stride + 1
    width = (x.width + 2 * padding - kernel) // stride + 1
    return Map(tensor, channels, height, width)


def activation(b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool) -> Map:
    """A quantizer, with or without a ReLU before it."""
    signed = bool(random.integers(0, 3) == 0)
    tensor = x.tensor if signed else b.relu(x.tensor)
    bits = int(random.integers(2, 9))
    return Map(b.quant(tensor, scale(random, power_of_two), bits, signed), x.channels, x.height, x.width)


def conv_block(b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool) -> Map:
    channels, kernel = int(random.choice([1, 2, 4, 6, 8])), int(random.choice([1, 2, 3]))
    return activation(b, conv(b, x, random, power_of_two, channels, kernel), random, power_of_two)


def pool_block(b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool) -> Map:
    kernel, ceil = int(random.choice([2, 3])), bool(random.integers(0, 2))
    if min(x.height, x.width) < kernel:
        return x
    extra = 1 if ceil else 0
    height, width = ((side - kernel + extra) // 2 + 1 for side in (x.height, x.width))
    return Map(b.maxpool(x.tensor, kernel, 2, ceil), x.channels, height, width)


def fire_block(b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool) -> Map:
    squeeze, expand = int(random.choice([2, 4])), int(random.choice([2, 4, 6]))
    step = scale(random, power_of_two)
    s = b.quant(b.relu(b.conv(x.tensor, x.channels, squeeze, bits=4)), step, int(random.integers(3, 9)))
    left, right = b.conv(s, squeeze, expand, bits=5), b.conv(s, squeeze, 2 * expand, 3, 1, 1)
    joined = b.quant(b.relu(b.concat(left, right)), scale(random, power_of_two), int(random.integers(3, 9)))
    return Map(joined, 3 * expand, x.height, x.width)


def bypass_block(b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool) -> Map:
    """A convolution of unchanged size with its input added, the two on unlike scales."""
    y = b.conv(x.tensor, x.channels, x.channels, 3, 1, 1, bits=int(random.integers(2, 6)))
    y = b.quant(y, scale(random, True), int(random.integers(3, 9)), True)
    joined = Map(b.node("Add", [x.tensor, y]), x.channels, x.height, x.width)
    return activation(b, joined, random, power_of_two)


def branch_block(b: QonnxBuilder, x: Map, random: np.random.Generator, power_of_two: bool) -> Map:
    """Three readers of one activation behind one shared quantizer."""
    widths = [int(random.choice([2, 4])) for _ in range(3)]
    kernels = [int(random.choice([1, 3])) for _ in range(3)]
    parts = [
        b.conv(x.tensor, x.channels, width, kernel, 1, kernel // 2, bits=4)
        for width, kernel in zip(widths, kernels, strict=True)
    ]
    joined = Map(b.concat(*parts), sum(widths), x.height, x.width)
    return activation(b, joined, random, power_of_two)
