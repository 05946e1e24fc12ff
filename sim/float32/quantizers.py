"""Quantizers of bounded numbers: the integers that float32 may round to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx

from fireline.codegen.lower.values import round_float
from fireline.codegen.requantize.rounding import Mode, mode_named
from fireline.fixed import IntType
from fireline.sim.float32.bounded import Bounded, Reals, U, quotient, total
from fireline.sim.float32.operations import attributes_of

HALVES: tuple[Mode, ...] = ("HALF_EVEN", "HALF_UP", "HALF_DOWN")  # step between the integers, not at them

QUANTIZERS = ("Quant", "IntQuant", "BipolarQuant", "Trunc", "DequantizeLinear")  # that make real numbers
NOWHERE = np.array(np.inf)


@dataclass(frozen=True)
class Quantized:
    """Real values behind a quantizer, and how far its argument was from the next step, in steps; `NOWHERE` of none."""

    real: Bounded
    distance: Reals


def quantizer(
    node: onnx.NodeProto, x: list[Bounded | None], types: Mapping[str, npt.DTypeLike]
) -> Quantized | None:
    """What a quantizer makes of its first input; None if the node is no quantizer.

    `types` are those of the file's constants.
    """
    match node.op_type:
        case "Quant" | "IntQuant":
            return _quant(node, x)
        case "BipolarQuant":
            return _bipolar(_there(x[0]), _there(x[1]))
        case "Trunc":
            return _trunc(node, x)
        case "QuantizeLinear":
            return _quantize_linear(node, x, types)
        case "DequantizeLinear":
            return _dequantize_linear(node, x)
    return None


def _quant(node: onnx.NodeProto, x: list[Bounded | None]) -> Quantized:
    """QONNX `Quant`: x / scale + zero point, rounded."""
    a = attributes_of(node)
    value, scale, zero, bits = (_there(one) for one in x[:4])
    width, signed = int(bits.value.ravel()[0]), bool(a.get("signed", 1))
    if width == 1 and signed:
        return _bipolar(value, scale)
    mode = mode_named(_text(a.get("rounding_mode", b"ROUND")))
    steps = total(quotient(value, scale), zero)
    whole = _whole(steps, mode, *_ends(width, signed, bool(a.get("narrow", 0))))
    return _real(whole, _distance(steps, mode), zero.value, scale)


def _quantize_linear(
    node: onnx.NodeProto, x: list[Bounded | None], types: Mapping[str, npt.DTypeLike]
) -> Quantized:
    """ONNX `QuantizeLinear`: x / scale, rounded, and then the zero point."""
    a = attributes_of(node)
    value, scale, zero = _linear(x, a["axis"])
    kind = types.get(node.input[2], np.uint8) if len(node.input) > 2 and node.input[2] else np.uint8
    if a.get("output_dtype"):
        kind = onnx.helper.tensor_dtype_to_np_dtype(a["output_dtype"])
    ends: Any = ml_dtypes.iinfo(kind)  # type: ignore[no-untyped-call]
    steps = quotient(value, scale)
    whole = _whole(steps, "HALF_EVEN", int(ends.min) - zero, int(ends.max) - zero)
    return Quantized(whole.mapped(lambda v: v + zero), _distance(steps, "HALF_EVEN"))


def _dequantize_linear(node: onnx.NodeProto, x: list[Bounded | None]) -> Quantized:
    codes, scale, zero = _linear(x, attributes_of(node)["axis"])
    return _real(codes, NOWHERE, zero, scale)


def _linear(x: list[Bounded | None], axis: int) -> tuple[Bounded, Bounded, Reals]:
    """A tensor, and its scale and zero point, shaped to meet it."""
    value = _there(x[0])

    def along(v: Reals) -> Reals:
        axes = value.value.ndim
        return v.reshape(() if v.size == 1 else [-1 if i == axis % axes else 1 for i in range(axes)])

    zero = x[2] if len(x) > 2 else None
    return value, _there(x[1]).mapped(along), np.zeros(()) if zero is None else along(zero.value)


def _there(x: Bounded | None) -> Bounded:
    if x is None:
        raise NotImplementedError("an input of a quantizer is left out")
    return x


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _ends(width: int, signed: bool, narrow: bool) -> tuple[int, int]:
    type = IntType(width, signed)
    return type.min + (narrow and signed), type.max - (narrow and not signed)


def _whole(steps: Bounded, mode: Mode, low: npt.ArrayLike, high: npt.ArrayLike) -> Bounded:
    """Integers, each one where rounding cannot differ."""

    def rounding(v: Reals) -> Reals:
        return np.asarray(np.clip(round_float(np.clip(v, -(2.0**50), 2.0**50), mode), low, high))

    whole = steps.mapped(rounding)
    sure = bool((whole.low == whole.high).all())
    return Bounded(whole.low if sure else whole.value, whole.low, whole.high, 1.0 if sure else 0.0)


def _distance(steps: Bounded, mode: Mode) -> Reals:
    shifted = steps.value - 0.5 if mode in HALVES else steps.value
    return np.asarray(np.abs(shifted - np.rint(shifted)))


def _real(codes: Bounded, distance: Reals, zero: Reals, scale: Bounded) -> Quantized:
    """(codes - zero) * scale; the difference is an integer, the product is rounded once."""
    ends = [(end - zero) * scale.value for end in (codes.value, codes.low, codes.high)]
    powers = bool((np.frexp(scale.value)[0] == 0.5).all())
    if codes.unit and powers:
        return Quantized(Bounded(ends[0], ends[0], ends[0], float(scale.value.min())), distance)
    return Quantized(Bounded(ends[0], ends[1] - U * np.abs(ends[1]), ends[2] + U * np.abs(ends[2])), distance)


def _bipolar(value: Bounded, scale: Bounded) -> Quantized:
    """scale from zero on, -scale below: the sign is that of the value."""
    steps = quotient(value, scale)
    signs = _whole(steps, "SIGN", -1, 1)
    return _real(signs, np.abs(steps.value), np.zeros(()), scale)


def _trunc(node: onnx.NodeProto, x: list[Bounded | None]) -> Quantized:
    """QONNX `Trunc` of opset 1 (five inputs) or 2 (six): to the grid of its input, then to a coarser one."""
    a = attributes_of(node)
    value, scale, zero, *rest = (_there(one) for one in x)
    numbers = [part.value.ravel() for part in rest]
    second = len(x) > 5
    ratio = rest[1].value / scale.value if second else np.asarray(2.0 ** (numbers[0][0] - numbers[1][0]))
    coarse = 2.0 ** np.array([round(log2(r)) for r in ratio.ravel()]).reshape(ratio.shape)
    steps = total(quotient(value, scale), zero)
    mode = mode_named(_text(a.get("rounding_mode", b"FLOOR")))
    ends = (
        _ends(int(numbers[2][0]), bool(a.get("signed", 1)), bool(a.get("narrow", 0)))
        if second
        else (-(2.0**50), 2.0**50)
    )
    fine = _whole(steps, "HALF_EVEN", -(2.0**50), 2.0**50)
    codes = _whole(fine.mapped(lambda v: v / coarse), mode, *ends)
    kept = zero.value / coarse if second else zero.value
    return _real(codes, _distance(steps, "HALF_EVEN"), kept, rest[1] if second else scale)
