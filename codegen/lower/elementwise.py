"""Lowering of operations on every value by itself: they wait until a quantizer takes them in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from fireline.codegen.lower.attributes import CHANNELS_LAST
from fireline.codegen.lower.convolutions import negated
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.state import State
from fireline.codegen.lower.values import (
    Activation,
    Codes,
    Constant,
    Pieces,
    QuantizedConstant,
    each,
    fraction,
)
from fireline.codegen.requantize.curves import DIGITS, Curve, Leaky, Smooth
from fireline.errors import FirelineError

ONE, ZERO = Fraction(1), Fraction(0)


def _each(
    state: State, node: OnnxNode, change: Callable[[Activation], Activation], position: int = 0
) -> None:
    """`change` applied to the activation at an input, or to every part of a concatenation."""
    tensor = node.inputs[position]
    value = state.value(tensor)
    alone = state.read_once(node.outputs[0])

    def changed(part: Activation) -> Activation:
        return replace(change(part), private=part.private and alone)

    whole = value if isinstance(value, Pieces) else state.activation(tensor)
    state.values[node.outputs[0]] = each(whole, changed)


def relu(state: State, node: OnnxNode) -> None:
    """ONNX `Relu`: the clamp of the quantizer behind it."""
    _each(state, node, lambda x: x.clipped(ZERO, inf))


def clip(state: State, node: OnnxNode) -> None:
    """ONNX `Clip` with constant ends, as inputs or (older files) attributes; also of a quantized linear tensor."""
    value = state.value(node.inputs[0])
    low, high = (_end(state, node, i, name) for i, name in ((1, "min"), (2, "max")))
    if isinstance(value, Codes):
        ends = (max(value.low, low), min(value.high, high))
        if any(isinstance(end, Fraction) and end.denominator != 1 for end in ends) or ends[0] > ends[1]:
            raise FirelineError(f"integers are clipped from {ends[0]} to {ends[1]}")
        state.values[node.outputs[0]] = replace(value, low=int(ends[0]), high=int(ends[1]))
        return
    if low > high:
        raise FirelineError(f"clip from {float(low)} to {float(high)} is empty")
    _each(state, node, lambda x: x.clipped(low, high))


def _end(state: State, node: OnnxNode, position: int, name: str) -> Fraction | float:
    nothing = -inf if name == "min" else inf
    if node.input(position):
        array = state.constant(node.input(position), f"the {name} of a Clip").array
        if array.size != 1:
            raise FirelineError(f"the {name} of a Clip has {array.size} values")
        value = float(array.ravel()[0])
    else:
        value = node.number(name, nothing)
    return value if value == nothing else fraction(value, f"the {name} of a Clip", node.label)


def hard_sigmoid(state: State, node: OnnxNode) -> None:
    """ONNX `HardSigmoid`: max(0, min(1, alpha * x + beta))."""
    alpha, beta = (fraction(node.number(name), name, node.label) for name in ("alpha", "beta"))
    _each(state, node, lambda x: x.mapped((alpha,) * x.shape[0], (beta,) * x.shape[0]).clipped(ZERO, ONE))


def leaky_relu(state: State, node: OnnxNode) -> None:
    """ONNX `LeakyRelu` with a slope that is not negative."""
    slope = fraction(node.number("alpha"), "the slope", node.label)
    _each(state, node, lambda x: _leaky(x, (slope,) * x.shape[0]))


def prelu(state: State, node: OnnxNode) -> None:
    """ONNX `PRelu` with constant slopes, one or one per channel."""
    slopes = _numbers(state, node.inputs[1], "the slope")
    x = state.activation(node.inputs[0])
    # (C, 1, 1) is PyTorch's shape for a slope per channel.
    slope = channel_constants(slopes, x, node.inputs[1])
    state.values[node.outputs[0]] = replace(
        _leaky(x, slope), private=x.private and state.read_once(node.outputs[0])
    )


def _leaky(x: Activation, slope: tuple[Fraction, ...]) -> Activation:
    if not any(slope):
        return x.clipped(ZERO, inf)
    if min(slope) < 0:
        raise FirelineError(
            f"a slope of {float(min(slope))} below zero is not supported", hint="use one of 0 or above"
        )
    return replace(x, curves=(*x.curves, Leaky(slope)))


def tanh(state: State, node: OnnxNode) -> None:
    """ONNX `Tanh`."""
    _each(state, node, lambda x: _curved(x, Smooth("tanh")))


def sigmoid(state: State, node: OnnxNode) -> None:
    """ONNX `Sigmoid`."""
    _each(state, node, lambda x: _curved(x, Smooth("sigmoid")))


def _curved(x: Activation, curve: Curve) -> Activation:
    return replace(x, curves=(*x.curves, curve))


def add(state: State, node: OnnxNode) -> None:
    """ONNX `Add`: of two activations a node, of a constant an offset."""
    _sum(state, node, ONE)


def sub(state: State, node: OnnxNode) -> None:
    """ONNX `Sub` of a constant, or of an activation from a constant."""
    _sum(state, node, -ONE)


def total(state: State, node: OnnxNode) -> None:
    """ONNX `Sum` of any number, added one after the other."""
    if len(node.inputs) == 2:
        add(state, node)
        return
    first, *others = map(state.activation, node.inputs)
    alone = first.private and state.read_once(node.outputs[0])
    for one in others:
        first = state.add(replace(first, private=True), one, node.outputs[0])
        alone = first.private
    state.values[node.outputs[0]] = replace(first, private=alone)


def maximum(state: State, node: OnnxNode) -> None:
    """ONNX `Max` of an activation and a number."""
    number, position = _compared(state, node)
    _each(state, node, lambda x: x.clipped(number, inf), position)


def minimum(state: State, node: OnnxNode) -> None:
    """ONNX `Min` of an activation and a number."""
    number, position = _compared(state, node)
    _each(state, node, lambda x: x.clipped(-inf, number), position)


def _compared(state: State, node: OnnxNode) -> tuple[Fraction, int]:
    """The one number among a node's two inputs, and the position of the other."""
    numbers = [(i, v) for i, name in enumerate(node.inputs) if isinstance(v := state.value(name), Constant)]
    if len(node.inputs) != 2 or len(numbers) != 1 or numbers[0][1].array.size != 1:
        raise FirelineError(
            f"{len(node.inputs)} inputs, {len(numbers)} of them constants, are compared",
            hint="one activation and one number",
        )
    position, value = numbers[0]
    return fraction(value.array.ravel()[0], "a number", node.inputs[position]), 1 - position


def _sum(state: State, node: OnnxNode, sign: Fraction) -> None:
    first, second = node.inputs[:2]
    a, b = (state.value(name) for name in (first, second))
    if isinstance(b, Constant | QuantizedConstant):
        x = _operand(state, first)
        terms = channel_constants(b, x, second)
        _map(state, node, x, (ONE,) * x.shape[0], tuple(sign * t for t in terms))
    elif isinstance(a, Constant | QuantizedConstant):
        x = _operand(state, second)
        _map(state, node, x, (sign,) * x.shape[0], channel_constants(a, x, first))
    else:
        x, y = (state.activation(name) for name in (first, second))
        if sign < 0:
            y = negated(state, y.mapped((-ONE,) * y.shape[0], (ZERO,) * y.shape[0]))
        state.values[node.outputs[0]] = state.add(x, y, node.outputs[0])


def mul(state: State, node: OnnxNode) -> None:
    """ONNX `Mul` by a constant, also of a quantized constant, whose scale it becomes part of."""
    first, second = node.inputs[:2]
    if not isinstance(state.value(second), Constant | QuantizedConstant):
        first, second = second, first
    held = state.value(first)
    if isinstance(held, Constant):
        first, second, held = second, first, state.value(second)
    factor = _numbers(state, second, "the factor")
    if isinstance(held, QuantizedConstant) and isinstance(factor, Constant):
        state.values[node.outputs[0]] = _scaled(held, factor.array, second)
        return
    x = _operand(state, first)
    factors = channel_constants(factor, x, second)
    _map(state, node, x, factors, (ZERO,) * x.shape[0])


def _scaled(held: QuantizedConstant, factor: npt.NDArray[Any], name: str) -> QuantizedConstant:
    """A quantized constant times positive numbers: its integers stay."""
    if (
        not (factor > 0).all()
        or np.broadcast_shapes(factor.shape, held.integers.shape) != held.integers.shape
    ):
        raise FirelineError(
            f"a quantized constant of shape {held.integers.shape} is multiplied by {name!r}, "
            f"which has shape {factor.shape} and {factor.min()} as its lowest",
            hint="multiply before quantizing",
        )
    exact = np.vectorize(lambda v: fraction(v, "a factor", name), otypes=[object])(factor)
    return replace(held, scale=np.asarray(held.scale * exact, dtype=object))


def div(state: State, node: OnnxNode) -> None:
    """ONNX `Div` by a constant."""
    x = _operand(state, node.inputs[0])
    divisor = channel_constants(_numbers(state, node.inputs[1], "the divisor"), x, node.inputs[1])
    if 0 in divisor:
        raise FirelineError("division by zero")
    _map(state, node, x, tuple(1 / d for d in divisor), (ZERO,) * x.shape[0])


def neg(state: State, node: OnnxNode) -> None:
    """ONNX `Neg`."""
    x = _operand(state, node.inputs[0])
    _map(state, node, x, (-ONE,) * x.shape[0], (ZERO,) * x.shape[0])


def batch_normalization(state: State, node: OnnxNode) -> None:
    """ONNX `BatchNormalization` in inference: a factor and an offset for each channel."""
    if node.trains or any(node.outputs[1:]):
        raise FirelineError("it is in training mode", hint="export the network in eval mode")
    x = _operand(state, node.inputs[0])
    if x.layout == "hwc" and node.domain != CHANNELS_LAST:
        raise FirelineError(
            "its second axis is not the channels: the tensor is channels last", hint="transpose it back first"
        )
    parameters = [
        [_exact(value, name) for value in _reals(state, name, "a batch norm parameter").ravel()]
        for name in node.inputs[1:5]
    ]
    if any(len(part) != x.shape[0] for part in parameters):
        raise FirelineError(f"{[len(part) for part in parameters]} parameters for {x.shape[0]} channels")
    gamma, beta, mean, variance = parameters
    epsilon = fraction(node.number("epsilon"), "epsilon", node.label)
    if min(variance) + epsilon <= 0:
        raise FirelineError(f"a variance of {float(min(variance))} cannot be")
    factors = tuple(g / _root(v + epsilon) for g, v in zip(gamma, variance, strict=True))
    offsets = tuple(b - m * f for b, m, f in zip(beta, mean, factors, strict=True))
    _map(state, node, x, factors, offsets)


def _root(x: Fraction) -> Fraction:
    """The square root, rounded to as many digits as what is transcendental."""
    with localcontext() as context:
        context.prec = 4 * DIGITS
        quotient = Decimal(x.numerator) / Decimal(x.denominator)
        context.prec = DIGITS
        return Fraction(quotient.sqrt())


def _reals(state: State, name: str, what: str) -> npt.NDArray[Any]:
    """A constant's numbers, which may be dequantized."""
    value = _numbers(state, name, what)
    return value.array if isinstance(value, Constant) else np.asarray(value.integers * value.scale)


def _operand(state: State, tensor: str) -> Activation | Pieces:
    """The activation behind `tensor`, or the parts of a concatenation that no quantizer has joined yet."""
    value = state.value(tensor)
    return value if isinstance(value, Pieces) else state.activation(tensor)


def _map(
    state: State,
    node: OnnxNode,
    x: Activation | Pieces,
    factor: tuple[Fraction, ...],
    shift: tuple[Fraction, ...],
) -> None:
    """`x * factor[c] + shift[c]`; every part of a concatenation has its own channels of them."""
    alone, start, made = state.read_once(node.outputs[0]), 0, []
    for part in x.parts if isinstance(x, Pieces) else (x,):
        own = slice(start, start + part.shape[0])
        made.append(replace(part.mapped(factor[own], shift[own]), private=part.private and alone))
        start = own.stop
    state.values[node.outputs[0]] = Pieces(tuple(made)) if isinstance(x, Pieces) else made[0]


def _numbers(state: State, name: str, what: str) -> Constant | QuantizedConstant:
    value = state.value(name)
    return value if isinstance(value, QuantizedConstant) else state.constant(name, what)


def channel_constants(
    value: Constant | QuantizedConstant, x: Activation | Pieces, name: str
) -> tuple[Fraction, ...]:
    """A constant that is one number, or one for each channel of `x` where the file's layout has the channels."""
    # numpy makes plain numbers of products without axes.
    array = value.array if isinstance(value, Constant) else np.asarray(value.integers * value.scale)
    channels = x.shape[0]
    if array.size == 1:
        return (_exact(array.ravel()[0], name),) * channels
    # A flat map has channels of its own only where it is one pixel.
    axis, sides = {
        "chw": (-3, (1, channels, 1, 1)),
        "c(hw)": (-2, (1, channels, 1)),
        "hwc": (-1, (1, 1, 1, channels)),
    }.get(x.layout, (-1, (1, channels)) if x.shape[1:] == (1, 1) else (-3, (1, channels, 1, 1)))
    if array.size != channels or array.ndim < -axis or array.shape[axis] != channels:
        raise FirelineError(f"constant {name!r} has shape {array.shape}, one number or {sides} expected")
    return tuple(_exact(v, name) for v in array.ravel())


def _exact(value: float | Fraction, name: str) -> Fraction:
    return value if isinstance(value, Fraction) else fraction(value, "a constant", name)
