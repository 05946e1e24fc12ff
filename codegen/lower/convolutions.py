"""Lowering of convolutions and matrix products."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np

from fireline.codegen.lower.attributes import CHANNELS_LAST
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.pads import framed, unframed
from fireline.codegen.lower.state import State, shared
from fireline.codegen.lower.values import (
    MAX_MULTIPLE,
    Activation,
    Layout,
    QuantizedConstant,
    broadcast,
    fraction,
)
from fireline.codegen.lower.windows import MAX_SIDE, Window, dilation, extent, window
from fireline.errors import FirelineError
from fireline.fixed import IntType, common_scale, frozen_array
from fireline.graph import Conv2d, Tensor, reachable_range

# A bias beyond this many units of the accumulator stays a real number for the quantizer.
MAX_BIAS = 1 << 40
MAX_DILATED = 1 << 28  # weights of a kernel with its zeros


def conv(state: State, node: OnnxNode) -> None:
    """ONNX `Conv` in two dimensions, channels first or (QONNX's own domain) last."""
    weight = state.quantized(node.inputs[1], "the weight")
    if weight.integers.ndim != 4 or min(weight.integers.shape) < 1:
        raise FirelineError(f"weights have shape {weight.integers.shape}, a 2-D convolution has four axes")
    layout: Layout = "chw"
    if node.domain == CHANNELS_LAST:
        weight, layout = weight.transposed((0, 3, 1, 2)), "hwc"
    x, shape, frame = unframed(state, node.inputs[0], 0.0)
    expect_layout(x, layout)
    sides = tuple(map(int, weight.integers.shape[2:]))
    if node.integers("kernel_shape", sides) != sides:
        raise FirelineError(
            f"kernel_shape is {list(node.integers('kernel_shape'))}, its weights are {sides[0]}x{sides[1]}",
            hint="a tool before has damaged one of them: export the network again",
        )
    weight = dilated(weight, dilation(node))
    kernel = (int(weight.integers.shape[2]), int(weight.integers.shape[3]))
    state.values[node.outputs[0]] = convolve(
        state,
        node,
        x,
        weight,
        _bias(state, node.input(2), len(weight.integers)),
        framed(window(node, shape, kernel, wide=True), frame),
    )


def dilated(weight: QuantizedConstant, apart: tuple[int, int]) -> QuantizedConstant:
    """The kernel with zeros between its weights, which is what a dilated window computes with."""
    if apart == (1, 1):
        return weight
    outputs, depth, height, width = weight.integers.shape
    sides = extent((height, width), apart)
    if outputs * depth * sides[0] * sides[1] > MAX_DILATED or max(sides) > MAX_SIDE:
        raise FirelineError(
            f"dilation {list(apart)} makes a kernel of {sides[0]}x{sides[1]}", hint="dilate less"
        )
    weight = weight.by_rows()
    wide = np.zeros((outputs, depth, *sides), dtype=np.int64)
    wide[:, :, :: apart[0], :: apart[1]] = weight.integers
    return replace(weight, integers=wide, type=IntType.holding(min(0, weight.type.min), weight.type.max))


def expect_layout(x: Activation, layout: Layout) -> None:
    """Raise `FirelineError` unless the file lays `x` out as `layout`."""
    if x.layout != layout:
        raise FirelineError(f"its input is {x.layout}, {layout} expected", hint="transpose it")


def gemm(state: State, node: OnnxNode) -> None:
    """ONNX `Gemm` on a flattened activation: a convolution whose kernel is the whole map."""
    if node.integer("transA"):
        raise FirelineError("a Gemm with transA is not supported", hint="transpose nothing in front of it")
    alpha, beta = (fraction(node.number(name), name, node.label) for name in ("alpha", "beta"))
    if alpha <= 0:
        raise FirelineError(f"alpha is {float(alpha)}, a number above 0 expected")
    weight = _matrix(state, node)
    weight = replace(weight, scale=np.asarray(weight.scale * alpha, dtype=object))
    if not node.integer("transB"):
        weight = weight.transposed((1, 0))
    bias = _bias(state, node.input(2), len(weight.integers))
    _dense(state, node, weight, tuple(beta * one for one in bias))


def matmul(state: State, node: OnnxNode) -> None:
    """ONNX `MatMul` with a constant matrix, of a flattened activation or of the channels of each pixel."""
    matrix = _matrix(state, node).transposed((1, 0))
    _dense(state, node, matrix, (Fraction(0),) * len(matrix.integers))


def _matrix(state: State, node: OnnxNode) -> QuantizedConstant:
    weight = state.quantized(node.inputs[1], "the weight")
    if weight.integers.ndim != 2 or min(weight.integers.shape) < 1:
        raise FirelineError(f"weights have shape {weight.integers.shape}, a matrix expected")
    return weight


def _dense(state: State, node: OnnxNode, weight: QuantizedConstant, bias: tuple[Fraction, ...]) -> None:
    """The product with `weight`, which has a row for each output."""
    x = state.activation(node.inputs[0])
    channels, height, width = x.shape
    layout: Layout = "hwc"
    if x.layout == "hwc" and node.op == "MatMul":
        kernel, place = (1, 1), Window((1, 1), (1, 1), (0, 0, 0, 0), (height, width))
    elif x.layout.startswith("flat"):
        kernel, place = (height, width), Window((height, width), (1, 1), (0, 0, 0, 0), (1, 1))
        layout = "flat chw"
    else:
        raise FirelineError(f"its input has shape {x.shape}", hint="flatten it")
    if weight.integers.shape[1] != channels * prod(kernel):
        raise FirelineError(
            f"weights for {weight.integers.shape[1]} inputs do not fit {channels * prod(kernel)}"
        )
    order = (0, 3, 1, 2) if x.layout.endswith("hwc") else (0, 1, 2, 3)
    sides = (*kernel, channels) if x.layout.endswith("hwc") else (channels, *kernel)
    weight = weight.by_rows()
    kernels = weight.integers.reshape(-1, *sides).transpose(order)
    taps = QuantizedConstant(kernels, weight.scale.reshape(-1, 1, 1, 1), weight.type)
    state.values[node.outputs[0]] = convolve(state, node, x, taps, bias, place, layout, 1)


def convolve(
    state: State,
    node: OnnxNode,
    value: Activation,
    weight: QuantizedConstant,
    offset: tuple[Fraction, ...],
    place: Window,
    layout: Layout | None = None,
    groups: int | None = None,
    part: bool = False,
) -> Activation:
    """Append a `Conv2d`: its bias goes into the accumulator where it is a multiple of the accumulator's scale.

    `part` says that the file's tensor holds this one and others.
    """
    x = state.settle(value, node.inputs[0])
    tensor = state.tensor(x)
    weight = weight.by_rows()
    out_channels, depth = weight.integers.shape[:2]
    groups = node.integer("group") if groups is None else groups
    if groups < 1 or depth * groups != x.shape[0] or out_channels % groups:
        raise FirelineError(
            f"weights {weight.integers.shape} in {groups} groups do not fit {x.shape[0]} channels"
        )
    if weight.type.bits > 17:
        raise FirelineError(f"weights of {weight.type.bits} bits are not supported", hint="use up to 16 bits")
    integers, unit = _with_input_scales(weight.integers, x.scale, groups)
    type = weight.type
    if integers is not weight.integers:
        type = IntType.holding(int(integers.min()), int(integers.max()))
    integers = frozen_array(integers)
    scale = tuple(u * s for u, s in zip(unit, weight.scale.ravel(), strict=True))
    steps = [o / s for o, s in zip(offset, scale, strict=True)]
    whole = all(step.denominator == 1 and abs(step) < MAX_BIAS for step in steps)
    sums = integers.reshape(out_channels, -1).sum(axis=1).tolist()
    biases = [
        (int(step) if whole else 0) - tensor.zero_point * total
        for step, total in zip(steps, sums, strict=True)
    ]
    if max(map(abs, biases)) >= 1 << 62:
        raise FirelineError(f"a bias of {max(map(abs, biases))} units is over 62 bits", hint="use fewer bits")
    acc_bias = frozen_array(biases)
    accumulator = IntType.holding(*reachable_range(integers, acc_bias, tensor.type))
    output = Tensor((out_channels, *place.outputs), accumulator, shared(scale))
    made = Conv2d(
        state.name(node.outputs[0], "conv"),
        node.outputs[0] if whole and not part else None,  # the file's tensor has the bias
        (x.index,),
        output,
        integers,
        type,
        acc_bias,
        place.stride,
        place.padding,
        groups,
        accumulator,
        None,
    )
    result = state.append(made, state.read_once(node.outputs[0]), layout or value.layout)
    return result if whole else replace(result, offset=offset)


def negated(state: State, x: Activation) -> Activation:
    """`x` with scales of zero or above: the integers of channels with negative ones change their sign.

    A convolution whose sums nobody else reads has negative weights there; else a depthwise convolution with 1 and -1
    changes the signs.
    """
    signs = np.array([-1 if s < 0 else 1 for s in x.scale], dtype=np.int64)
    made = state.nodes[x.index]
    scale = tuple(map(abs, x.scale))
    if isinstance(made, Conv2d) and made.requantize is None and x.private:
        weight = frozen_array(made.weight * signs[:, None, None, None])
        bias = frozen_array(made.bias * signs)
        held = IntType.holding(int(weight.min()), int(weight.max()))
        source = state.nodes[made.inputs[0]].output.type
        accumulator = IntType.holding(*reachable_range(weight, bias, source))
        state.nodes[x.index] = replace(
            made,
            source=None,
            weight=weight,
            weight_type=held,
            bias=bias,
            accumulator=accumulator,
            output=replace(made.output, type=accumulator),
        )
        return replace(x, scale=scale)
    none = np.zeros(len(signs), dtype=np.int64)
    node = state.depthwise(x, state.name(made.name, "negated"), signs, IntType(2, True), none)
    return replace(x, index=state.append(node, x.private, x.layout).index, scale=scale)


def _with_input_scales(
    weight: np.ndarray, scale: tuple[Fraction, ...], groups: int
) -> tuple[np.ndarray, tuple[Fraction, ...]]:
    """Weights with the input channels' scales multiplied in, and the scale that each output channel's group keeps.

    Channels of one group may have scales of their own where these are small multiples of a common one.
    """
    outputs, depth = weight.shape[:2]
    units, factors = [], []
    for group in range(groups):
        own = scale[group * depth : (group + 1) * depth]
        unit = own[0]
        for one in own[1:]:
            unit = common_scale(unit, one)
        units += [unit] * (outputs // groups)
        factors += [[int(one / unit) for one in own]] * (outputs // groups)
    largest = max(map(max, factors))
    if largest == 1:
        return weight, tuple(units)
    if largest > MAX_MULTIPLE:
        raise FirelineError(
            "its input has one scale per channel, not small multiples of one",
            hint="quantize that activation per tensor",
        )
    return weight * np.array(factors, dtype=np.int64)[:, :, None, None], tuple(units)


def _bias(state: State, name: str, channels: int) -> tuple[Fraction, ...]:
    """The exact real bias of each output channel."""
    if not name:
        return (Fraction(0),) * channels
    value = state.value(name)
    if isinstance(value, QuantizedConstant):
        scale = broadcast(value.scale, value.integers.shape, "the bias scale")
        bias = tuple(int(i) * s for i, s in zip(value.integers.ravel(), scale.ravel(), strict=True))
    else:
        array = state.constant(name, "the bias").array
        bias = tuple(fraction(b, "a bias", name) for b in array.ravel())
    if len(bias) not in (1, channels):
        raise FirelineError(f"{len(bias)} biases for {channels} output channels")
    return bias * (channels // len(bias))
