"""Lowering of quantizers: of constants to integers, of activations to requantizers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from math import log2
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from fireline.codegen.lower.arrays import NARROW
from fireline.codegen.lower.attributes import CHANNELS_LAST
from fireline.codegen.lower.layouts import same
from fireline.codegen.lower.onnx_file import OnnxGraph, OnnxNode
from fireline.codegen.lower.state import State, Target
from fireline.codegen.lower.values import (
    Activation,
    Codes,
    Constant,
    Layout,
    Padded,
    Pieces,
    QuantizedConstant,
    Raw,
    View,
    each,
    quantize_constant,
)
from fireline.codegen.lower.views import settle
from fireline.codegen.requantize.rounding import Mode, Rounding, mode_named
from fireline.codegen.requantize.staircase import Quantizer
from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.graph import Input, per_channel

MAX_BITS = 32
MAX_SHIFT = 62  # bits that a Trunc drops


@dataclass(frozen=True)
class Spec:
    """A quantizer as the file has it: x / scale + zero point, rounded and clamped to `low` .. `high`."""

    scale: npt.NDArray[Any]
    zero_point: npt.NDArray[Any]
    type: IntType
    low: int
    high: int
    mode: Mode


def quant(state: State, node: OnnxNode) -> None:
    """QONNX `Quant`: on a constant its integers, on an activation a requantizer."""
    scale, zero_point, bits = (
        _numbers(state, node.inputs[i], what)
        for i, what in (
            (1, "the scale of a Quant"),
            (2, "the zero point of a Quant"),
            (3, "the bit width of a Quant"),
        )
    )
    signed, narrow = bool(node.integer("signed")), bool(node.integer("narrow"))
    width = _width(bits)
    if width == 1 and signed:  # QONNX: bipolar, without a zero
        _quantize(state, node, Spec(scale, zero_point, IntType(2, True), -1, 1, "SIGN"))
        return
    mode = mode_named(node.text("rounding_mode", "ROUND"))
    type = IntType(width, signed)
    low, high = _ends(type, narrow)
    _quantize(state, node, Spec(scale, zero_point, type, low, high, mode))


def bipolar_quant(state: State, node: OnnxNode) -> None:
    """QONNX `BipolarQuant`: scale from zero on, -scale below."""
    scale = _numbers(state, node.inputs[1], "the scale of a BipolarQuant")
    # The sign of x does not depend on the scale's size.
    _quantize(state, node, Spec(scale, np.zeros(1, dtype=np.float32), IntType(2, True), -1, 1, "SIGN"))


def _numbers(state: State, name: str, what: str) -> npt.NDArray[np.float32]:
    return np.asarray(state.constant(name, what).array, dtype=np.float32)


def _width(bits: npt.NDArray[np.float32]) -> int:
    width = float(bits.ravel()[0]) if bits.size == 1 else 0.0
    if not width.is_integer() or not 1 <= width <= MAX_BITS:
        raise FirelineError(
            f"bit width {bits.ravel().tolist() if bits.size == 1 else f'of shape {bits.shape}'} cannot be",
            hint=f"one whole number from 1 to {MAX_BITS}",
        )
    return int(width)


def _ends(type: IntType, narrow: bool) -> tuple[int, int]:
    """QONNX: a narrow range gives up the lowest integer if it is signed, the highest if not."""
    low, high = type.min + (narrow and type.signed), type.max - (narrow and not type.signed)
    return low, high


def _quantize(state: State, node: OnnxNode, spec: Spec) -> None:
    """The value behind the node's first input, quantized."""
    _check_scale(spec.scale)
    zeros = spec.zero_point.ravel()
    wrong = zeros[~np.isfinite(zeros) | (zeros != np.rint(zeros)) | (np.abs(zeros) >= 1 << 31)]
    if wrong.size:
        raise FirelineError(
            f"zero point {wrong[0]} is not an integer of 32 bits",
            hint="quantize the zero point (quantize_zero_point in Brevitas)",
        )
    source = node.inputs[0]
    value = state.value(source)
    if isinstance(value, Raw):
        layout = value.layout
        target = _target(spec, layout, state.input_shape[0])
        first = node.op != "DequantizeLinear" and target.zero_point % 2 == 1
        framed = any(value.frame)
        if framed and not target.keeps_zero:
            raise FirelineError(
                "the image's frame of zeros is no number of its quantizer", hint="pad behind it"
            )
        image = state.quantize_input(target, "" if framed else node.outputs[0], layout, first)
        state.values[node.outputs[0]] = Padded(image, value.frame, 0.0) if framed else image
        return
    if isinstance(value, Constant):
        state.values[node.outputs[0]] = quantize_constant(
            value.array, spec.scale, spec.zero_point, spec.type, (spec.low, spec.high), spec.mode
        )
    elif isinstance(value, QuantizedConstant):
        real = value.integers * np.vectorize(float, otypes=[float])(value.scale)
        state.values[node.outputs[0]] = quantize_constant(
            real, spec.scale, spec.zero_point, spec.type, (spec.low, spec.high), spec.mode
        )
    else:
        if spec.scale.size > 1:  # which has the channels on one axis
            settle(state, source)
        requantize(state, source, node.outputs[0], _target(spec, *_channel_axis(state, source)))


def _channel_axis(state: State, tensor: str) -> tuple[Layout, int]:
    """The layout of what is quantized, and its channels."""
    value = state.value(tensor)
    if isinstance(value, View):
        value = value.value
    whole = value if isinstance(value, Activation | Pieces | Padded) else state.activation(tensor)
    return whole.layout, whole.shape[0]


def _target(spec: Spec, layout: Layout, channels: int) -> Target:
    scale = _activation_scale(spec.scale, layout, channels)
    zero = _activation_zero_point(spec.zero_point)
    if zero not in spec.type:
        raise FirelineError(f"zero point {zero} is outside {spec.type}")
    return Target(scale, zero, spec.type, Quantizer(spec.low, spec.high, Rounding(spec.mode)), scale, zero)


def requantize(state: State, source: str, output: str, target: Target) -> None:
    """The activation behind `source`, or every part of a concatenation, quantized to `target`."""
    value = state.value(source)
    if isinstance(value, Padded) and value.fill == 0 and target.keeps_zero:
        # A frame of zeros is one of zero points, wherever it is put on.
        state.values[output] = replace(value, value=state.requantize(value.value, target, None))
        return
    if isinstance(value, View):  # of one scale: every value becomes the same wherever it lies
        alone = state.read_once(output)
        made = each(value.value, lambda part: replace(state.requantize(part, target, None), private=alone))
        state.values[output] = replace(value, value=made)
        return
    if not isinstance(value, Pieces):
        state.values[output] = state.requantize(state.activation(source), target, output)
        return
    offset, parts = 0, []
    for part in value.parts:
        count = part.shape[0]
        own = replace(
            target, scale=_channels(target.scale, offset, count), unit=_channels(target.unit, offset, count)
        )
        parts.append(state.requantize(part, own, None))
        offset += count
    state.values[output] = state.concat(Pieces(tuple(parts)), output, one_quantizer=True)


def _check_scale(scale: npt.NDArray[np.float32]) -> None:
    bad = scale[~(np.isfinite(scale) & (scale > 0))].ravel()
    if bad.size or not scale.size:
        raise FirelineError(
            f"scale {bad[0] if bad.size else 'without a number'} cannot be represented",
            hint="a scale is finite and above zero",
        )


def _activation_scale(scale: npt.NDArray[Any], layout: Layout, channels: int) -> tuple[Fraction, ...]:
    axis = {"chw": -3, "c(hw)": -2}.get(layout, -1)
    if scale.size != 1 and (scale.ndim < -axis or scale.size != scale.shape[axis] or scale.size != channels):
        sides = [1, channels, *[1] * (-axis - 1)] if layout != "hwc" else [1, 1, 1, channels]
        raise FirelineError(
            f"an activation's scale has shape {scale.shape}, one number or {tuple(sides)} expected",
            hint="one scale, or one for each channel where the tensor has them",
        )
    return tuple(Fraction(float(s)) for s in scale.ravel())


def _activation_zero_point(zero_point: npt.NDArray[Any]) -> int:
    values = set(zero_point.ravel().tolist())
    if len(values) != 1:
        raise FirelineError("an activation has several zero points", hint="use one zero point per tensor")
    return int(values.pop())


def _channels(scale: tuple[Fraction, ...], start: int, count: int) -> tuple[Fraction, ...]:
    return scale if len(scale) == 1 else scale[start : start + count]


def trunc(state: State, node: OnnxNode) -> None:
    """QONNX `Trunc` of opset 1 (five inputs) or 2 (six): drops low bits of what is on a grid already."""
    x = state.activation(node.inputs[0])
    second = len(node.inputs) > 5
    scale, zero_point, bits_in, *_, bits_out = (
        _numbers(state, name, "a parameter of a Trunc") for name in node.inputs[1 : 6 if second else 5]
    )
    if not np.isfinite(zero_point).all() or (zero_point != np.rint(zero_point)).any():
        raise FirelineError("a zero point is not an integer")
    _check_scale(scale)
    unit, zero = _activation_scale(scale, x.layout, x.shape[0]), _activation_zero_point(zero_point)
    mode = mode_named(node.text("rounding_mode", "FLOOR"))
    if second:
        output_scale = _numbers(state, node.inputs[4], "the output scale of a Trunc")
        _check_scale(output_scale)
        coarse = _activation_scale(output_scale, x.layout, x.shape[0])
        pairs = zip(per_channel(coarse, x.shape[0]), per_channel(unit, x.shape[0]), strict=True)
        shifts = {round(log2(c / u)) for c, u in pairs}
        if len(shifts) != 1:
            raise FirelineError(
                "the channels of a Trunc drop unlike numbers of bits", hint="quantize its input"
            )
        dropped = shifts.pop()
        type = IntType(_width(bits_out), bool(node.integer("signed", 1)))
        low, high = _ends(type, bool(node.integer("narrow", 0)))
    else:
        coarse, dropped = unit, _width(bits_in) - _width(bits_out)
    if abs(dropped) > MAX_SHIFT:
        raise FirelineError(
            f"a Trunc drops {dropped} bits", hint=f"from -{MAX_SHIFT} to {MAX_SHIFT} are supported"
        )
    given = zero
    if dropped < 0:  # its grid is finer than its input's, whose integers it multiplies
        _expect_on_grid(state, x, unit)
        unit, zero = tuple(u * Fraction(2) ** dropped for u in unit), zero << -dropped
        dropped = 0
    rounding = Rounding(mode, dropped)
    if second:
        if zero % (1 << dropped):
            raise FirelineError(f"zero point {zero} is no multiple of {1 << dropped}")
        out_zero = zero >> dropped
    else:  # opset 1 clamps nothing: what the input reaches decides
        out_zero = given
        low, high = state.outputs(x, unit, zero, rounding)
        low, high = min(low, out_zero), max(high, out_zero)
        type = IntType.holding(low, high)
    if out_zero not in type:
        raise FirelineError(f"zero point {out_zero} is outside {type}")
    target = Target(coarse, out_zero, type, Quantizer(low, high, rounding), unit, zero)
    requantize(state, node.inputs[0], node.outputs[0], target)


def _expect_on_grid(state: State, x: Activation, unit: tuple[Fraction, ...]) -> None:
    """Raise `FirelineError` unless all values of `x` are multiples of `unit`."""
    steps = zip(x.scale, x.offset, per_channel(unit, x.shape[0]), strict=True)
    if not x.plain or any((part / u).denominator != 1 for s, o, u in steps for part in (s, o)):
        raise FirelineError(
            "a Trunc to more bits than it reads meets values between its steps", hint="quantize its input"
        )


def quantize_linear(state: State, node: OnnxNode) -> None:
    """ONNX `QuantizeLinear`: integers that wait for their `DequantizeLinear`."""
    scale, zero_point, low, high = _linear(state, node)
    state.values[node.outputs[0]] = Codes(node.inputs[0], scale, zero_point, low, high)


def dequantize_linear(state: State, node: OnnxNode) -> None:
    """ONNX `DequantizeLinear`: of a constant its integers, after a `QuantizeLinear` the quantizer that both are."""
    scale, zero_point, _, _ = _linear(state, node)
    _check_scale(scale)
    value = state.value(node.inputs[0])
    if isinstance(value, Codes):
        _dequantize(state, node, value)
        if not (np.array_equal(scale, value.scale) and np.array_equal(zero_point, value.zero_point)):
            _rescaled(state, node, value, scale, zero_point)
        return
    if isinstance(value, Raw) and state.onnx.integer_input is not None:
        x = _codes_in(state, value.layout)
        unit = per_channel(_activation_scale(scale, x.layout, x.shape[0]), x.shape[0])
        zeros = np.broadcast_to(zero_point.ravel(), len(unit)).tolist()
        state.values[node.outputs[0]] = x.mapped(
            unit, tuple(-int(z) * u for z, u in zip(zeros, unit, strict=True))
        )
        return
    codes = state.constant(node.inputs[0], "the integers of a DequantizeLinear").array
    if not _integral(codes.dtype) or not codes.size:
        raise FirelineError(f"a tensor of {codes.dtype} is dequantized, integers of up to 32 bits expected")
    ones = np.ones(1, dtype=np.float32)
    held = quantize_constant(
        codes.astype(np.float64) - zero_point,
        ones,
        ones * 0,
        IntType(32, True),
        (-(1 << 31), (1 << 31) - 1),
        "HALF_EVEN",
    )
    type = IntType.holding(int(held.integers.min()), int(held.integers.max()))
    fractions = np.array([Fraction(float(s)) for s in scale.ravel()], dtype=object).reshape(scale.shape)
    state.values[node.outputs[0]] = QuantizedConstant(held.integers, fractions, type)


def cast(state: State, node: OnnxNode) -> None:
    """ONNX `Cast` to a type that holds every number: of the network's input, of integers, of activations.

    `CastLike` casts to the type of its second input: of an activation that is float32.
    """
    like = node.op == "CastLike" and isinstance(state.value(node.inputs[1]), Activation | Pieces | Padded)
    kind = np.dtype(np.float32) if like else _type(node.integer("to", 0))
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise FirelineError(f"a cast to {kind} is not supported", hint="cast to float32, or quantize")
    value = state.value(node.inputs[0])
    if isinstance(value, Constant):
        state.values[node.outputs[0]] = Constant(value.array.astype(kind))
    elif isinstance(value, Raw) and state.onnx.integer_input is not None:
        state.values[node.outputs[0]] = _codes_in(state, value.layout)
    elif isinstance(value, Codes) and state.read_once(node.inputs[0]):
        state.values[node.outputs[0]] = codes_out(state, value, node.outputs[0])
    elif isinstance(value, Codes):
        state.values[node.outputs[0]] = _numbered(state, node, value)
    else:
        same(state, node)


def _type(number: int) -> np.dtype[Any]:
    """The type that a file names by its number."""
    try:
        kind: np.dtype[Any] = onnx.helper.tensor_dtype_to_np_dtype(number)
    except (KeyError, ValueError, TypeError):
        raise FirelineError(f"type {number} is none of ONNX", hint="export the network again") from None
    return kind


def _codes_in(state: State, layout: Layout) -> Activation:
    """The network's input where the file takes integers, which are the images."""
    assert state.onnx.integer_input is not None
    ends = np.iinfo(state.onnx.integer_input)
    type, one = IntType.holding(int(ends.min), int(ends.max)), (Fraction(1),)
    quantizer = Quantizer(type.min, type.max)
    return state.quantize_input(Target(one, 0, type, quantizer, one, 0), state.onnx.input, layout)


def _spec(state: State, codes: Codes) -> Spec:
    """The quantizer that made `codes`."""
    points = codes.zero_point.astype(np.int64)
    # ONNX rounds before it adds the zero point. The input node does so itself.
    odd = bool((points % 2).any()) and not isinstance(state.value(codes.source), Raw)
    if odd and not (points % 2).all():
        raise FirelineError("some zero points are odd, some even", hint="use one zero point")
    type = IntType.holding(codes.low, codes.high)
    mode: Mode = "HALF_ODD" if odd else "HALF_EVEN"
    return Spec(codes.scale, codes.zero_point, type, codes.low, codes.high, mode)


def codes_out(state: State, codes: Codes, tensor: str) -> Activation:
    """The integers of `tensor` as the numbers they are: a file may end with them."""
    _check_scale(codes.scale)
    settle(state, codes.source)
    target = _target(_spec(state, codes), *_channel_axis(state, codes.source))
    requantize(state, codes.source, tensor, replace(target, scale=(Fraction(1),), zero_point=0))
    return state.activation(tensor)


def _numbered(state: State, node: OnnxNode, codes: Codes) -> Activation:
    """The integers that others dequantize as the numbers they are: they are quantized once."""
    tensor = f"{node.inputs[0]}/dequantized"
    _dequantize(state, replace(node, outputs=(tensor,)), codes)
    x = state.activation(tensor)
    made = state.nodes[x.index]
    if made.source == tensor and not isinstance(made, Input):  # which the file has not
        state.nodes[x.index] = replace(made, source=None)
    unit = per_channel(_activation_scale(codes.scale, x.layout, x.shape[0]), x.shape[0])
    zero = Fraction(_activation_zero_point(codes.zero_point))
    return x.mapped(tuple(1 / u for u in unit), (zero,) * len(unit))


def _dequantize(state: State, node: OnnxNode, codes: Codes) -> None:
    """The value that `codes` stand for: it is quantized once, whoever reads the codes."""
    tensor = node.inputs[0]
    if tensor not in state.dequantized:
        source = state.value(codes.source)
        if isinstance(source, Constant):
            state.values[node.outputs[0]] = _constant(source, codes)
        else:
            _quantize(state, replace(node, inputs=(codes.source, *node.inputs[1:])), _spec(state, codes))
        state.dequantized[tensor] = state.values[node.outputs[0]]
    value = state.dequantized[tensor]
    if isinstance(value, Activation):
        value = replace(value, private=state.readers[tensor] == 1 and state.read_once(node.outputs[0]))
    state.values[node.outputs[0]] = value


def _rescaled(
    state: State, node: OnnxNode, codes: Codes, scale: npt.NDArray[Any], zero_point: npt.NDArray[Any]
) -> None:
    """The codes of another scale or zero point than the one that they were made with."""
    value = state.values[node.outputs[0]]
    if not isinstance(value, Activation):
        raise FirelineError(
            "its scale or zero point is not that of its QuantizeLinear", hint="quantize and dequantize alike"
        )
    count = value.shape[0]
    made, read = (
        (
            per_channel(_activation_scale(s, value.layout, count), count),
            np.broadcast_to(points.ravel(), count).tolist(),
        )
        for s, points in ((codes.scale, codes.zero_point), (scale, zero_point))
    )
    factor = tuple(new / old for new, old in zip(read[0], made[0], strict=True))
    shift = tuple(int(z) * s for z, s in zip(np.subtract(made[1], read[1]), read[0], strict=True))
    state.values[node.outputs[0]] = value.mapped(factor, shift)


def _constant(source: Constant, codes: Codes) -> QuantizedConstant:
    """A constant that was quantized: rounded before its zero points are added, which may differ by channel."""
    points = codes.zero_point.astype(np.int64)
    ends = (codes.low - points, codes.high - points)
    type = IntType.holding(int(ends[0].min()), int(ends[1].max()))
    none = np.zeros(1, dtype=np.float32)
    return quantize_constant(source.array, codes.scale, none, type, ends, "HALF_EVEN")


def _integral(kind: np.dtype[Any]) -> bool:
    return kind.name in NARROW or (kind.kind in "iu" and kind.itemsize <= 4)


def _linear(state: State, node: OnnxNode) -> tuple[npt.NDArray[Any], npt.NDArray[Any], int, int]:
    """Scale and zero point of a linear quantizer, shaped to broadcast, and the ends of its type."""
    scale = state.constant(node.inputs[1], "the scale").array
    name = "precision" if node.op == "QuantizeLinear" else "output_dtype"
    kind = _type(node.integer(name, 0)) if node.integer(name, 0) else scale.dtype
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        what = name if node.integer(name, 0) else "its scale"
        raise FirelineError(f"{what} is {kind}, which rounds on the way", hint="convert the file to float32")
    if scale.dtype != np.float64:  # as the product of two scales is
        scale = scale.astype(np.float32)
    zero = (
        state.constant(node.inputs[2], "the zero point").array
        if node.input(2)
        else np.zeros(1, dtype=np.uint8)
    )
    if not _integral(zero.dtype):
        raise FirelineError(f"a zero point of {zero.dtype}, integers of up to 32 bits expected")
    kind = zero.dtype
    if node.op == "QuantizeLinear" and node.integer("output_dtype", 0):
        named = _type(node.integer("output_dtype"))
        if not _integral(named) or (node.input(2) and named != kind):
            point = f", its zero point {kind}" if node.input(2) else ""
            raise FirelineError(
                f"output_dtype is {named}{point}", hint="integers of 2, 4, 8, 16 or 32 bits, alike"
            )
        kind = named
    ends = IntType(int(kind.name.rpartition("int")[2]), signed=not kind.name.startswith("u"))
    axis, axes = node.integer("axis", 1), 4
    if node.input(0) in state.values:
        value = state.values[node.input(0)]
        source = state.values.get(value.source) if isinstance(value, Codes) else value
        axes = source.array.ndim if isinstance(source, Constant) else 4
    if scale.size == 1:
        shape: tuple[int, ...] = (1,)
    elif scale.ndim == 1 and -axes <= axis < axes:
        shape = tuple(scale.size if i == axis % axes else 1 for i in range(axes))
    else:
        raise FirelineError(f"a scale of shape {scale.shape} along axis {axis} is not supported")
    if zero.size not in (1, scale.size):
        raise FirelineError(f"{zero.size} zero points for {scale.size} scales")
    points = zero.astype(np.float32).reshape(shape if zero.size == scale.size else (1,))
    return scale.reshape(shape), points, int(ends.min), int(ends.max)


def input_layout(onnx: OnnxGraph) -> Layout:
    """How the file lays its input out: channels last if that is what the operations behind it expect."""
    reached = {onnx.input}
    for node in onnx.nodes:
        if not node.inputs or node.inputs[0] not in reached:
            continue
        if node.op == "Transpose":
            return "hwc" if node.attributes.get("perm") == [0, 3, 1, 2] else "chw"
        if node.op in ("Conv", "MaxPool", "BatchNormalization", "AveragePool", "GlobalAveragePool"):
            return "hwc" if node.domain == CHANNELS_LAST else "chw"
        reached.update(node.outputs)
    return "chw"
