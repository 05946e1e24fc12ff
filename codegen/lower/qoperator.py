"""Operations on integers, as onnxruntime writes them, become operations on real numbers between quantizers.

onnxruntime's QOperator format computes with integers: an operation has scales and zero points among its inputs
(QLinearConv and QLinearMatMul of ONNX, the others of onnxruntime, docs/ContribOperators.md). The same in ONNX's own
operations, between DequantizeLinear and QuantizeLinear, is what lowering reads and what the QONNX executor runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from fireline.codegen.lower.arrays import array_of
from fireline.errors import FirelineError

MICROSOFT = "com.microsoft"
# Operations that choose or move values: what they do to integers of one scale they do to the reals.
MOVING = (
    *("Flatten", "Gather", "Identity", "MaxPool", "Pad", "Reshape", "Slice", "Squeeze", "Transpose"),
    "Unsqueeze",
)
# Operations whose kernels in onnxruntime add the zero point before they round (QLinearAdd's documented formula does,
# too); all others round first, as QuantizeLinear does. It tells at ties where the zero point is odd.
ZERO_POINT_FIRST = ("QLinearAdd", "QLinearAveragePool", "QLinearMul")
QONNX = "qonnx.custom_op.general"
_FIRST, _LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def as_qdq(
    model: onnx.ModelProto, product: type[np.float32] | type[np.float64] = np.float64
) -> onnx.ModelProto:
    """`model` with its operations on integers rewritten; `model` itself where it has none.

    A bias has the product of two scales as its own, which float64 holds and float32, all that ONNX allows, rounds:
    `product` says what it is written as.

    Raises:
        FirelineError: an operation lacks inputs, or has a scale that is no constant.
    """
    writer = _Writer(_constants(model.graph), product)
    for node in model.graph.node:
        writer.write(node)
    if all(new is old for new, old in zip(writer.nodes, model.graph.node, strict=False)):
        return model
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    made.graph.node.extend(writer.nodes)
    made.graph.initializer.extend(writer.added)
    if QONNX not in {opset.domain for opset in made.opset_import}:
        made.opset_import.append(onnx.helper.make_opsetid(QONNX, 1))
    return made


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    held = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "value":
                held[node.output[0]] = attribute.t
    return held


@dataclass
class _Writer:
    """The rewritten nodes so far."""

    constants: dict[str, onnx.TensorProto]
    product: type[np.float32] | type[np.float64]
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    added: list[onnx.TensorProto] = field(default_factory=list)
    # Scale and zero point of tensors of integers, and the tensor that each is dequantized to.
    quantized: dict[str, tuple[str, str]] = field(default_factory=dict)
    reals: dict[str, str] = field(default_factory=dict)

    def write(self, node: onnx.NodeProto) -> None:
        """What stands for `node`, which may be itself."""
        op = node.op_type
        if op in OPERATIONS and (node.domain == MICROSOFT or op in ("QLinearConv", "QLinearMatMul")):
            OPERATIONS[op](self, node)
            return
        if node.domain == MICROSOFT and op in ("QuantizeLinear", "DequantizeLinear"):
            plain = onnx.NodeProto()
            plain.CopyFrom(node)
            plain.domain = ""
            node = plain
        if op in MOVING and node.input and node.input[0] in self.quantized and not any(node.output[1:]):
            self.move(node, op)
            return
        if op == "Split" and node.input[0] in self.quantized:
            self.split(node)
            return
        if op == "Concat" and (alike := self._alike(node.input)):
            joined = self.made(node, op, [self.real(name, *alike) for name in node.input])
            self.quantize(node, joined, *alike)
            return
        if op == "QuantizeLinear" and self._single(_input(node, 1)):
            self.quantized[node.output[0]] = (node.input[1], _optional(node, 2))
        self.nodes.append(node)

    def move(self, node: onnx.NodeProto, op: str) -> None:
        """`op`, which chooses or moves values, on what the integers stand for."""
        scale, zero = self.quantized[node.input[0]]
        others = list(node.input[1:])
        if op == "Pad":  # zero points around integers are zeros around reals
            fill, point = self._integer(_optional(node, 2)), self._integer(zero)
            if fill is None or fill != point:
                told = "numbers that are no constant" if fill is None else fill
                raise FirelineError(
                    f"integers with zero point {point} get a frame of {told}",
                    node=_label(node),
                    hint="pad with the zero point",
                )
            others[1:2] = [""]
        made = self.made(node, op, [self.real(node.input[0], scale, zero), *others])
        self.quantize(node, made, scale, zero)

    def split(self, node: onnx.NodeProto) -> None:
        """Parts of what the integers stand for."""
        scale, zero = self.quantized[node.input[0]]
        parts = [f"{name}/real" if name else "" for name in node.output]
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        inputs = [self.real(node.input[0], scale, zero), *node.input[1:]]
        self.nodes.append(onnx.helper.make_node("Split", inputs, parts, node.name, **attributes))
        for name, part in zip(node.output, parts, strict=True):
            if name:
                self.nodes.append(
                    onnx.helper.make_node("QuantizeLinear", _named(part, scale, zero), [name], node.name)
                )
                self.quantized[name] = (scale, zero)

    def _alike(self, tensors: Sequence[str]) -> tuple[str, str] | None:
        """The scale and zero point that tensors of integers of one type share, if they do."""
        held = [self.quantized.get(name, ("", "")) for name in tensors]
        points = [array_of(self.constants[zero]) if zero else np.zeros((), np.uint8) for _, zero in held]
        if not all(self._single(scale) for scale, _ in held) or any(point.size != 1 for point in points):
            return None
        scales = {array_of(self.constants[scale]).item() for scale, _ in held}
        alike = len(scales) == len({(point.item(), point.dtype) for point in points}) == 1
        return held[0] if alike else None

    def _integer(self, name: str) -> int | None:
        """A number of the file, 0 where it is left out; None where it is no constant."""
        if not name:
            return 0
        return int(array_of(self.constants[name]).ravel()[0]) if self._single(name) else None

    def _single(self, name: str) -> bool:
        return name in self.constants and int(np.prod(self.constants[name].dims)) == 1

    def real(self, tensor: str, scale: str, zero: str, axis: int = 1) -> str:
        """The tensor that `tensor`, integers, is dequantized to."""
        if tensor not in self.reals:
            self.reals[tensor] = f"{tensor}/dequantized"
            self.nodes.append(
                onnx.helper.make_node(
                    "DequantizeLinear", _named(tensor, scale, zero), [self.reals[tensor]], axis=axis
                )
            )
        return self.reals[tensor]

    def operand(self, node: onnx.NodeProto, first: int, axis: int = 1) -> str:
        """The real numbers of three inputs: integers, scale, zero point."""
        return self.real(_input(node, first), _input(node, first + 1), _optional(node, first + 2), axis)

    def bias(
        self, node: onnx.NodeProto, position: int, scales: tuple[int, int], factor: float = 1.0
    ) -> list[str]:
        """The real bias of an operation that may have one, in units of the product of two scales and a factor."""
        tensor = _optional(node, position)
        if not tensor:
            return []
        product = f"{node.output[0]}/bias_scale"
        a, b = (self._scale(node, _input(node, i)) for i in scales)
        self.added.append(numpy_helper.from_array((a * b * factor).astype(self.product), product))
        made = f"{node.output[0]}/bias"
        self.nodes.append(onnx.helper.make_node("DequantizeLinear", [tensor, product], [made], axis=0))
        return [made]

    def _scale(self, node: onnx.NodeProto, name: str) -> npt.NDArray[np.float64]:
        if name not in self.constants:
            raise FirelineError(
                f"scale {name!r} is no constant", node=_label(node), hint="quantize it statically"
            )
        return np.asarray(array_of(self.constants[name]), dtype=np.float64)

    def made(self, node: onnx.NodeProto, op: str, inputs: Sequence[str], output: str = "") -> str:
        """`op` on real numbers, with the attributes of `node`, turned round where that has the channels last."""
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        last = attributes.pop("channels_last", node.op_type == "NhwcMaxPool")
        output = output or f"{node.output[0]}/real"
        if not last:
            self.nodes.append(onnx.helper.make_node(op, inputs, [output], node.name, **attributes))
            return output
        turned = self._transposed(inputs[0], f"{output}/input", _FIRST)
        first = f"{output}/channels_first"
        self.nodes.append(onnx.helper.make_node(op, [turned, *inputs[1:]], [first], node.name, **attributes))
        return self._transposed(first, output, _LAST)

    def _transposed(self, tensor: str, output: str, order: tuple[int, ...]) -> str:
        self.nodes.append(onnx.helper.make_node("Transpose", [tensor], [output], perm=order))
        return output

    def quantize(self, node: onnx.NodeProto, real: str, scale: str, zero: str) -> None:
        """The integers that `node` made, of `real`."""
        if node.op_type in ZERO_POINT_FIRST and (self._integer(zero) or 0) % 2:
            real = self._rounded(node, real, scale, zero)
        self.nodes.append(
            onnx.helper.make_node("QuantizeLinear", _named(real, scale, zero), [node.output[0]], node.name)
        )
        self.quantized[node.output[0]] = (scale, zero)

    def _rounded(self, node: onnx.NodeProto, real: str, scale: str, zero: str) -> str:
        """`real` on the grid of an odd zero point that is added before rounding, as QONNX' Quant does."""
        made, point = f"{node.output[0]}/rounded", array_of(self.constants[zero])
        numbers = {f"{made}/zero": float(point.ravel()[0]), f"{made}/bits": 8.0 * point.dtype.itemsize}
        self.added += [numpy_helper.from_array(np.float32(v), name) for name, v in numbers.items()]
        signed = int(point.dtype.kind == "i")
        inputs = [real, scale, *numbers]
        attributes = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND", "domain": QONNX}
        self.nodes.append(onnx.helper.make_node("Quant", inputs, [made], **attributes))
        return made

    def output(self, node: onnx.NodeProto, op: str, inputs: Sequence[str], first: int) -> None:
        """`op` on real numbers, quantized by the scale and zero point at inputs `first` and the next."""
        self.quantize(node, self.made(node, op, inputs), _input(node, first), _optional(node, first + 1))


def _conv(writer: _Writer, node: onnx.NodeProto) -> None:
    x, weight = writer.operand(node, 0), writer.operand(node, 3, axis=0)
    writer.output(node, "Conv", [x, weight, *writer.bias(node, 8, (1, 4))], 6)


def _gemm(writer: _Writer, node: onnx.NodeProto) -> None:
    transposed = any(a.name == "transB" and a.i for a in node.attribute)
    x, weight = writer.operand(node, 0), writer.operand(node, 3, axis=0 if transposed else 1)
    # Its integers are what alpha multiplies.
    alpha = next((a.f for a in node.attribute if a.name == "alpha"), 1.0)
    inputs = [x, weight, *writer.bias(node, 6, (1, 4), alpha)]
    if _optional(node, 7):
        writer.output(node, "Gemm", inputs, 7)
    else:
        writer.made(node, "Gemm", inputs, node.output[0])


def _concat(writer: _Writer, node: onnx.NodeProto) -> None:
    writer.output(node, "Concat", [writer.operand(node, i) for i in range(2, len(node.input), 3)], 0)


def _nhwc_max_pool(writer: _Writer, node: onnx.NodeProto) -> None:
    tensor = _input(node, 0)
    if tensor not in writer.quantized:
        raise FirelineError(
            f"its input {tensor!r} is not quantized", node=_label(node), hint="save the file at a lower level"
        )
    writer.move(node, "MaxPool")


def _of_one(op: str) -> Callable[[_Writer, onnx.NodeProto], None]:
    return lambda writer, node: writer.output(node, op, [writer.operand(node, 0)], 3)


def _of_two(op: str) -> Callable[[_Writer, onnx.NodeProto], None]:
    return lambda writer, node: writer.output(node, op, [writer.operand(node, 0), writer.operand(node, 3)], 6)


OPERATIONS: dict[str, Callable[[_Writer, onnx.NodeProto], None]] = {
    "NhwcMaxPool": _nhwc_max_pool,
    "QGemm": _gemm,
    "QLinearAdd": _of_two("Add"),
    "QLinearAveragePool": _of_one("AveragePool"),
    "QLinearConcat": _concat,
    "QLinearConv": _conv,
    "QLinearGlobalAveragePool": _of_one("GlobalAveragePool"),
    "QLinearLeakyRelu": _of_one("LeakyRelu"),
    "QLinearMatMul": _of_two("MatMul"),
    "QLinearMul": _of_two("Mul"),
    "QLinearReduceMean": _of_one("ReduceMean"),
    "QLinearSigmoid": _of_one("Sigmoid"),
}


def _label(node: onnx.NodeProto) -> str:
    return f"{node.op_type} {node.name or node.output[0]}"


def _optional(node: onnx.NodeProto, position: int) -> str:
    return str(node.input[position]) if position < len(node.input) else ""


def _input(node: onnx.NodeProto, position: int) -> str:
    name = _optional(node, position)
    if not name:
        raise FirelineError(
            f"its input {position} is missing, it has {len(node.input)}",
            node=_label(node),
            hint="a tool before has damaged the file: quantize the network again",
        )
    return name


def _named(*names: str) -> list[str]:
    """Inputs, but for those at the end that are left out."""
    return [name for name in names if name]
