"""QONNX in exact rational arithmetic: what a file says, without rounding anywhere but in its quantizers.

Written straight from the operations' definitions, and independent of the product: slow, plain, and the reference where
float32 cannot be one. A tensor is an array of Python integers times one rational.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

HALF = Fraction(1, 2)


def away(x: Fraction, rounded: Callable[[Fraction], int]) -> int:
    """`rounded` of the magnitude, with the sign of x."""
    return rounded(x) if x >= 0 else -rounded(-x)


ROUND: dict[str, Callable[[Fraction], int]] = {
    "ROUND": round,
    "CEIL": ceil,
    "FLOOR": floor,
    "UP": lambda x: away(x, ceil),
    "DOWN": lambda x: away(x, floor),
    "HALF_UP": lambda x: away(x, lambda y: floor(y + HALF)),
    "HALF_DOWN": lambda x: away(x, lambda y: ceil(y - HALF)),
}


@dataclass(frozen=True)
class Exact:
    """integers * unit."""

    integers: np.ndarray  # of Python integers
    unit: Fraction

    @staticmethod
    def of(values: np.ndarray) -> Exact:
        """An array of rationals, brought to one denominator."""
        flat = [Fraction(v) for v in values.ravel().tolist()]
        unit = Fraction(1, lcm(*(v.denominator for v in flat)))
        return Exact(
            np.array([int(v / unit) for v in flat] + [None], dtype=object)[:-1].reshape(values.shape), unit
        )

    def fractions(self) -> np.ndarray:
        """The numbers themselves."""
        return self.each(lambda x: x)

    def each(self, function: Callable[[Fraction], Any]) -> np.ndarray:
        """`function` of every number, computed once for numbers that are equal."""
        known = {n: function(n * self.unit) for n in set(self.integers.ravel().tolist())}
        out = np.empty(self.integers.size, dtype=object)
        out[:] = [known[n] for n in self.integers.ravel().tolist()]
        return out.reshape(self.integers.shape)


@dataclass
class Trace:
    """Every tensor, and how far each quantizer's argument was from its next step, in steps."""

    values: dict[str, Exact]
    distance: dict[str, np.ndarray]


def evaluate(path: Path, image: np.ndarray) -> Trace:
    """Run the file on one image (C, H, W)."""
    graph = onnx.load(str(path)).graph
    trace = Trace({}, {})
    for tensor in graph.initializer:
        trace.values[tensor.name] = Exact.of(np.asarray(numpy_helper.to_array(tensor), dtype=np.float64))
    trace.values[graph.input[0].name] = Exact.of(image[None].astype(np.float64))
    for node in graph.node:
        inputs = [trace.values[name] for name in node.input]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        trace.values[node.output[0]] = run(node, inputs, attributes, trace)
    return trace


def run(node: onnx.NodeProto, x: list[Exact], a: dict[str, Any], trace: Trace) -> Exact:
    match node.op_type:
        case "Quant":
            return quant(node.output[0], x, a, trace)
        case "BipolarQuant":
            sign = np.where(x[0].integers >= 0, 1, -1).astype(object)
            trace.distance[node.output[0]] = np.abs((x[0].fractions() / x[1].fractions()).astype(float))
            return Exact(sign * x[1].integers, x[1].unit)
        case "Conv":
            return convolution(x, a)
        case "MatMul":
            return Exact(x[0].integers @ x[1].integers, x[0].unit * x[1].unit)
        case "MaxPool":
            return max_pool(x[0], a)
        case "Trunc":
            return trunc(node.output[0], x, a, trace)
        case "Transpose":
            return Exact(x[0].integers.transpose(a["perm"]), x[0].unit)
        case "AveragePool":
            views = list(windows(x[0].integers, a["kernel_shape"], a["strides"], a.get("pads", [0] * 4), 0))
            return Exact(sum(views), x[0].unit / len(views))
        case "GlobalAveragePool":
            pixels = x[0].integers.shape[2] * x[0].integers.shape[3]
            return Exact(x[0].integers.sum(axis=(2, 3), keepdims=True), x[0].unit / pixels)
        case "Concat":
            unit = common(*(part.unit for part in x))
            return Exact(np.concatenate([part.integers * int(part.unit / unit) for part in x], axis=1), unit)
        case "Add" | "Sub":
            unit = common(x[0].unit, x[1].unit)
            first, second = (part.integers * int(part.unit / unit) for part in x)
            return Exact(first + second if node.op_type == "Add" else first - second, unit)
        case "Mul":
            return Exact(x[0].integers * x[1].integers, x[0].unit * x[1].unit)
        case "Div":
            return Exact.of(x[0].fractions() / x[1].fractions())
        case "Flatten":
            return Exact(x[0].integers.reshape(1, -1), x[0].unit)
        case "Relu":
            return Exact(np.maximum(x[0].integers, 0), x[0].unit)
        case "LeakyRelu":
            return Exact.of(x[0].each(lambda v: v if v >= 0 else v * Fraction(a["alpha"])))
        case "HardSigmoid":
            alpha, beta = Fraction(a["alpha"]), Fraction(a["beta"])
            return Exact.of(x[0].each(lambda v: max(Fraction(0), min(Fraction(1), alpha * v + beta))))
        case "Tanh":
            return Exact.of(x[0].each(tanh))
        case "Sigmoid":
            return Exact.of(x[0].each(lambda v: (1 + tanh(v / 2)) / 2))
    raise NotImplementedError(node.op_type)


def quant(name: str, x: list[Exact], a: dict[str, Any], trace: Trace) -> Exact:
    value, scale, zero, bits = x
    width = int(bits.integers.ravel()[0] * bits.unit)
    signed, narrow = a["signed"], a["narrow"]
    low = -(2 ** (width - 1)) + narrow if signed else 0
    high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - narrow
    # Multiples of units: x / scale + zero, for each number that occurs.
    steps = value.fractions() / scale.fractions() + zero.fractions()
    mode = ROUND[a.get("rounding_mode", b"ROUND").decode()]
    trace.distance[name] = np.array([float(abs(2 * s - round(2 * s)) / 2) for s in steps.ravel()]).reshape(
        steps.shape
    )
    flat = [max(low, min(high, mode(s))) for s in steps.ravel()]
    integers = np.array([*flat, None], dtype=object)[:-1].reshape(steps.shape)
    return Exact.of((integers - zero.fractions()) * scale.fractions())


def trunc(name: str, x: list[Exact], a: dict[str, Any], trace: Trace) -> Exact:
    """Opset 2: to the grid of `scale`, then to the coarser one of `output_scale`."""
    value, scale, zero, _, output_scale, bits = x
    grid = value.fractions() / scale.fractions() + zero.fractions()
    trace.distance[name] = np.array([float(abs(2 * g - round(2 * g)) / 2) for g in grid.ravel()]).reshape(
        grid.shape
    )
    width, ratio = int(bits.fractions().item()), output_scale.fractions() / scale.fractions()
    low = -(2 ** (width - 1)) + a["narrow"] if a["signed"] else 0
    high = 2 ** (width - 1) - 1 if a["signed"] else 2**width - 1 - a["narrow"]
    mode = ROUND[a["rounding_mode"].decode()]
    flat = [max(low, min(high, mode(round(g) / ratio))) for g in grid.ravel()]
    integers = np.array([*flat, None], dtype=object)[:-1].reshape(grid.shape)
    return Exact.of((integers - zero.fractions() / ratio) * output_scale.fractions())


def windows(x: np.ndarray, kernel: list[int], stride: list[int], pads: list[int], fill: Any) -> Any:
    """For every place in the kernel, the pixels that are there in each window."""
    sides = [x.shape[i + 2] + pads[i] + pads[i + 2] for i in range(2)]
    padded = np.full((*x.shape[:2], *sides), fill, dtype=object)  # np.pad would fill in integers of 64 bits
    padded[:, :, pads[0] : sides[0] - pads[2], pads[1] : sides[1] - pads[3]] = x
    height, width = ((sides[i] - kernel[i]) // stride[i] + 1 for i in range(2))
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            yield padded[:, :, i :: stride[0], j :: stride[1]][:, :, :height, :width]


def convolution(x: list[Exact], a: dict[str, Any]) -> Exact:
    value, weight = x[0], x[1]
    outputs, depth, *kernel = weight.integers.shape
    groups = a.get("group", 1)
    views = list(windows(value.integers, a.get("kernel_shape", kernel), a["strides"], a["pads"], 0))
    taps = weight.integers.reshape(outputs, depth, -1)
    parts = []
    for group in range(groups):
        rows = slice(group * (outputs // groups), (group + 1) * (outputs // groups))
        inputs = slice(group * depth, (group + 1) * depth)
        parts.append(sum(np.tensordot(taps[rows, :, k], view[0, inputs], 1) for k, view in enumerate(views)))
    result = Exact(np.concatenate(parts)[None], value.unit * weight.unit)
    if len(x) < 3:
        return result
    bias = Exact(x[2].integers.reshape(1, -1, 1, 1), x[2].unit)
    unit = common(result.unit, bias.unit)
    return Exact(result.integers * int(result.unit / unit) + bias.integers * int(bias.unit / unit), unit)


def max_pool(x: Exact, a: dict[str, Any]) -> Exact:
    kernel, stride, pads = a["kernel_shape"], a["strides"], list(a.get("pads", [0] * 4))
    lowest = min(x.integers.ravel()) - 1
    if a.get("ceil_mode"):
        for i in range(2):
            size = x.integers.shape[i + 2]
            count = -(-(size + pads[i] + pads[i + 2] - kernel[i]) // stride[i]) + 1
            count -= (count - 1) * stride[i] >= size + pads[i]
            pads[i + 2] += max(0, (count - 1) * stride[i] + kernel[i] - size - pads[i] - pads[i + 2])
    views = list(windows(x.integers, kernel, stride, pads, lowest))
    return Exact(np.maximum.reduce(views), x.unit)


def common(*units: Fraction) -> Fraction:
    """A number of which all `units` are multiples."""
    return Fraction(gcd(*(u.numerator for u in units)), lcm(*(u.denominator for u in units)))


def tanh(x: Fraction) -> Fraction:
    """To 50 digits."""
    with localcontext() as context:
        context.prec = 60
        power = (Decimal((2 * x).numerator) / Decimal((2 * x).denominator)).exp()
        return Fraction(round((power - 1) / (power + 1), 50))
