"""The integer graph under construction, and the ways to append to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import reduce
from math import inf

import numpy as np
import numpy.typing as npt

from fireline.check import MAX_WEIGHT_BITS
from fireline.codegen.lower.names import node_name
from fireline.codegen.lower.onnx_file import OnnxGraph
from fireline.codegen.lower.values import (
    MAX_MULTIPLE,
    Activation,
    Codes,
    Constant,
    Layout,
    Padded,
    Pieces,
    QuantizedConstant,
    Raw,
    Value,
    View,
)
from fireline.codegen.requantize.rounding import Rounding
from fireline.codegen.requantize.solve import Proof, Solution, shared_clamp, solve, stairs_of
from fireline.codegen.requantize.staircase import Channel, Quantizer
from fireline.codegen.requantize.sums import solve_sum
from fireline.errors import FirelineError
from fireline.fixed import IntType, common_scale, frozen_array
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    Input,
    Lookup,
    Node,
    Padding,
    Requantize,
    Rescale,
    Shape,
    Tensor,
    per_channel,
    reachable_range,
)
from fireline.nodes import add_range, joined_scale

Numbers = tuple[Fraction, ...]  # one for each channel

# An input of up to this many bits has a table rather than thresholds.
TABLE_BITS = 8


@dataclass(frozen=True)
class Target:
    """What an activation quantizer asks for: x / unit + shift, rounded and clamped, is the integer of an output tensor.

    `unit` and the output's `scale` are one for a `Quant`; a `Trunc` reads one grid and writes a coarser one.
    """

    scale: tuple[Fraction, ...]
    zero_point: int
    type: IntType
    quantizer: Quantizer
    unit: tuple[Fraction, ...]
    shift: int

    @property
    def keeps_zero(self) -> bool:
        """Whether real zero becomes the zero point, which stands for it."""
        return self.quantizer.apply(Fraction(self.shift)) == self.zero_point


@dataclass
class State:
    """Nodes so far, what each ONNX tensor stands for, and how many nodes of the file read it."""

    onnx: OnnxGraph
    values: dict[str, Value]
    readers: Counter[str]
    input_shape: Shape
    nodes: list[Node] = field(default_factory=list)
    proofs: dict[str, Proof] = field(default_factory=dict)  # by node name
    dequantized: dict[str, Value] = field(default_factory=dict)  # by the tensor of the codes

    @staticmethod
    def of(onnx: OnnxGraph, layout: Layout) -> State:
        """The state before the first node."""
        readers = Counter(name for node in onnx.nodes for name in node.inputs)
        readers[onnx.output] += 1
        values: dict[str, Value] = {name: Constant(array) for name, array in onnx.constants.items()}
        return State(onnx, {**values, onnx.input: Raw(layout)}, readers, onnx.shape_in(layout))

    def value(self, tensor: str) -> Value:
        """What `tensor` stands for."""
        if tensor not in self.values:
            raise FirelineError(f"input {tensor!r} is made by no node before it")
        return self.values[tensor]

    def activation(self, tensor: str) -> Activation:
        """The one integer tensor behind `tensor`."""
        value = self.value(tensor)
        if isinstance(value, Pieces):
            value = self.values[tensor] = self.concat(value, tensor)
        if isinstance(value, Padded):
            value = self.values[tensor] = self.pad(value, tensor)
        if isinstance(value, Codes):
            raise FirelineError(f"input {tensor!r} is quantized and not dequantized")
        if isinstance(value, View):
            raise FirelineError(f"input {tensor!r} has axes {list(value.places.shape)}", hint="reshape it")
        if isinstance(value, Raw):
            raise FirelineError(
                "the network's input is not quantized where it is read",
                hint="put a quantizer in front (QuantIdentity)",
            )
        if not isinstance(value, Activation):
            raise FirelineError(f"input {tensor!r} is a constant where an activation belongs")
        return value

    def constant(self, tensor: str, what: str) -> Constant:
        """The plain numbers behind `tensor`; where they are quantized, what float32 holds of them."""
        value = self.value(tensor)
        if isinstance(value, QuantizedConstant):
            return Constant(np.asarray(value.integers * value.scale).astype(np.float32))
        if not isinstance(value, Constant):
            raise FirelineError(
                f"{what} is not a constant: it depends on the image",
                hint="only numbers of the file can be there: gates and dynamic scales have no integer form here",
            )
        return value

    def quantized(self, tensor: str, what: str) -> QuantizedConstant:
        """The quantized constant behind `tensor`."""
        value = self.value(tensor)
        if isinstance(value, Constant):
            raise FirelineError(f"{what} {tensor!r} is not quantized", hint="put a Quant node on it")
        if not isinstance(value, QuantizedConstant):
            raise FirelineError(
                f"{what} {tensor!r} is not a constant: it depends on the image",
                hint="multiply activations by constant weights, in a MatMul from the right",
            )
        return value

    def name(self, tensor: str, op: str) -> str:
        """A free node name for the node that makes `tensor`."""
        return node_name(tensor, op, {node.name for node in self.nodes})

    def append(self, node: Node, private: bool, layout: Layout = "chw") -> Activation:
        """Add a node; its tensor as a value. The file's tensor is forgotten where it lies in another order."""
        if node.source and not same_order(node.output.shape, layout):
            node = replace(node, source="") if isinstance(node, Input) else replace(node, source=None)
        self.nodes.append(node)
        return self.at(len(self.nodes) - 1, private, layout)

    def at(self, index: int, private: bool, layout: Layout = "chw") -> Activation:
        """The tensor of node `index` as a value."""
        output = self.nodes[index].output
        count = output.shape[0]
        scale = per_channel(output.scale, count)
        offset = tuple(-s * output.zero_point for s in scale)
        return Activation(
            index, output.shape, scale, offset, (-inf,) * count, (inf,) * count, private, layout=layout
        )

    def tensor(self, value: Activation) -> Tensor:
        """The tensor of the graph node behind `value`."""
        return self.nodes[value.index].output

    def read_once(self, tensor: str) -> bool:
        """Whether a single node of the file reads `tensor`."""
        return self.readers[tensor] == 1

    def reach(self, index: int) -> tuple[int, int]:
        """Lowest and highest integer of node `index` that can occur."""
        node = self.nodes[index]
        if isinstance(node, Conv2d) and node.requantize is None:
            return reachable_range(node.weight, node.bias, self.nodes[node.inputs[0]].output.type)
        if isinstance(node, Add) and node.requantize is None:
            return add_range(node.mult, *(self.nodes[i].output.type for i in node.inputs))
        return node.output.type.min, node.output.type.max

    def settle(self, value: Activation, tensor: str) -> Activation:
        """`value` as the integers of a node with a zero point: no clip and no further offset pending.

        Raises:
            FirelineError: the offset is no whole number of steps, so no integer tensor holds these values.
        """
        held = self.tensor(value)
        if value == self.at(value.index, value.private, value.layout):
            return value
        if value.curves:
            raise FirelineError(
                f"{tensor!r} is an activation function that meets no quantizer", hint="quantize it"
            )
        if 0 in value.scale:
            raise FirelineError(
                f"a channel of {tensor!r} is scaled by 0 and meets no quantizer", hint="quantize it"
            )
        unit, factor = self._grid(value, tensor)
        ends = zip(value.offset, value.low, value.high, unit, strict=True)
        steps = [[end if isinstance(end, float) else end / one for end in three] for *three, one in ends]
        reached = [
            min(max(by * end + offset, low), high)
            for (offset, low, high), by in zip(steps, factor, strict=True)
            for end in (held.type.min, held.type.max)
        ]
        low, high = int(min(reached)), int(max(reached))
        scale = shared(unit)
        target = Target(scale, 0, IntType.holding(low, high), Quantizer(low, high), scale, 0)
        # `tensor` may be what is made of several of these.
        return self.requantize(value, target, None)

    def line(self, value: Activation, tensor: str) -> tuple[Activation, Numbers, Numbers]:
        """`value` as `x * factor[c] + shift[c]` of the integers x of a node; more than that is settled."""
        value = value if value.plain else self.settle(value, tensor)
        x = self.at(value.index, value.private, value.layout)
        factor = tuple(s / one for s, one in zip(value.scale, x.scale, strict=True))
        shift = tuple(o - f * own for o, f, own in zip(value.offset, factor, x.offset, strict=True))
        return x, factor, shift

    def _grid(self, value: Activation, tensor: str) -> tuple[tuple[Fraction, ...], tuple[int, ...]]:
        """A unit for each channel, of which its scale, offset and ends are multiples, and the scale in units.

        Raises:
            FirelineError: the scale would be a large multiple.
        """
        rows = zip(value.scale, value.offset, value.low, value.high, strict=True)
        numbers = [[abs(one) for one in row if isinstance(one, Fraction)] for row in rows]
        units = [reduce(common_scale, row) for row in numbers]
        if len({row[0] for row in numbers}) == 1:  # as the tensor has one scale, so has its grid
            units = [reduce(common_scale, units)] * len(units)
        factor = [scale / unit for scale, unit in zip(value.scale, units, strict=True)]
        if max(map(abs, factor)) > MAX_MULTIPLE:
            raise FirelineError(
                f"{tensor!r} meets no quantizer and its bias is no multiple of its scale",
                hint="quantize the activation, or, with powers of two as scales, the bias at the accumulator's",
            )
        return tuple(units), tuple(map(int, factor))

    def outputs(
        self, value: Activation, unit: tuple[Fraction, ...], shift: int, rounding: Rounding
    ) -> tuple[int, int]:
        """Lowest and highest integer that `value` reaches on the grid of `unit`, unclamped."""
        if value.curves:
            raise FirelineError("an activation function meets a Trunc", hint="quantize it")
        rows = zip(
            value.scale, value.offset, value.low, value.high, per_channel(unit, value.shape[0]), strict=True
        )
        ends = [
            rounding.apply(Fraction(min(max(s * n + o, low), high)) / u + shift)
            for s, o, low, high, u in rows
            for n in self.reach(value.index)
        ]
        return min(ends), max(ends)

    def channels(self, value: Activation, target: Target) -> list[Channel]:
        """What each channel computes of its integer up to the rounding of `target`."""
        units = per_channel(target.unit, value.shape[0])
        rows = zip(value.scale, value.offset, value.low, value.high, units, strict=True)
        return [
            Channel(*row, target.shift, value.curves, c if value.curves else 0) for c, row in enumerate(rows)
        ]

    def requantize(self, value: Activation, target: Target, tensor: str | None) -> Activation:
        """`value` quantized to `target`: in its own node where nothing else reads that, or as a new node.

        `tensor` is the tensor of the file that holds the result, None where the file has none (one part of a concat).
        """
        made_by = self.nodes[value.index]
        channels, reach = self.channels(value, target), self.reach(value.index)
        output = Tensor(value.shape, target.type, target.scale, target.zero_point)
        private = tensor is None or self.read_once(tensor)
        source = tensor if same_order(value.shape, value.layout) else None
        if output == made_by.output and _unchanged(channels, target.quantizer, reach):
            return self.at(value.index, False, value.layout)
        if isinstance(made_by, Conv2d | Add) and made_by.requantize is None and value.private:
            if isinstance(made_by, Add):
                made_by, solution = self._sum(made_by, channels, target.quantizer)
            else:
                solution = solve(channels, target.quantizer, reach, made_by.output.type)
            self.nodes[value.index] = replace(made_by, requantize=solution.rule, output=output, source=source)
            self.proofs[made_by.name] = solution.proof
            return self.at(value.index, private, value.layout)
        type = made_by.output.type
        solution = solve(channels, target.quantizer, reach, type)
        node: Rescale | Lookup
        if isinstance(solution.rule, Requantize) or type.bits > TABLE_BITS:
            name = self.name(tensor or f"{made_by.name}_rescale", "rescale")
            node = Rescale(name, source, (value.index,), output, solution.rule)
        else:
            name = self.name(tensor or f"{made_by.name}_lookup", "lookup")
            inputs = np.arange(type.min, type.max + 1)
            rows = [stairs.at(inputs) for stairs in stairs_of(channels, target.quantizer, reach)]
            rows = rows[:1] if len(set(channels)) == 1 else rows
            node = Lookup(name, source, (value.index,), output, frozen_array(np.stack(rows)))
            solution = replace(
                solution, proof=Proof("table", len(rows), node.table.size, target.type.bits, None)
            )
        self.proofs[node.name] = solution.proof
        return self.append(node, private, value.layout)

    def _sum(self, node: Add, channels: Sequence[Channel], quantizer: Quantizer) -> tuple[Add, Solution]:
        """The rule behind a sum; its operands' multipliers are made small where that is exact."""
        a, b = (self.nodes[i].output.type for i in node.inputs)
        found = solve_sum(channels, node.mult, (a, b), quantizer, shared_clamp(channels, quantizer))
        if found is None:
            return node, solve(channels, quantizer, add_range(node.mult, a, b), node.accumulator)
        accumulator = IntType.holding(*add_range(found.mult, a, b))
        return replace(node, mult=found.mult, accumulator=accumulator), found.solution

    def alike(self, pieces: Pieces) -> bool:
        """Whether the parts are integers of one scale and zero point, with nothing pending."""
        outputs = [self.tensor(part) for part in pieces.parts]
        settled = all(part == self.at(part.index, part.private, part.layout) for part in pieces.parts)
        return settled and len({(shared(o.scale), o.zero_point) for o in outputs}) == 1

    def concat(self, pieces: Pieces, tensor: str, one_quantizer: bool = False) -> Activation:
        """A `Concat` node over parts of one zero point; a type that holds all of them where they differ.

        Parts of unlike scales, unless `one_quantizer` gave every channel its own, are small multiples of one, which
        whoever reads them can compute with; else they are quantizers that the network's author meant to be one.
        """
        parts = [self.settle(part, tensor) for part in pieces.parts]
        outputs = [self.tensor(part) for part in parts]
        scales = {scale for o in outputs for scale in o.scale}
        if not one_quantizer and max(scales) / reduce(common_scale, scales) > MAX_MULTIPLE:
            described = "; ".join(
                f"{self.nodes[part.index].name} {o.type} scale {float(o.scale[0])}"
                for part, o in zip(parts, outputs, strict=True)
            )
            raise FirelineError(
                f"inputs of a concat differ in scale: {described}",
                hint="give them one shared quantizer after the concat",
            )
        if len({o.zero_point for o in outputs}) != 1:
            parts = [self._centred(part) for part in parts]
            outputs = [self.tensor(part) for part in parts]
        type = IntType.holding(min(o.type.min for o in outputs), max(o.type.max for o in outputs))
        parts = [self._widened(part, type) for part in parts]
        output = Tensor(pieces.shape, type, joined_scale(outputs), outputs[0].zero_point)
        node = Concat(self.name(tensor, "concat"), tensor, tuple(part.index for part in parts), output)
        return self.append(node, self.read_once(tensor), parts[0].layout)

    def pad(self, padded: Padded, tensor: str) -> Activation:
        """A depthwise convolution with weights of 1 that makes the frame, for a reader that cannot."""
        if padded.fill:
            raise FirelineError(
                f"{tensor!r} has a frame of {padded.fill:g} and is read by no max pool", hint="pad with 0"
            )
        x = self.settle(padded.value, tensor)
        ones = np.ones(x.shape[0], dtype=np.int64)
        bias = -self.tensor(x).zero_point * ones
        name, one = self.name(tensor, "pad"), IntType(1, signed=False)
        made = self.depthwise(x, name, ones, one, bias, padded.frame)
        return self.append(replace(made, source=tensor), self.read_once(tensor), x.layout)

    def depthwise(
        self,
        x: Activation,
        name: str,
        weight: npt.NDArray[np.int64],
        type: IntType,
        bias: npt.NDArray[np.int64],
        frame: Padding = (0, 0, 0, 0),
    ) -> Conv2d:
        """Each channel of the integers of `x`, in a frame of zero points, times a number of `type`, plus a bias."""
        held, shape = self.tensor(x), Padded(x, frame, 0.0).shape
        rows, bias = frozen_array(weight[:, None, None, None]), frozen_array(bias)
        sums = IntType.holding(*reachable_range(rows, bias, held.type))
        output, groups = Tensor(shape, sums, held.scale), len(weight)
        return Conv2d(name, None, (x.index,), output, rows, type, bias, (1, 1), frame, groups, sums, None)

    def _centred(self, value: Activation) -> Activation:
        """The same values with zero point 0."""
        held = self.tensor(value)
        ends = (held.type.min - held.zero_point, held.type.max - held.zero_point)
        target = Target(held.scale, 0, IntType.holding(*ends), Quantizer(*ends), held.scale, 0)
        return self.requantize(value, target, None)

    def _widened(self, value: Activation, type: IntType) -> Activation:
        """The same integers in a wider type."""
        held = self.tensor(value)
        if held.type == type:
            return value
        quantizer = Quantizer(type.min, type.max)
        return self.requantize(
            value, Target(held.scale, held.zero_point, type, quantizer, held.scale, held.zero_point), None
        )

    def add(self, a: Activation, b: Activation, tensor: str) -> Activation:
        """An `Add` node, its operands aligned to the largest scale that divides both of theirs."""
        if a.shape != b.shape or a.layout != b.layout:
            raise FirelineError(f"operands differ in shape: {a.shape} and {b.shape}")
        a, b = (x if x.plain and min(x.scale) > 0 else self.settle(x, tensor) for x in (a, b))
        step = tuple(map(common_scale, a.scale, b.scale))
        (a, by_a), (b, by_b) = (self._in_steps(x, step) for x in (a, b))
        accumulator = IntType.holding(*add_range((by_a, by_b), self.tensor(a).type, self.tensor(b).type))
        output = Tensor(a.shape, accumulator, shared(step))
        node = Add(
            self.name(tensor, "add"), None, (a.index, b.index), output, (by_a, by_b), accumulator, None
        )
        offset = tuple(x + y for x, y in zip(a.offset, b.offset, strict=True))
        return replace(self.append(node, self.read_once(tensor), a.layout), offset=offset)

    def _in_steps(self, x: Activation, step: tuple[Fraction, ...]) -> tuple[Activation, int]:
        """`x` and the factor that makes it steps of `step`, which a node multiplies by where channels differ in it."""
        factors = [int(scale / one) for scale, one in zip(x.scale, step, strict=True)]
        if len(set(factors)) == 1:
            return x, factors[0]
        type = IntType.holding(0, max(factors))
        if type.bits > MAX_WEIGHT_BITS:
            raise FirelineError(
                f"its operand {self.nodes[x.index].name} has one scale per channel, whole steps of which the sum has "
                f"only with factors of {type.bits} bits",
                hint="quantize it per tensor before adding, or use powers of two as scales",
            )
        weight = np.array(factors, dtype=np.int64)
        name = self.name(f"{self.nodes[x.index].name}_aligned", "align")
        made = self.depthwise(x, name, weight, type, 0 * weight)
        made = replace(made, output=replace(made.output, scale=shared(step)))
        return replace(self.append(made, True, x.layout), offset=x.offset), 1

    def quantize_input(
        self, target: Target, tensor: str, layout: Layout, zero_point_first: bool = False
    ) -> Activation:
        """The network's input node."""
        type, quantizer = target.type, target.quantizer
        if quantizer != Quantizer(type.min, type.max):
            raise FirelineError(
                "the input quantizer has a narrow range or another rounding than ROUND",
                hint="use the full range and ROUND on the input",
            )
        output = Tensor(self.input_shape, type, target.scale, target.zero_point)
        made = Input("input", tensor, output, zero_point_first=zero_point_first)
        if self.nodes:  # a second quantizer reads it
            if replace(made, source=self.nodes[0].source or "") != self.nodes[0]:
                raise FirelineError(
                    "the network's input is quantized in two ways", hint="use one quantizer for all branches"
                )
            return self.at(0, False, layout)
        return self.append(made, self.read_once(tensor), layout)


def _unchanged(channels: Sequence[Channel], quantizer: Quantizer, reach: tuple[int, int]) -> bool:
    """Whether every integer that occurs becomes itself, as behind the second of two equal quantizers."""
    least, most = reach
    return quantizer.low <= least <= most <= quantizer.high and all(
        not c.curves
        and c.scale == c.unit
        and c.offset == -c.zero * c.unit
        and c.low <= c.scale * least + c.offset
        and c.scale * most + c.offset <= c.high
        for c in channels
    )


def shared(scale: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """One scale where all channels have the same."""
    return scale[:1] if len(set(scale)) == 1 else scale


def same_order(shape: tuple[int, int, int], layout: Layout) -> bool:
    """Whether the file's tensor holds its values in the order (C, H, W)."""
    channels, height, width = shape
    return layout in ("chw", "c(hw)", "flat chw") or channels == 1 or height * width == 1
