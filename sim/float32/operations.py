"""ONNX operations on bounded numbers: what the file says exactly, and what float32 may make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import onnx
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor
from torch.nn import functional

from fireline.codegen.lower.attributes import CHANNELS_LAST, standard
from fireline.sim.float32.bounded import Bounded, Reals, product, quotient, rounded, total

Attributes = dict[str, Any]

TAKING = ("Gather", "Slice", "Split")  # parts of what is there


def attributes_of(node: onnx.NodeProto) -> Attributes:
    """A node's attributes, what the standard says of the others included."""
    own = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return {**standard(node.op_type, node.domain, onnx.defs.onnx_opset_version()), **own}


def operation(node: onnx.NodeProto, x: Sequence[Bounded | None]) -> Bounded:
    """The first output of a node that quantizes nothing; an input that is left out is None.

    Raises:
        NotImplementedError: what float32 makes of the operation is not known.
    """
    a = attributes_of(node)
    if node.domain == CHANNELS_LAST:
        given = [_turned(x[0], (0, 3, 1, 2)), *x[1:]]
        if node.op_type == "Conv":
            given[1] = _turned(x[1], (0, 3, 1, 2))
        return _turned(_operation(node.op_type, given, a), (0, 2, 3, 1))
    return _operation(node.op_type, x, a)


def taken(node: onnx.NodeProto, x: Sequence[Bounded | None]) -> list[Bounded]:
    """Every output of a node of `TAKING`, by ONNX's own reference.

    Raises:
        NotImplementedError: in the form of older files.
    """
    if any(a.name in ("axes", "split") for a in node.attribute):
        raise NotImplementedError(node.op_type)
    given = {name: one for name, one in zip(node.input, x, strict=True) if one is not None}
    places = {name: one.value.astype(np.int64) for name, one in given.items()}
    evaluator = ReferenceEvaluator(node)

    def parts(values: Reals) -> list[Reals]:
        made = evaluator.run(None, places | {node.input[0]: values})
        return [np.asarray(part, dtype=np.float64) for part in made]

    whole = given[node.input[0]]
    ends = zip(parts(whole.value), parts(whole.low), parts(whole.high), strict=True)
    return [Bounded(*three, whole.unit) for three in ends]


def _turned(x: Bounded | None, order: tuple[int, ...]) -> Bounded:
    assert x is not None
    return x.mapped(lambda v: v.transpose(order))


def _operation(op: str, inputs: Sequence[Bounded | None], a: Attributes) -> Bounded:
    x = [one for one in inputs if one is not None]
    match op:
        case "Conv":
            return _conv(x, a)
        case "Gemm" if a["alpha"] == a["beta"] == 1 and not a["transA"]:
            matrix = x[1].mapped(np.transpose) if a["transB"] else x[1]
            return _sum_of_products(
                x[0], matrix, x[2] if len(x) > 2 else None, np.matmul, matrix.value.shape[0]
            )
        case "MatMul":
            return _sum_of_products(x[0], x[1], None, np.matmul, x[1].value.shape[0])
        case "Add":
            return total(x[0], x[1])
        case "Sub":
            return total(x[0], x[1], -1)
        case "Mul":
            return product(x[0], x[1])
        case "Div":
            return quotient(x[0], x[1])
        case "Neg":
            return Bounded(-x[0].value, -x[0].high, -x[0].low, x[0].unit)
        case "BatchNormalization" if not a.get("training_mode"):
            return _batch_normalization(x, float(a["epsilon"]))
        case "Relu":
            return x[0].mapped(lambda v: np.maximum(v, 0))
        case "Clip":
            return _clip(x[0], [*inputs, None, None][1:3], a)
        case "LeakyRelu":
            return _leaky(x[0], Bounded.exactly(np.float32(a["alpha"])))
        case "PRelu":
            return _leaky(x[0], x[1])
        case "HardSigmoid":
            alpha, beta = (Bounded.exactly(np.float32(a[name])) for name in ("alpha", "beta"))
            return total(product(x[0], alpha), beta).mapped(lambda v: np.clip(v, 0, 1))
        case "MaxPool":
            return x[0].mapped(lambda v: _max_pool(v, a))
        case "AveragePool" if a["count_include_pad"] or not any(a.get("pads", ())):
            kernel = a["kernel_shape"]
            channels, taps = x[0].value.shape[1], int(np.prod(kernel))
            ones = Bounded.exactly(np.ones((channels, 1, *kernel)))
            if a["ceil_mode"]:
                raise NotImplementedError(op)
            return quotient(_conv([x[0], ones], {**a, "group": channels}), Bounded.exactly(float(taps)))
        case "GlobalAveragePool":
            return _mean(x[0], (2, 3), True)
        case "GlobalMaxPool":
            return x[0].mapped(lambda v: v.max(axis=(2, 3), keepdims=True))
        case "ReduceMax":
            axes = tuple(int(i) for i in (x[1].value.ravel() if len(x) > 1 else a["axes"]))
            return x[0].mapped(lambda v: v.max(axis=axes, keepdims=bool(a["keepdims"])))
        case "ReduceMean" | "ReduceSum":
            axes = tuple(int(i) for i in (x[1].value.ravel() if len(x) > 1 else a["axes"]))
            return _mean(x[0], axes, bool(a["keepdims"]), divide=op == "ReduceMean")
        case "Concat":
            return _concat(x, a["axis"])
        case "Flatten":
            return x[0].mapped(lambda v: v.reshape(int(np.prod(v.shape[: a["axis"]])), -1))
        case "Reshape":
            sides = [int(side) for side in x[1].value.ravel()]
            return x[0].mapped(lambda v: v.reshape([s or v.shape[i] for i, s in enumerate(sides)]))
        case "Squeeze":
            axes = tuple(int(i) for i in (x[1].value.ravel() if len(x) > 1 else a.get("axes", ())))
            return x[0].mapped(lambda v: np.squeeze(v, axes or None))
        case "Unsqueeze":
            axes = tuple(int(i) for i in (x[1].value.ravel() if len(x) > 1 else a["axes"]))
            return x[0].mapped(lambda v: np.expand_dims(v, axes))
        case "Transpose":
            return x[0].mapped(lambda v: v.transpose(a["perm"]))
        case "Pad" if a["mode"] == b"constant" and len(inputs) < 4:
            sides = [int(side) for side in x[1].value.ravel()]
            pairs = list(zip(sides[: len(sides) // 2], sides[len(sides) // 2 :], strict=True))
            fill = float(x[2].value) if len(x) > 2 else 0.0
            padded = x[0].mapped(lambda v: np.pad(v, pairs, constant_values=fill))
            return padded if fill == 0 else Bounded(padded.value, padded.low, padded.high)
        case "Sum":
            return reduce(total, x)
        case "Identity" | "Dropout":
            return x[0]
    raise NotImplementedError(op)


def _sum_of_products(
    x: Bounded, weight: Bounded, bias: Bounded | None, multiply: Callable[[Any, Any], Any], terms: int
) -> Bounded:
    """Sums of `terms` products, each term rounded once in its product and once in each addition."""
    value, magnitude = multiply(x.value, weight.value), multiply(x.largest, weight.largest)
    radius = magnitude - multiply(np.abs(x.value), np.abs(weight.value))
    unit = x.unit * weight.unit
    if bias is not None:
        value, magnitude, radius = value + bias.value, magnitude + bias.largest, radius + bias.radius
        unit = min(unit, bias.unit)
    return rounded(value, radius, magnitude, terms + 1, unit)


def _conv(x: Sequence[Bounded], a: Attributes) -> Bounded:
    weight = x[1]
    kernel = weight.value.shape[2:]
    stride, dilation = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    top, left, bottom, right = _pads(a, x[0].value.shape[2:], kernel, stride, dilation)

    def convolve(pixels: Reals, taps: Reals) -> Reals:
        padded = functional.pad(_tensor(pixels), (left, right, top, bottom))
        return functional.conv2d(padded, _tensor(taps), None, stride, 0, dilation, a["group"]).numpy()

    bias = x[2].mapped(lambda v: v.reshape(1, -1, 1, 1)) if len(x) > 2 else None
    return _sum_of_products(x[0], weight, bias, convolve, int(np.prod(weight.value.shape[1:])))


def _tensor(values: Reals) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


def _pads(
    a: Attributes, sides: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[int]:
    auto = a.get("auto_pad", b"NOTSET")
    if auto in (b"NOTSET", b""):
        return list(a.get("pads", [0] * 4))
    pads = [0] * 4
    for i in range(2) if auto != b"VALID" else ():
        reach = (kernel[i] - 1) * dilation[i] + 1
        both = max(0, (-(-sides[i] // stride[i]) - 1) * stride[i] + reach - sides[i])
        less, more = both // 2, both - both // 2
        pads[i], pads[i + 2] = (less, more) if auto == b"SAME_UPPER" else (more, less)
    return pads


def _max_pool(v: Reals, a: Attributes) -> Reals:
    kernel = a["kernel_shape"]
    stride, dilation = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    pads = _pads(a, v.shape[2:], kernel, stride, dilation)
    counts = []
    for i in range(2):
        room = v.shape[i + 2] + pads[i] + pads[i + 2] - ((kernel[i] - 1) * dilation[i] + 1)
        count = (-(-room // stride[i]) if a["ceil_mode"] else room // stride[i]) + 1
        # A window that starts in the padding below or to the right does not count.
        count -= a["ceil_mode"] and (count - 1) * stride[i] >= v.shape[i + 2] + pads[i]
        counts.append(count)
        pads[i + 2] += max(0, (count - 1) * stride[i] - room)
    top, left, bottom, right = pads
    padded = functional.pad(_tensor(v), (left, right, top, bottom), value=-torch.inf)
    pooled: Reals = functional.max_pool2d(padded, kernel, stride, 0, dilation).numpy()
    return pooled[:, :, : counts[0], : counts[1]]


def _mean(x: Bounded, axes: tuple[int, ...], keep: bool, divide: bool = True) -> Bounded:
    def add(v: Reals) -> Reals:
        return np.asarray(v.sum(axis=axes, keepdims=keep))

    value, magnitude = add(x.value), add(x.largest)
    count = x.value.size // max(value.size, 1)
    summed = rounded(value, add(x.radius), magnitude, count, x.unit)
    return quotient(summed, Bounded.exactly(float(count))) if divide else summed


def _clip(x: Bounded, ends: Sequence[Bounded | None], a: Attributes) -> Bounded:
    """Ends are inputs, or attributes in older files."""
    low, high = (
        Bounded.exactly(a.get(name, nothing)) if end is None else end
        for end, name, nothing in zip(ends, ("min", "max"), (-np.inf, np.inf), strict=True)
    )
    clipped = x.mapped(lambda v: np.clip(v, low.value, high.value))
    units = [end.unit for end in (low, high) if np.isfinite(end.value).all()]
    return Bounded(clipped.value, clipped.low, clipped.high, min(x.unit, *units, 1.0))


def _concat(x: Sequence[Bounded], axis: int) -> Bounded:
    value, low, high = (
        np.concatenate(ends, axis=axis)
        for ends in ([p.value for p in x], [p.low for p in x], [p.high for p in x])
    )
    return Bounded(value, low, high, min(part.unit for part in x))


def _leaky(x: Bounded, slope: Bounded) -> Bounded:
    below = product(x, slope)
    value, low, high = (
        np.where(here >= 0, here, scaled)
        for here, scaled in ((x.value, below.value), (x.low, below.low), (x.high, below.high))
    )
    return Bounded(value, low, high, min(x.unit, below.unit))


def _batch_normalization(x: Sequence[Bounded], epsilon: float) -> Bounded:
    """x * f + (beta - mean * f) or (x - mean) * f + beta, f being gamma / sqrt(variance + epsilon).

    f meets four roundings (the sum, the root, the quotient, and a reciprocal where there is one), each product and sum
    one more: at most seven on any term.
    """
    value = x[0]
    gamma, beta, mean, variance = (part.value.reshape(-1, *[1] * (value.value.ndim - 2)) for part in x[1:5])
    factor = gamma / np.sqrt(variance + epsilon)
    magnitude = value.largest * np.abs(factor) + np.abs(mean * factor) + np.abs(beta)
    exact = (value.value - mean) * factor + beta
    return rounded(exact, value.radius * np.abs(factor), magnitude, 7, 0.0)
