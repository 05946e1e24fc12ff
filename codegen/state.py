"""The integer graph under construction, and the ways to append to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from fireline.check import add_range
from fireline.codegen.names import node_name
from fireline.codegen.onnx_file import OnnxGraph
from fireline.codegen.requantizer import Line, solve
from fireline.codegen.values import Affine, Constant, Pieces, QuantizedConstant, Value
from fireline.errors import FirelineError
from fireline.fixed import IntType, common_scale, frozen_array
from fireline.graph import Add, Concat, Conv2d, Input, Node, Requantize, Rescale, Tensor, per_channel

ZERO = Fraction(0)


@dataclass(frozen=True)
class Target:
    """What an activation quantizer asks for."""

    scale: tuple[Fraction, ...]
    zero_point: int
    type: IntType
    low: int
    high: int


@dataclass
class State:
    """Nodes so far, what each ONNX tensor stands for, and how many nodes of the file read it."""

    onnx: OnnxGraph
    values: dict[str, Value]
    readers: Counter[str]
    nodes: list[Node] = field(default_factory=list)

    @staticmethod
    def of(onnx: OnnxGraph) -> State:
        """The state before the first node."""
        readers = Counter(name for node in onnx.nodes for name in node.inputs)
        readers[onnx.output] += 1
        return State(onnx, {name: Constant(array) for name, array in onnx.constants.items()}, readers)

    def value(self, tensor: str) -> Value:
        """What `tensor` stands for."""
        if tensor == self.onnx.input:
            raise FirelineError(
                "the network's input is not quantized", hint="put a quantizer in front (QuantIdentity)"
            )
        if tensor not in self.values:
            raise FirelineError(f"input {tensor!r} is made by no node before it")
        return self.values[tensor]

    def activation(self, tensor: str) -> Affine:
        """The one integer tensor behind `tensor`."""
        value = self.value(tensor)
        if isinstance(value, Pieces):
            return self.concat(value, tensor)
        if not isinstance(value, Affine):
            raise FirelineError(f"input {tensor!r} is a constant where an activation belongs")
        return value

    def constant(self, tensor: str, what: str) -> Constant:
        """The plain numbers behind `tensor`."""
        value = self.value(tensor)
        if not isinstance(value, Constant):
            raise FirelineError(f"{what} is not a constant")
        return value

    def quantized(self, tensor: str, what: str) -> QuantizedConstant:
        """The quantized constant behind `tensor`."""
        value = self.value(tensor)
        if isinstance(value, Constant):
            raise FirelineError(f"{what} {tensor!r} is not quantized", hint="put a Quant node on it")
        if not isinstance(value, QuantizedConstant):
            raise FirelineError(f"{what} {tensor!r} is not a constant")
        return value

    def name(self, tensor: str, op: str) -> str:
        """A free node name for the node that makes `tensor`."""
        return node_name(tensor, op, {node.name for node in self.nodes})

    def append(self, node: Node, private: bool) -> Affine:
        """Add a node; its tensor as a value."""
        self.nodes.append(node)
        return self.at(len(self.nodes) - 1, private)

    def at(self, index: int, private: bool) -> Affine:
        """The tensor of node `index` as a value."""
        output = self.nodes[index].output
        scale = per_channel(output.scale, output.shape[0])
        return Affine(index, output.shape, scale, tuple(-s * output.zero_point for s in scale), private)

    def tensor(self, value: Affine) -> Tensor:
        """The tensor of the graph node behind `value`."""
        return self.nodes[value.index].output

    def read_once(self, tensor: str) -> bool:
        """Whether a single node of the file reads `tensor`."""
        return self.readers[tensor] == 1

    def settle(self, value: Affine, tensor: str) -> Affine:
        """`value` as the integers of a node with a zero point: no ReLU and no further offset pending.

        Raises:
            FirelineError: the offset is no whole number of steps, so no integer tensor holds these values.
        """
        held = self.tensor(value)
        if value == self.at(value.index, value.private):
            return value
        if min(value.scale) <= 0:
            raise FirelineError(f"{tensor!r} is scaled by {float(min(value.scale))} and meets no quantizer")
        steps = [offset / scale for offset, scale in zip(value.offset, value.scale, strict=True)]
        if any(step.denominator != 1 for step in steps):
            raise FirelineError(
                f"{tensor!r} meets no quantizer and its bias is no multiple of its scale",
                hint="quantize the bias at the accumulator's scale, or quantize the activation",
            )
        low = held.type.min + min(int(step) for step in steps)
        high = held.type.max + max(int(step) for step in steps)
        low = max(low, 0) if value.relu else low
        target = Target(_shared(value.scale), 0, IntType.holding(low, max(low, high)), low, max(low, high))
        return self.requantize(value, target, tensor)

    def requantize(self, value: Affine, target: Target, tensor: str | None) -> Affine:
        """`value` quantized to `target`: in the node that makes it where nothing else reads that, or as a `Rescale`.

        `tensor` is the tensor of the file that holds the result, None where the file has none (one part of a concat).
        """
        made_by = self.nodes[value.index]
        reach = (made_by.output.type.min, made_by.output.type.max)
        zero = target.zero_point
        low = max(target.low, zero) if value.relu else target.low
        channels = value.shape[0]
        terms = zip(value.scale, value.offset, per_channel(target.scale, channels), strict=True)
        lines = [solve(s / t, o / t + zero, reach, (low, target.high)) for s, o, t in terms]
        lines = lines[:1] if len(set(lines)) == 1 else lines
        rule = _rule(lines, low, target.high)
        output = Tensor(value.shape, target.type, target.scale, zero)
        private = tensor is None or self.read_once(tensor)
        if isinstance(made_by, Conv2d | Add) and made_by.requantize is None and value.private:
            self.nodes[value.index] = replace(made_by, requantize=rule, output=output, source=tensor)
            return self.at(value.index, private)
        name = self.name(tensor or f"{made_by.name}_rescale", "rescale")
        node = Rescale(name, tensor, (value.index,), output, rule)
        return self.append(node, private)

    def concat(self, pieces: Pieces, tensor: str) -> Affine:
        """A `Concat` node over parts that agree in type, scale and zero point."""
        parts = [self.settle(part, tensor) for part in pieces.parts]
        outputs = [self.tensor(part) for part in parts]
        kinds = [(o.type, o.scale if len(set(o.scale)) > 1 else o.scale[:1], o.zero_point) for o in outputs]
        if len(set(kinds)) != 1:
            described = "; ".join(
                f"{self.nodes[part.index].name} {o.type} scale {float(o.scale[0])}"
                for part, o in zip(parts, outputs, strict=True)
            )
            raise FirelineError(
                f"inputs of a concat differ in type or scale: {described}",
                hint="give them one shared quantizer after the concat",
            )
        output = Tensor(pieces.shape, outputs[0].type, outputs[0].scale, outputs[0].zero_point)
        node = Concat(self.name(tensor, "concat"), tensor, tuple(part.index for part in parts), output)
        return self.append(node, self.read_once(tensor))

    def add(self, a: Affine, b: Affine, tensor: str) -> Affine:
        """An `Add` node, its operands aligned to the largest scale that divides both of theirs."""
        if a.shape != b.shape:
            raise FirelineError(f"operands differ in shape: {a.shape} and {b.shape}")
        a, b = (self.settle(x, tensor) if x.relu else x for x in (a, b))
        scales = [_shared(x.scale) for x in (a, b)]
        if any(len(scale) != 1 for scale in scales):
            raise FirelineError(
                "an operand has one scale per channel", hint="quantize it per tensor before adding"
            )
        step = common_scale(scales[0][0], scales[1][0])
        mult = (int(scales[0][0] / step), int(scales[1][0] / step))
        accumulator = IntType.holding(*add_range(mult, self.tensor(a).type, self.tensor(b).type))
        output = Tensor(a.shape, accumulator, (step,))
        node = Add(self.name(tensor, "add"), None, (a.index, b.index), output, mult, accumulator, None)
        offset = tuple(x + y for x, y in zip(a.offset, b.offset, strict=True))
        return replace(self.append(node, self.read_once(tensor)), offset=offset)

    def quantize_input(self, target: Target, tensor: str) -> Affine:
        """The network's input node."""
        output = Tensor(self.onnx.shape, target.type, target.scale, target.zero_point)
        if (target.low, target.high) != (target.type.min, target.type.max):
            raise FirelineError(
                "the input quantizer has a narrow range", hint="use the full range on the input"
            )
        return self.append(Input("input", tensor, output), self.read_once(tensor))


def _shared(scale: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    return scale[:1] if len(set(scale)) == 1 else scale


def _rule(lines: list[Line], low: int, high: int) -> Requantize:
    columns = np.array([(line.mult, line.add, line.shift) for line in lines], dtype=object).T
    if max(abs(int(v)) for v in columns.ravel()) >= 1 << 62:
        raise FirelineError("a requantizer needs more than 62 bits", hint="the scale ratio is too extreme")
    mult, add, shift = (frozen_array(column.astype(np.int64)) for column in columns)
    return Requantize(mult, add, shift, low, high)
