"""How each QONNX operation is lowered: one function an operation, in the table at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.codegen.onnx_file import OnnxNode
from fireline.codegen.state import State, Target
from fireline.codegen.values import Affine, Constant, Pieces, QuantizedConstant, fraction, quantize_constant
from fireline.errors import FirelineError
from fireline.fixed import IntType, frozen_array
from fireline.graph import (
    Conv2d,
    GlobalAvgPool2d,
    MaxPool2d,
    Padding,
    Pair,
    Tensor,
    reachable_range,
    window_count,
)


def quant(state: State, node: OnnxNode) -> None:
    """QONNX `Quant`: on a constant its integers, on an activation a requantizer."""
    source, scale_name, zero_name, bits_name = node.inputs
    scale, zero_point, bits = (
        np.asarray(state.constant(name, f"the {what} of a Quant").array, dtype=np.float32)
        for name, what in ((scale_name, "scale"), (zero_name, "zero point"), (bits_name, "bit width"))
    )
    type, low = _quant_type(node, bits)
    _check_scale(scale)
    if (zero_point != np.rint(zero_point)).any():
        raise FirelineError(f"zero point {zero_point.ravel()[0]} is not an integer")
    if source == state.onnx.input:
        value: Constant | QuantizedConstant | Affine | Pieces | None = None
    else:
        value = state.value(source)
    if isinstance(value, Constant):
        state.values[node.outputs[0]] = quantize_constant(
            value.array, scale, zero_point, type, low, node.label
        )
        return
    if isinstance(value, QuantizedConstant):
        raise FirelineError("a constant is quantized twice", hint="export the weights with one quantizer")
    target = Target(_activation_scale(scale), _activation_zero_point(zero_point), type, low, type.max)
    if target.zero_point not in type:
        raise FirelineError(f"zero point {target.zero_point} is outside {type}")
    if value is None:
        state.values[node.outputs[0]] = state.quantize_input(target, node.outputs[0])
    elif isinstance(value, Pieces):
        offset = 0
        parts = []
        for part in value.parts:
            own = replace(target, scale=_channels(target.scale, offset, part.shape[0]))
            parts.append(state.requantize(part, own, None))
            offset += part.shape[0]
        state.values[node.outputs[0]] = state.concat(Pieces(tuple(parts)), node.outputs[0])
    else:
        state.values[node.outputs[0]] = state.requantize(value, target, node.outputs[0])


def _quant_type(node: OnnxNode, bits: npt.NDArray[np.float32]) -> tuple[IntType, int]:
    """Type and lowest integer of a Quant."""
    rounding = node.attributes.get("rounding_mode", b"ROUND")
    rounding = rounding.decode() if isinstance(rounding, bytes) else str(rounding)
    if rounding.upper() not in ("ROUND", "HALF_EVEN"):
        raise FirelineError(f"rounding mode {rounding} is not supported", hint="use ROUND")
    width = float(bits.ravel()[0]) if bits.size == 1 else 0.0
    if width != int(width) or not 2 <= width <= 32:
        raise FirelineError(
            f"bit width {bits.ravel().tolist()} cannot be", hint="one whole number from 2 to 32"
        )
    type = IntType(int(width), signed=bool(node.attributes.get("signed", 1)))
    narrow = bool(node.attributes.get("narrow", 0))
    # QONNX: a narrow unsigned range gives up its highest integer, which no exporter here writes.
    if narrow and not type.signed:
        raise FirelineError("a narrow unsigned range is not supported", hint="use narrow=0")
    return type, type.min + narrow


def _check_scale(scale: npt.NDArray[np.float32]) -> None:
    bad = scale[~(np.isfinite(scale) & (scale > 0))].ravel()
    if bad.size:
        raise FirelineError(f"scale {bad[0]} cannot be represented", hint="a scale is finite and above zero")


def _activation_scale(scale: npt.NDArray[np.float32]) -> tuple[Fraction, ...]:
    if scale.size != 1 and (scale.ndim != 4 or scale.size != scale.shape[1]):
        raise FirelineError(
            f"an activation's scale has shape {scale.shape}", hint="one scale, or (1, C, 1, 1)"
        )
    return tuple(Fraction(float(s)) for s in scale.ravel())


def _activation_zero_point(zero_point: npt.NDArray[np.float32]) -> int:
    values = set(zero_point.ravel().tolist())
    if len(values) != 1:
        raise FirelineError("an activation has several zero points", hint="use one zero point per tensor")
    return int(values.pop())


def _channels(scale: tuple[Fraction, ...], start: int, count: int) -> tuple[Fraction, ...]:
    return scale if len(scale) == 1 else scale[start : start + count]


def conv(state: State, node: OnnxNode) -> None:
    """ONNX `Conv` in two dimensions."""
    weight = state.quantized(node.inputs[1], "the weight")
    if weight.integers.ndim != 4:
        raise FirelineError(f"weights have shape {weight.integers.shape}, a 2-D convolution has four axes")
    kernel = (int(weight.integers.shape[2]), int(weight.integers.shape[3]))
    if list(node.attributes.get("dilations", [1, 1])) != [1, 1]:
        raise FirelineError(f"dilation {node.attributes['dilations']} is not supported")
    x = state.activation(node.inputs[0])
    _convolve(
        state,
        node,
        x,
        weight,
        node.inputs[2] if len(node.inputs) > 2 else "",
        _pair(node.attributes.get("strides", [1, 1])),
        _padding(node, x.shape, kernel),
        int(node.attributes.get("group", 1)),
    )


def gemm(state: State, node: OnnxNode) -> None:
    """ONNX `Gemm` on a flattened activation: a convolution whose kernel is the whole map."""
    if float(node.attributes.get("alpha", 1)) != 1 or float(node.attributes.get("beta", 1)) != 1:
        raise FirelineError("alpha and beta of a Gemm must be 1")
    if node.attributes.get("transA", 0):
        raise FirelineError("a Gemm with transA is not supported")
    _dense(
        state, node, bool(node.attributes.get("transB", 0)), node.inputs[2] if len(node.inputs) > 2 else ""
    )


def matmul(state: State, node: OnnxNode) -> None:
    """ONNX `MatMul` of a flattened activation with a constant matrix."""
    _dense(state, node, False, "")


def _dense(state: State, node: OnnxNode, transposed: bool, bias: str) -> None:
    weight = state.quantized(node.inputs[1], "the weight")
    x = state.activation(node.inputs[0])
    matrix, scale = weight.integers, np.broadcast_to(weight.scale, weight.integers.shape)
    matrix, scale = (matrix, scale) if transposed else (matrix.T, scale.T)
    if matrix.ndim != 2 or matrix.shape[1] != np.prod(x.shape):
        raise FirelineError(f"weights {weight.integers.shape} do not fit {int(np.prod(x.shape))} inputs")
    shape = (len(matrix), *x.shape)
    kernel = QuantizedConstant(matrix.reshape(shape), scale.reshape(shape), weight.type)
    _convolve(state, node, x, kernel, bias, (1, 1), (0, 0, 0, 0), 1)


def _convolve(
    state: State,
    node: OnnxNode,
    value: Affine,
    weight: QuantizedConstant,
    bias: str,
    stride: Pair,
    padding: Padding,
    groups: int,
) -> None:
    """Append a `Conv2d`: its bias goes into the accumulator where it is a multiple of the accumulator's scale."""
    x = state.settle(value, node.inputs[0])
    tensor = state.tensor(x)
    if len(set(x.scale)) != 1:
        raise FirelineError("its input has one scale per channel", hint="quantize that activation per tensor")
    integers = frozen_array(weight.integers)
    out_channels, depth, kh, kw = integers.shape
    if groups < 1 or depth * groups != x.shape[0] or out_channels % groups:
        raise FirelineError(f"weights {integers.shape} in {groups} groups do not fit {x.shape[0]} channels")
    top, left, bottom, right = padding
    size = (
        window_count(x.shape[1], kh, stride[0], top, bottom),
        window_count(x.shape[2], kw, stride[1], left, right),
    )
    if min(size) < 1:
        raise FirelineError(f"a {kh}x{kw} window does not fit {x.shape[1]}x{x.shape[2]} pixels")
    scale = tuple(x.scale[0] * s for s in weight.rows())
    offset = _bias(state, bias, out_channels)
    steps = [o / s for o, s in zip(offset, scale, strict=True)]
    whole = all(step.denominator == 1 and abs(step) < 1 << 40 for step in steps)
    acc_bias = np.array([int(step) if whole else 0 for step in steps], dtype=np.int64)
    acc_bias = frozen_array(acc_bias - tensor.zero_point * integers.reshape(out_channels, -1).sum(axis=1))
    accumulator = IntType.holding(*reachable_range(integers, acc_bias, tensor.type))
    output = Tensor((out_channels, *size), accumulator, scale[:1] if len(set(scale)) == 1 else scale)
    made = Conv2d(
        state.name(node.outputs[0], "conv"),
        node.outputs[0],
        (x.index,),
        output,
        integers,
        weight.type,
        acc_bias,
        stride,
        padding,
        groups,
        accumulator,
        None,
    )
    result = state.append(made, state.read_once(node.outputs[0]))
    state.values[node.outputs[0]] = result if whole else replace(result, offset=offset)


def _bias(state: State, name: str, channels: int) -> tuple[Fraction, ...]:
    """The exact real bias of each output channel."""
    if not name:
        return (Fraction(0),) * channels
    value = state.value(name)
    if isinstance(value, QuantizedConstant):
        scale = np.broadcast_to(value.scale, value.integers.shape)
        bias = tuple(int(i) * s for i, s in zip(value.integers.ravel(), scale.ravel(), strict=True))
    else:
        array = state.constant(name, "the bias").array
        bias = tuple(fraction(b, "a bias", name) for b in array.ravel())
    if len(bias) not in (1, channels):
        raise FirelineError(f"{len(bias)} biases for {channels} output channels")
    return bias * (channels // len(bias))


def _pair(values: list[int]) -> Pair:
    if len(values) != 2:
        raise FirelineError(f"{values} where (vertical, horizontal) belongs")
    return (int(values[0]), int(values[1]))


def _padding(node: OnnxNode, shape: tuple[int, int, int], kernel: Pair) -> Padding:
    """Padding of a window operation, ONNX's automatic and ceil modes worked out."""
    stride = _pair(node.attributes.get("strides", [1, 1]))
    auto = node.attributes.get("auto_pad", b"NOTSET").decode()
    pads = [int(p) for p in node.attributes.get("pads", [0, 0, 0, 0])]
    if len(pads) != 4:
        raise FirelineError(f"pads {pads} where four belong")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        for axis in range(2):
            total = max(
                0, (-(-shape[axis + 1] // stride[axis]) - 1) * stride[axis] + kernel[axis] - shape[axis + 1]
            )
            small, large = total // 2, total - total // 2
            pads[axis], pads[axis + 2] = (small, large) if auto == "SAME_UPPER" else (large, small)
    if node.attributes.get("ceil_mode", 0):
        for axis in range(2):
            rest = (shape[axis + 1] + pads[axis] + pads[axis + 2] - kernel[axis]) % stride[axis]
            extra = (stride[axis] - rest) % stride[axis]
            # A window that starts in the padding below or to the right does not count.
            starts = shape[axis + 1] + pads[axis] + pads[axis + 2] + extra - kernel[axis]
            if extra and starts < shape[axis + 1] + pads[axis]:
                pads[axis + 2] += extra
    return (pads[0], pads[1], pads[2], pads[3])


def maxpool(state: State, node: OnnxNode) -> None:
    """ONNX `MaxPool`: on integers of one positive scale the largest integer is the largest value."""
    x = state.activation(node.inputs[0])
    if min(x.scale) <= 0:
        raise FirelineError("its input has a negative scale", hint="quantize before pooling")
    kernel = _pair(node.attributes["kernel_shape"])
    stride = _pair(node.attributes.get("strides", [1, 1]))
    if list(node.attributes.get("dilations", [1, 1])) != [1, 1]:
        raise FirelineError(f"dilation {node.attributes['dilations']} is not supported")
    padding = _padding(node, x.shape, kernel)
    top, left, bottom, right = padding
    size = (
        window_count(x.shape[1], kernel[0], stride[0], top, bottom),
        window_count(x.shape[2], kernel[1], stride[1], left, right),
    )
    if min(size) < 1:
        raise FirelineError(f"a {kernel[0]}x{kernel[1]} window does not fit {x.shape[1]}x{x.shape[2]} pixels")
    output = replace(state.tensor(x), shape=(x.shape[0], *size))
    name = state.name(node.outputs[0], "maxpool")
    made = MaxPool2d(name, node.outputs[0], (x.index,), output, kernel, stride, padding)
    pooled = state.append(made, state.read_once(node.outputs[0]))
    state.values[node.outputs[0]] = replace(pooled, scale=x.scale, offset=x.offset, relu=x.relu)


def global_average(state: State, node: OnnxNode) -> None:
    """The mean of each channel, as an exact sum whose scale holds the division."""
    _sum_map(state, node, divide=True)


def average_pool(state: State, node: OnnxNode) -> None:
    """ONNX `AveragePool` whose window is the whole map."""
    x = state.activation(node.inputs[0])
    kernel = _pair(node.attributes["kernel_shape"])
    if kernel != x.shape[1:] or any(node.attributes.get("pads", [0])):
        raise FirelineError(
            f"average pooling by {kernel} over {x.shape[1:]} pixels is not supported",
            hint="average over the whole map",
        )
    _sum_map(state, node, divide=True)


def reduce_mean(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceMean` over height and width."""
    _expect_map_axes(state, node)
    _sum_map(state, node, divide=True)


def reduce_sum(state: State, node: OnnxNode) -> None:
    """ONNX `ReduceSum` over height and width."""
    _expect_map_axes(state, node)
    _sum_map(state, node, divide=False)


def _expect_map_axes(state: State, node: OnnxNode) -> None:
    axes: Any = node.attributes.get("axes")
    if axes is None and len(node.inputs) > 1:
        axes = state.constant(node.inputs[1], "the axes").array.tolist()
    if axes is None or sorted(int(a) % 4 for a in axes) != [2, 3]:
        raise FirelineError(f"reduction over axes {axes} is not supported", hint="reduce height and width")


def _sum_map(state: State, node: OnnxNode, divide: bool) -> None:
    x = state.settle(state.activation(node.inputs[0]), node.inputs[0])
    tensor = state.tensor(x)
    channels, height, width = x.shape
    pixels = height * width
    kind = IntType.holding(tensor.type.min * pixels, tensor.type.max * pixels)
    scale = tuple(s / pixels if divide else s for s in tensor.scale)
    output = Tensor((channels, 1, 1), kind, scale, tensor.zero_point * pixels)
    name = state.name(node.outputs[0], "globalavgpool")
    made = GlobalAvgPool2d(name, node.outputs[0], (x.index,), output)
    state.values[node.outputs[0]] = state.append(made, state.read_once(node.outputs[0]))


def relu(state: State, node: OnnxNode) -> None:
    """ONNX `Relu`: pending until a quantizer's clamp takes it in."""
    value = state.value(node.inputs[0])
    alone = state.read_once(node.outputs[0])

    def rectified(part: Affine) -> Affine:
        return replace(part, relu=True, private=part.private and alone)

    if isinstance(value, Pieces):
        state.values[node.outputs[0]] = Pieces(tuple(map(rectified, value.parts)))
    else:
        state.values[node.outputs[0]] = rectified(state.activation(node.inputs[0]))


def concat(state: State, node: OnnxNode) -> None:
    """ONNX `Concat` over channels: pending until a shared quantizer or a reader that needs equal scales."""
    if int(node.attributes.get("axis", 1)) % 4 != 1:
        raise FirelineError(f"concat over axis {node.attributes['axis']} is not supported", hint="axis 1")
    parts: list[Affine] = []
    for name in node.inputs:
        value = state.value(name)
        if isinstance(value, Pieces):
            parts.extend(value.parts)
        else:
            parts.append(state.activation(name))
    if len({part.shape[1:] for part in parts}) != 1:
        raise FirelineError(f"inputs differ in size: {', '.join(str(part.shape) for part in parts)}")
    alone = state.read_once(node.outputs[0])
    pieces = Pieces(tuple(replace(part, private=part.private and alone) for part in parts))
    only = parts[0]
    state.values[node.outputs[0]] = pieces if len(parts) > 1 else only


def add(state: State, node: OnnxNode) -> None:
    """ONNX `Add`: of two activations a node, of a constant an offset."""
    _arithmetic(state, node, Fraction(1))


def sub(state: State, node: OnnxNode) -> None:
    """ONNX `Sub` of a constant."""
    _arithmetic(state, node, Fraction(-1))


def _arithmetic(state: State, node: OnnxNode, sign: Fraction) -> None:
    a, b = (state.value(name) for name in node.inputs)
    if isinstance(a, Constant) and sign == 1:
        a, b = b, a
        node = replace(node, inputs=node.inputs[::-1])
    if isinstance(b, Constant):
        x = state.activation(node.inputs[0])
        terms = _per_channel_constant(b, x.shape[0], node.inputs[1])
        _map(state, node, x, (Fraction(1),) * x.shape[0], tuple(sign * t for t in terms))
    elif sign == 1:
        x, y = (state.activation(name) for name in node.inputs)
        state.values[node.outputs[0]] = state.add(x, y, node.outputs[0])
    else:
        raise FirelineError("the difference of two activations is not supported")


def mul(state: State, node: OnnxNode) -> None:
    """ONNX `Mul` by a constant."""
    names = node.inputs if isinstance(state.value(node.inputs[1]), Constant) else node.inputs[::-1]
    x = state.activation(names[0])
    factors = _per_channel_constant(state.constant(names[1], "the factor"), x.shape[0], names[1])
    _map(state, node, x, factors, (Fraction(0),) * x.shape[0])


def div(state: State, node: OnnxNode) -> None:
    """ONNX `Div` by a constant."""
    x = state.activation(node.inputs[0])
    divisor = _per_channel_constant(state.constant(node.inputs[1], "the divisor"), x.shape[0], node.inputs[1])
    if 0 in divisor:
        raise FirelineError("division by zero")
    _map(state, node, x, tuple(1 / d for d in divisor), (Fraction(0),) * x.shape[0])


def batch_normalization(state: State, node: OnnxNode) -> None:
    """ONNX `BatchNormalization` in inference: a factor and an offset for each channel."""
    x = state.activation(node.inputs[0])
    gamma, beta, mean, variance = (
        np.asarray(state.constant(name, "a batch norm parameter").array, dtype=np.float64)
        for name in node.inputs[1:5]
    )
    factor = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    factors = tuple(fraction(f, "a batch norm factor", node.label) for f in factor)
    offsets = tuple(
        fraction(b, "beta", node.label) - fraction(m, "mean", node.label) * f
        for b, m, f in zip(beta, mean, factors, strict=True)
    )
    _map(state, node, x, factors, offsets)


def _map(
    state: State, node: OnnxNode, value: Affine, factor: tuple[Fraction, ...], shift: tuple[Fraction, ...]
) -> None:
    x = state.settle(value, node.inputs[0]) if value.relu else value
    mapped = x.mapped(factor, shift)
    state.values[node.outputs[0]] = replace(mapped, private=x.private and state.read_once(node.outputs[0]))


def _per_channel_constant(value: Constant, channels: int, name: str) -> tuple[Fraction, ...]:
    """A constant that is one number, or one for each channel in shape (1, C, 1, 1) or (C, 1, 1)."""
    array = value.array
    if array.size == 1:
        return (fraction(array.ravel()[0], "a constant", name),) * channels
    if array.size != channels or array.ndim < 3 or array.shape[-3] != channels:
        raise FirelineError(
            f"constant {name!r} has shape {array.shape}, one number or (1, {channels}, 1, 1) expected"
        )
    return tuple(fraction(v, "a constant", name) for v in array.ravel())


def same(state: State, node: OnnxNode) -> None:
    """Operations that change nothing: Identity, Dropout in inference."""
    value = state.value(node.inputs[0])
    alone = state.read_once(node.outputs[0])
    if isinstance(value, Affine):
        value = replace(value, private=value.private and alone)
    state.values[node.outputs[0]] = value


def flatten(state: State, node: OnnxNode) -> None:
    """ONNX `Flatten`, `Reshape` or `Squeeze` to (N, C * H * W): the order of the integers stays."""
    if node.op == "Reshape":
        shape = state.constant(node.inputs[1], "the shape").array.tolist()
        x = state.activation(node.inputs[0])
        if len(shape) not in (2, 4) or (len(shape) == 4 and tuple(shape[1:]) != x.shape):
            raise FirelineError(f"reshape to {shape} is not supported", hint="flatten to (N, C)")
    elif node.op == "Flatten" and int(node.attributes.get("axis", 1)) != 1:
        raise FirelineError(f"flatten from axis {node.attributes['axis']} is not supported", hint="axis 1")
    same(state, node)


OPERATIONS: dict[str, Callable[[State, OnnxNode], None]] = {
    "Add": add,
    "AveragePool": average_pool,
    "BatchNormalization": batch_normalization,
    "Concat": concat,
    "Conv": conv,
    "Div": div,
    "Dropout": same,
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": global_average,
    "Identity": same,
    "MatMul": matmul,
    "MaxPool": maxpool,
    "Mul": mul,
    "Quant": quant,
    "ReduceMean": reduce_mean,
    "ReduceSum": reduce_sum,
    "Relu": relu,
    "Reshape": flatten,
    "Squeeze": flatten,
    "Sub": sub,
}
