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
from onnx.reference import ReferenceEvaluator

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
    "ROUND_TO_ZERO": lambda x: away(x, floor),
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
    """Every tensor; of each quantizer how far its argument was from its next step, in steps, and the steps' size."""

    values: dict[str, Exact]
    distance: dict[str, np.ndarray]
    step: dict[str, np.ndarray]
    output: str = ""


def evaluate(path: Path, image: np.ndarray) -> Trace:
    """Run the file on one image (C, H, W)."""
    graph = onnx.load(str(path)).graph
    trace = Trace({}, {}, {}, graph.output[0].name)
    # What is constant is computed as the file's author computed it, in the file's own types.
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    (name,) = (value.name for value in graph.input if value.name not in constants)
    trace.values[name] = Exact.of(image[None].astype(np.float64))
    for node in graph.node:
        if node.op_type not in QUANTIZERS and all(name in constants for name in node.input if name):
            constants |= folded(node, constants)
            continue
        for name in node.input:
            if name in constants and name not in trace.values:
                trace.values[name] = Exact.of(np.asarray(constants[name], dtype=np.float64))
        inputs = [trace.values[name] if name else NOTHING for name in node.input]
        attributes = defaults(node) | {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        if node.op_type in ("Slice", "Split", "Gather"):
            numbers = {name: constants[name] for name in node.input[1:] if name}
            places = np.arange(inputs[0].integers.size).reshape(inputs[0].integers.shape)
            parts = ReferenceEvaluator(node).run(None, {node.input[0]: places, **numbers})
            for name, part in zip(node.output, parts, strict=True):
                trace.values[name] = Exact(inputs[0].integers.ravel()[part], inputs[0].unit)
            continue
        if node.op_type in LINEAR:
            kinds = [constants[name].dtype if name in constants else None for name in node.input]
            trace.values[node.output[0]] = linear(node, inputs, kinds, attributes, trace)
        else:
            trace.values[node.output[0]] = run(node, inputs, attributes, trace)
        if node.op_type in ("Clip", "Identity") and node.input[0] in trace.distance:
            trace.distance[node.output[0]] = trace.distance[node.input[0]]
            trace.step[node.output[0]] = trace.step[node.input[0]]
    return trace


def folded(node: onnx.NodeProto, constants: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of a node that reads nothing but constants."""
    names = [name for name in node.input if name]
    value = onnx.helper.make_empty_tensor_value_info
    graph = onnx.helper.make_graph([node], "folded", list(map(value, names)), list(map(value, node.output)))
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])
    made = ReferenceEvaluator(model).run(None, {name: constants[name] for name in names})
    return dict(zip(node.output, map(np.asarray, made), strict=True))


def defaults(node: onnx.NodeProto) -> dict[str, Any]:
    """What the standard says of attributes that are not there."""
    if node.domain not in ("", "ai.onnx"):
        return {}
    attributes = onnx.defs.get_schema(node.op_type).attributes.values()
    return {
        a.name: onnx.helper.get_attribute_value(a.default_value) for a in attributes if a.default_value.name
    }


def run(node: onnx.NodeProto, x: list[Exact], a: dict[str, Any], trace: Trace) -> Exact:
    if node.domain == "qonnx.custom_op.channels_last":
        plain = onnx.helper.make_node(node.op_type, node.input, node.output)
        first, *rest = x
        if node.op_type == "Conv":
            rest[0] = turned(rest[0], (0, 3, 1, 2))
        made = run(plain, [turned(first, (0, 3, 1, 2)), *rest], defaults(plain) | a, trace)
        return turned(made, (0, 2, 3, 1))
    match node.op_type:
        case "Quant" | "IntQuant":
            return quant(node.output[0], x, a, trace)
        case "BipolarQuant":
            sign = np.where(x[0].integers >= 0, 1, -1).astype(object)
            trace.distance[node.output[0]] = np.abs((x[0].fractions() / x[1].fractions()).astype(float))
            trace.step[node.output[0]] = steps_of(x[1], x[0])
            return Exact(sign * x[1].integers, x[1].unit)
        case "Conv":
            return convolution(x, a)
        case "MatMul":
            return Exact(x[0].integers @ x[1].integers, x[0].unit * x[1].unit)
        case "Gemm":
            matrix = x[1].integers.T if a["transB"] else x[1].integers
            alpha, beta = (Fraction(a[name]) for name in ("alpha", "beta"))
            product = Exact(x[0].integers @ matrix, x[0].unit * x[1].unit * alpha)
            return plus(product, Exact.of(x[2].fractions() * beta)) if len(x) > 2 else product
        case "MaxPool":
            return max_pool(x[0], a)
        case "Trunc":
            return trunc(node.output[0], x, a, trace)
        case "Transpose":
            return Exact(x[0].integers.transpose(a["perm"]), x[0].unit)
        case "AveragePool":
            strides, pads = a.get("strides", [1, 1]), a.get("pads", [0] * 4)
            views = list(windows(x[0].integers, a["kernel_shape"], strides, pads, 0))
            return Exact(sum(views), x[0].unit / len(views))
        case "GlobalAveragePool":
            pixels = x[0].integers.shape[2] * x[0].integers.shape[3]
            return Exact(x[0].integers.sum(axis=(2, 3), keepdims=True), x[0].unit / pixels)
        case "Concat":
            unit = common(*(part.unit for part in x))
            return Exact(
                np.concatenate([part.integers * int(part.unit / unit) for part in x], axis=a["axis"]), unit
            )
        case "Add":
            return plus(x[0], x[1])
        case "Sub":
            return plus(x[0], Exact(-x[1].integers, x[1].unit))
        case "Mul":
            return Exact(x[0].integers * x[1].integers, x[0].unit * x[1].unit)
        case "Div":
            return Exact.of(x[0].fractions() / x[1].fractions())
        case "BatchNormalization":
            return batch_normalization(x, Fraction(a["epsilon"]))
        case "Clip":
            low, high = (part.fractions().item() if part is not NOTHING else None for part in x[1:3])
            return (
                Exact.of(x[0].each(lambda v: v if low is None else max(low, v)))
                if high is None
                else Exact.of(x[0].each(lambda v: min(high, v if low is None else max(low, v))))
            )
        case "Flatten" | "Squeeze":
            return Exact(x[0].integers.reshape(1, -1), x[0].unit)
        case "Reshape":
            sides = [int(side) for side in x[1].fractions().ravel()]
            return Exact(
                x[0].integers.reshape([s or x[0].integers.shape[i] for i, s in enumerate(sides)]), x[0].unit
            )
        case "ReduceMean" | "ReduceSum":
            axes = tuple(int(v) for v in (x[1].fractions().ravel() if len(x) > 1 else a["axes"]))
            total = x[0].integers.sum(axis=axes, keepdims=bool(a["keepdims"]))
            share = Fraction(total.size, x[0].integers.size) if node.op_type == "ReduceMean" else 1
            return Exact(total, x[0].unit * share)
        case "Identity" | "Dropout":
            return x[0]
        case "Pad":
            sides = [int(side) for side in x[1].fractions().ravel()]
            fill = x[2].fractions().item() if len(x) > 2 and x[2] is not NOTHING else Fraction(0)
            frame = list(zip(sides[:4], sides[4:], strict=True))
            return Exact.of(np.pad(x[0].fractions(), frame, constant_values=fill))
        case "Relu":
            return Exact(np.maximum(x[0].integers, 0), x[0].unit)
        case "LeakyRelu":
            return Exact.of(x[0].each(lambda v: v if v >= 0 else v * Fraction(a["alpha"])))
        case "HardSigmoid":
            alpha, beta = Fraction(a["alpha"]), Fraction(a["beta"])
            return Exact.of(x[0].each(lambda v: max(Fraction(0), min(Fraction(1), alpha * v + beta))))
        case "Tanh":
            return Exact.of(x[0].each(lambda v: ended(tanh(v))))
        case "Sigmoid":
            return Exact.of(x[0].each(lambda v: ended((1 + tanh(v / 2)) / 2)))
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
    trace.step[name] = steps_of(scale, value)
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
    trace.step[name] = steps_of(output_scale, value)
    width, ratio = int(bits.fractions().item()), output_scale.fractions() / scale.fractions()
    low = -(2 ** (width - 1)) + a["narrow"] if a["signed"] else 0
    high = 2 ** (width - 1) - 1 if a["signed"] else 2**width - 1 - a["narrow"]
    mode = ROUND[a["rounding_mode"].decode()]
    ratios = np.broadcast_to(ratio, grid.shape).ravel()
    flat = [max(low, min(high, mode(round(g) / r))) for g, r in zip(grid.ravel(), ratios, strict=True)]
    integers = np.array([*flat, None], dtype=object)[:-1].reshape(grid.shape)
    return Exact.of((integers - zero.fractions() / ratio) * output_scale.fractions())


# Operations on integers with a scale and a zero point: ONNX's own, and onnxruntime's.
LINEAR = (
    "QuantizeLinear",
    "DequantizeLinear",
    "NhwcMaxPool",
    "QLinearConv",
    "QLinearAdd",
    "QLinearMul",
    "QLinearConcat",
    "QLinearGlobalAveragePool",
    "QLinearAveragePool",
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "QLinearMatMul",
    "QGemm",
)
QUANTIZERS = (*LINEAR, "Quant", "IntQuant", "BipolarQuant", "Trunc")
NOTHING = Exact(np.zeros((), dtype=object), Fraction(0))


def linear(node: onnx.NodeProto, x: list[Exact], kinds: list[Any], a: dict[str, Any], trace: Trace) -> Exact:
    """Dequantize, compute in reals, quantize, as they are defined; `kinds` are the types of constant inputs."""
    name, axis = node.output[0], a.get("axis", 1)
    if a.get("channels_last") or node.op_type == "NhwcMaxPool":
        plain = onnx.helper.make_node(node.op_type.removeprefix("Nhwc"), node.input, node.output)
        x = [turned(x[0], (0, 3, 1, 2)), *x[1:]]
        first = plain.op_type == "MaxPool"
        made = max_pool(x[0], a) if first else linear(plain, x, kinds, {**a, "channels_last": 0}, trace)
        for kept in (trace.distance, trace.step):
            if name in kept:
                kept[name] = kept[name].transpose(0, 2, 3, 1)
        return turned(made, (0, 2, 3, 1))

    def real(first: int) -> Exact:
        value, scale, zero = (*x[first : first + 3], NOTHING)[:3]
        scale, zero = (along(part, value.integers.ndim, axis) for part in (scale, zero))
        return Exact.of((value.fractions() - zero.fractions()) * scale.fractions())

    def quantized(value: Exact, first: int) -> Exact:
        zero = x[first + 1] if len(x) > first + 1 else NOTHING
        kind = kinds[first + 1] if len(x) > first + 1 and kinds[first + 1] is not None else np.dtype(np.uint8)
        # Where onnxruntime (docs/ContribOperators.md, and its kernels) has the zero point inside of what is rounded.
        inside = node.op_type in ("QLinearAdd", "QLinearMul", "QLinearAveragePool")
        return onto(name, value, x[first], zero, kind, axis, trace, inside)

    match node.op_type:
        case "DequantizeLinear":
            made = real(0)
            if node.input[0] in trace.distance:  # what the executor's real values are compared with
                trace.distance[name] = trace.distance[node.input[0]]
                trace.step[name] = np.broadcast_to(
                    along(x[1], made.integers.ndim, axis).fractions().astype(float), made.integers.shape
                )
            return made
        case "QuantizeLinear":
            return quantized(x[0], 1)
        case "QLinearConv":
            axis = 0  # of the weights' scales
            weight = real(3)
            axis = 1
            inputs = [real(0), weight]
            if len(x) > 8 and x[8] is not NOTHING:
                scale = x[1].fractions().item() * x[4].fractions().ravel()
                inputs.append(Exact.of(x[8].fractions() * scale))
            return quantized(convolution(inputs, a), 6)
        case "QLinearAdd":
            return quantized(plus(real(0), real(3)), 6)
        case "QLinearMul":
            p, q = real(0), real(3)
            return quantized(Exact(p.integers * q.integers, p.unit * q.unit), 6)
        case "QLinearConcat":
            parts = [real(i) for i in range(2, len(x), 3)]
            return quantized(run(onnx.helper.make_node("Concat", [], [name]), parts, a, trace), 0)
        case "QLinearGlobalAveragePool" | "QLinearAveragePool":
            op = node.op_type.removeprefix("QLinear")
            return quantized(run(onnx.helper.make_node(op, [], [name]), [real(0)], a, trace), 3)
        case "QLinearLeakyRelu":
            return quantized(run(onnx.helper.make_node("LeakyRelu", [], [name]), [real(0)], a, trace), 3)
        case "QLinearSigmoid":
            return quantized(run(onnx.helper.make_node("Sigmoid", [], [name]), [real(0)], a, trace), 3)
        case "QLinearMatMul":
            p, q = real(0), real(3)
            return quantized(Exact(p.integers @ q.integers, p.unit * q.unit), 6)
        case "QGemm":
            axis = 0
            p, q = real(0), real(3)
            matrix = q.integers.T if a.get("transB", 0) else q.integers
            y = Exact(p.integers @ matrix, p.unit * q.unit)
            if len(x) > 6 and x[6] is not NOTHING:
                y = plus(y, Exact.of(x[6].fractions() * x[1].fractions().item() * x[4].fractions().ravel()))
            return quantized(y, 7) if len(x) > 7 else y
    raise NotImplementedError(node.op_type)


def along(parameter: Exact, axes: int, axis: int) -> Exact:
    """A scale or zero point, shaped to meet a tensor of `axes`."""
    if parameter.integers.size == 1:
        return Exact(parameter.integers.reshape(()), parameter.unit)
    shape = [1] * axes
    shape[axis] = parameter.integers.size
    return Exact(parameter.integers.reshape(shape), parameter.unit)


def onto(
    name: str, value: Exact, scale: Exact, zero: Exact, kind: np.dtype, axis: int, trace: Trace, inside: bool
) -> Exact:
    """ONNX QuantizeLinear: x / scale to the nearest even integer, then the zero point, then the ends of the type.

    `inside` adds the zero point before rounding.
    """
    scale, zero = (along(part, value.integers.ndim, axis) for part in (scale, zero))
    steps = value.fractions() / scale.fractions()
    flat = steps.ravel()
    trace.distance[name] = np.array([float(abs(s - floor(s) - HALF)) for s in flat]).reshape(steps.shape)
    trace.step[name] = np.ones(steps.shape)
    shift = zero.fractions()
    ties = ((steps + shift) if inside else steps).ravel()
    rounded = np.array([*map(round, ties), None], dtype=object)[:-1].reshape(steps.shape)
    ends = np.iinfo(kind)
    return Exact.of(np.clip(rounded if inside else rounded + shift, int(ends.min), int(ends.max)))


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
    strides, pads = a.get("strides", [1, 1]), a.get("pads", [0] * 4)
    views = list(windows(value.integers, a.get("kernel_shape", kernel), strides, pads, 0))
    taps = weight.integers.reshape(outputs, depth, -1)
    parts = []
    for group in range(groups):
        rows = slice(group * (outputs // groups), (group + 1) * (outputs // groups))
        inputs = slice(group * depth, (group + 1) * depth)
        parts.append(sum(np.tensordot(taps[rows, :, k], view[0, inputs], 1) for k, view in enumerate(views)))
    result = Exact(np.concatenate(parts)[None], value.unit * weight.unit)
    if len(x) < 3 or x[2] is NOTHING:
        return result
    return plus(result, Exact(x[2].integers.reshape(1, -1, 1, 1), x[2].unit))


def turned(x: Exact, order: tuple[int, ...]) -> Exact:
    return Exact(x.integers.transpose(order), x.unit)


def plus(a: Exact, b: Exact) -> Exact:
    unit = common(a.unit, b.unit)
    return Exact(a.integers * int(a.unit / unit) + b.integers * int(b.unit / unit), unit)


def steps_of(scale: Exact, value: Exact) -> np.ndarray:
    """The size of a quantizer's steps at every number of `value`."""
    return np.broadcast_to(scale.fractions().astype(float), value.integers.shape)


def batch_normalization(x: list[Exact], epsilon: Fraction) -> Exact:
    """The square root to 60 digits."""
    value, *parameters = x
    gamma, beta, mean, variance = (part.fractions().reshape(1, -1, 1, 1) for part in parameters)
    factor = np.vectorize(lambda g, v: g / root(v + epsilon), otypes=[object])(gamma, variance)
    return plus(Exact.of((value.fractions() - mean) * factor), Exact.of(beta))


def root(x: Fraction) -> Fraction:
    with localcontext() as context:
        context.prec = 300  # a quotient of any two floats
        quotient = Decimal(x.numerator) / Decimal(x.denominator)
        context.prec = 60
        return Fraction(quotient.sqrt())


def max_pool(x: Exact, a: dict[str, Any]) -> Exact:
    kernel, stride, pads = a["kernel_shape"], a.get("strides", [1, 1]), list(a.get("pads", [0] * 4))
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


def ended(x: Fraction) -> Fraction:
    """1 or -1 where the nearest float32 of |x| < 1 is that."""
    return x if 1 - abs(x) > Fraction(1, 2**25) else Fraction(1 if x > 0 else -1)


def tanh(x: Fraction) -> Fraction:
    """To 50 digits."""
    with localcontext() as context:
        context.prec = 60
        power = (Decimal((2 * x).numerator) / Decimal((2 * x).denominator)).exp()
        return Fraction(round((power - 1) / (power + 1), 50))
