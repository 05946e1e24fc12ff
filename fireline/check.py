"""What makes an integer graph well-formed; every `Graph` is checked when it is made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import assert_never

import numpy as np

from fireline.errors import FirelineError
from fireline.fixed import IntType
from fireline.nodes import (
    MAX_VALUES,
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Rescale,
    Rule,
    Shape,
    Thresholds,
    add_range,
    joined_scale,
    reachable_range,
    window_count,
)

# Node names become file names and C++ identifiers.
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

# What can be computed exactly in float64; and what the products of a convolution leave room for.
MAX_TENSOR_BITS, MAX_WEIGHT_BITS, MAX_INPUT_BITS = 54, 32, 32
MAX_SIDE = 1 << 15  # of kernels, strides and paddings

# A table of this many input bits is one 36-Kbit memory of 9-bit outputs.
MAX_LOOKUP_BITS = 12


def check_nodes(name: str, nodes: Sequence[Node]) -> None:
    """Raise `FirelineError` with the node's name unless the graph is well-formed."""
    if not NAME.fullmatch(name):
        raise FirelineError(f"graph name {name!r} is not a lower-case identifier")
    if not nodes or not isinstance(nodes[0], Input):
        raise FirelineError("the first node of a graph is its input")
    names: set[str] = set()
    for index, node in enumerate(nodes):
        if not NAME.fullmatch(node.name):
            raise FirelineError(f"node name {node.name!r} is not a lower-case identifier")
        if node.name in names:
            raise FirelineError("two nodes have this name", node=node.name)
        names.add(node.name)
        if index and (isinstance(node, Input) or not node.inputs):
            raise FirelineError("only the first node is an input", node=node.name)
        if any(not 0 <= i < index for i in node.inputs):
            raise FirelineError(f"inputs {node.inputs} do not come before node {index}", node=node.name)
        try:
            _check_node(node, [nodes[i] for i in node.inputs])
        except FirelineError as error:
            raise error.at(node.name) from None
        if any(node.output.offset) and index < len(nodes) - 1:
            raise FirelineError("only the output has an offset", node=node.name)
    read = {i for node in nodes for i in node.inputs}
    unread = [node.name for i, node in enumerate(nodes[:-1]) if i not in read]
    if unread:
        raise FirelineError(f"nothing reads the output of {', '.join(unread)}")


def _check_node(node: Node, sources: list[Node]) -> None:
    x = [source.output for source in sources]
    if node.output.type.bits > MAX_TENSOR_BITS:
        raise FirelineError(f"a tensor of {node.output.type} cannot be", hint=f"up to {MAX_TENSOR_BITS} bits")
    match node:
        case Input():
            if node.output.type.bits > MAX_INPUT_BITS:
                raise FirelineError(f"an input of {node.output.type}", hint=f"up to {MAX_INPUT_BITS} bits")
        case Conv2d():
            _check_conv2d(node, sources[0])
        case MaxPool2d():
            _check_windows(node.kernel, node.stride, node.padding)
            if any(p >= k for p, k in zip(node.padding, node.kernel * 2, strict=True)):
                raise FirelineError(f"padding {node.padding} is as large as the window {node.kernel}")
            _expect_shape(node, _windowed(x[0].shape[0], x[0].shape, node.kernel, node.stride, node.padding))
            _expect_same_values(node, x[0].type, sources[0])
        case GlobalAvgPool2d():
            channels, height, width = x[0].shape
            _expect_shape(node, (channels, 1, 1))
            for end in (x[0].type.min, x[0].type.max):
                _expect_holds(node.output.type, end * height * width, end * height * width)
        case Concat():
            if len(
                {(t.shape[1:], t.type, t.zero_point) for t in x}
            ) != 1 or node.output.scale != joined_scale(x):
                raise FirelineError(
                    f"inputs differ in size, type or scale: {'; '.join(map(_describe, sources))}"
                )
            _expect_shape(node, (sum(t.shape[0] for t in x), *x[0].shape[1:]))
            _expect_holds(node.output.type, x[0].type.min, x[0].type.max)
        case Add():
            if x[0].shape != x[1].shape:
                raise FirelineError(f"inputs differ in shape: {x[0].shape} and {x[1].shape}")
            _expect_shape(node, x[0].shape)
            low, high = add_range(node.mult, x[0].type, x[1].type)
            _expect_holds(node.accumulator, low, high)
            _check_requantize(node.requantize, node, node.accumulator)
        case Rescale():
            _expect_shape(node, x[0].shape)
            _check_requantize(node.requantize, node, x[0].type)
        case Lookup():
            _expect_shape(node, x[0].shape)
            if x[0].type.bits > MAX_LOOKUP_BITS or node.table.ndim != 2:
                raise FirelineError(
                    f"a table of {x[0].type} cannot be", hint=f"at most {MAX_LOOKUP_BITS} bits"
                )
            if len(node.table) not in (1, node.output.shape[0]) or node.table.shape[1] != 1 << x[0].type.bits:
                raise FirelineError(
                    f"a table {node.table.shape} for {node.output.shape[0]} channels of {x[0].type}"
                )
            _expect_holds(node.output.type, int(node.table.min()), int(node.table.max()))
        case _:
            assert_never(node)


def _check_conv2d(node: Conv2d, source: Node) -> None:
    x = source.output
    if node.weight.ndim != 4 or min(node.weight.shape) < 1:
        raise FirelineError(f"weights are (O, I, KH, KW), {node.weight.shape} arrived")
    out_channels, in_channels, *kernel = (int(side) for side in node.weight.shape)
    if node.groups < 1 or out_channels % node.groups or in_channels * node.groups != x.shape[0]:
        raise FirelineError(
            f"weights {node.weight.shape} in {node.groups} groups do not fit {x.shape[0]} channels"
        )
    if node.bias.shape != (out_channels,):
        raise FirelineError(f"{node.bias.shape} biases for {out_channels} output channels")
    _check_windows((kernel[0], kernel[1]), node.stride, node.padding)
    _expect_shape(node, _windowed(out_channels, x.shape, (kernel[0], kernel[1]), node.stride, node.padding))
    if node.weight_type.bits > MAX_WEIGHT_BITS:
        raise FirelineError(f"weights of {node.weight_type}", hint=f"up to {MAX_WEIGHT_BITS} bits")
    _expect_holds(node.weight_type, int(node.weight.min()), int(node.weight.max()))
    _expect_holds(node.accumulator, *reachable_range(node.weight, node.bias, x.type))
    _check_requantize(node.requantize, node, node.accumulator)


def _check_windows(
    kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int, int, int]
) -> None:
    largest = max(*kernel, *stride, *padding)
    if min(kernel) < 1 or min(stride) < 1 or min(padding) < 0 or largest > MAX_SIDE:
        raise FirelineError(f"kernel {kernel}, stride {stride}, padding {padding} cannot be")


def _windowed(
    channels: int,
    shape: Shape,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int, int, int],
) -> Shape:
    top, left, bottom, right = padding
    if shape[0] * (shape[1] + top + bottom) * (shape[2] + left + right) > MAX_VALUES:
        raise FirelineError(f"{shape} padded by {padding} has more than {MAX_VALUES} values")
    height = window_count(shape[1], kernel[0], stride[0], top, bottom)
    width = window_count(shape[2], kernel[1], stride[1], left, right)
    return (channels, height, width)


def _check_requantize(rule: Rule | None, node: Node, accumulator: IntType) -> None:
    if rule is None:
        _expect_holds(node.output.type, accumulator.min, accumulator.max)
        return
    rows = len(rule.steps if isinstance(rule, Thresholds) else rule.mult)
    if rows not in (1, node.output.shape[0]):
        raise FirelineError(f"{rows} requantizers for {node.output.shape[0]} channels")
    _expect_holds(node.output.type, rule.low, rule.high)
    if isinstance(rule, Thresholds):
        return
    largest = max(-accumulator.min, accumulator.max)
    peak = max(abs(int(m)) * largest + abs(int(a)) for m, a in zip(rule.mult, rule.add, strict=True))
    if peak >= 1 << 62:
        raise FirelineError(f"acc * mult + add reaches {peak}, which is over 62 bits", hint="use fewer bits")


def _expect_shape(node: Node, shape: Shape) -> None:
    if node.output.shape != shape:
        raise FirelineError(f"output is {node.output.shape} where its inputs give {shape}")


def _expect_holds(type: IntType, low: int, high: int) -> None:
    if low not in type or high not in type:
        raise FirelineError(f"{type} does not hold the range {low} to {high}")


def _expect_same_values(node: Node, type: IntType, source: Node) -> None:
    if (node.output.type, node.output.scale, node.output.zero_point) != (
        type,
        source.output.scale,
        source.output.zero_point,
    ) and len(source.output.scale) == 1:
        raise FirelineError(
            f"output must have the type, scale and zero point of its input {_describe(source)}"
        )


def _describe(node: Node) -> str:
    scales = np.unique([float(s) for s in node.output.scale])
    return f"{node.name} {node.output.shape} {node.output.type} scale {', '.join(map(str, scales))}"
