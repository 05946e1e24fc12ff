"""Reading an ONNX file: nodes, constants and shapes, with every fault of the file told in one line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError

from fireline.codegen.lower.arrays import array_of, bring_in
from fireline.codegen.lower.attributes import CHANNELS_LAST, standard
from fireline.codegen.lower.normal import normal
from fireline.codegen.lower.values import Layout
from fireline.errors import FirelineError
from fireline.graph import Shape

# The property of a file's own that says which preset Fireline made it of.
PRESET = "fireline.preset"

# Where operations may come from. FINN and older Brevitas call QONNX's own domain by other names.
DOMAINS = ("", "ai.onnx", "qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", CHANNELS_LAST)


INTEGERS = ("int8", "uint8", "int16", "uint16")  # that an input may hold instead of real numbers


def _told(value: Any) -> str:
    return "missing" if value is None else repr(value)


@dataclass(frozen=True)
class OnnxNode:
    """One operation: its inputs and outputs are tensor names; an input that is left out is ''.

    Its attributes are the file's, and those that the standard has defaults for.
    """

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    domain: str = ""

    @property
    def label(self) -> str:
        """How messages call this node."""
        return f"{self.op} {self.name or self.outputs[0]}"

    @property
    def trains(self) -> bool:
        """Whether an attribute says training: `training_mode`, or `is_test`, which opset 6 and before have."""
        old = "is_test" in self.attributes and not self.integer("is_test")
        return old or bool(self.integer("training_mode", 0))

    def input(self, position: int) -> str:
        """The name of an input, '' if it is left out."""
        return self.inputs[position] if position < len(self.inputs) else ""

    def integer(self, name: str, default: int | None = None) -> int:
        """An attribute that is an integer; `default` is of those without one in the standard."""
        value = self.attributes.get(name, default)
        if not isinstance(value, int):
            raise FirelineError(f"attribute {name} is {_told(value)}, an integer expected")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        """An attribute that is a number, in float32 as ONNX has it."""
        value = self.attributes.get(name, default)
        if not isinstance(value, float | int):
            raise FirelineError(f"attribute {name} is {_told(value)}, a number expected")
        return float(np.float32(value))

    def text(self, name: str, default: str | None = None) -> str:
        """An attribute that is a string."""
        value = self.attributes.get(name, default)
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        if not isinstance(value, str):
            raise FirelineError(f"attribute {name} is {_told(value)}, a string expected")
        return value

    def integers(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """An attribute that is a list of integers, required if it has no default."""
        value = self.attributes.get(name, default)
        if value is None:
            raise FirelineError(f"attribute {name} is missing")
        if isinstance(value, str | bytes) or not isinstance(value, Sequence):
            raise FirelineError(f"attribute {name} is {value!r}, integers expected")
        if not all(isinstance(item, int) for item in value):
            raise FirelineError(f"attribute {name} is {list(value)}, integers expected")
        return tuple(value)


@dataclass(frozen=True)
class OnnxGraph:
    """What lowering needs of a QONNX file."""

    name: str
    input: str
    shape: Shape  # of the input, without the batch, in the order of the file
    output: str
    nodes: tuple[OnnxNode, ...]
    constants: dict[str, npt.NDArray[Any]]
    opset: int  # of ONNX's own operations
    integer_input: np.dtype[Any] | None = None  # the type of an input that is quantized already

    def shape_in(self, layout: Layout) -> Shape:
        """The input's (C, H, W) when the file lays it out as `layout`."""
        a, b, c = self.shape
        return (c, a, b) if layout == "hwc" else (a, b, c)


def read(path: Path) -> OnnxGraph:
    """Read an ONNX file with one input of static shape (N, C, H, W) and one output.

    Raises:
        FirelineError: the file is missing, not ONNX, or has another number of inputs or outputs.
    """
    where = str(path)
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        reason = error.strerror if isinstance(error, OSError) else error
        raise FirelineError(f"cannot be read: {reason}", node=where) from None
    try:
        model = onnx.load_model_from_string(content)
        if not model.graph.node:
            raise FirelineError("not an ONNX model: it holds no nodes", node=where)
        if not all(node.output for node in model.graph.node):
            raise FirelineError("not an ONNX model: a node has no output", node=where)
        bring_in(model, path.parent)
        model = normal(model)
        graph = model.graph
        constants = {_text(tensor.name): array_of(tensor) for tensor in graph.initializer}
        opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
        nodes = tuple(_node(node, opset) for node in graph.node)
        for value in (*graph.input, *graph.output):
            _text(value.name)
        properties = {_text(item.key): _text(item.value) for item in model.metadata_props}
    except FirelineError as error:
        raise error.at(where) from None
    except (DecodeError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise FirelineError(f"not an ONNX model: {error}", node=where) from None
    if len(graph.input) != 1 or len(graph.output) != 1:
        raise FirelineError(
            f"one input and one output expected, {len(graph.input)} and {len(graph.output)} arrived",
            node=where,
            hint="cut the file at one of each, as onnx.utils.extract_model does" if graph.input else None,
        )
    return OnnxGraph(
        name=properties.get(PRESET) or path.stem,
        input=graph.input[0].name,
        shape=_shape(graph.input[0], where),
        output=graph.output[0].name,
        nodes=nodes,
        constants=constants,
        opset=opset,
        integer_input=_integers(graph.input[0]),
    )


def _integers(value: onnx.ValueInfoProto) -> np.dtype[Any] | None:
    """The type of an integer tensor of up to 16 bits, None of any other."""
    kinds = {getattr(onnx.TensorProto, name.upper()): np.dtype(name) for name in INTEGERS}
    return kinds.get(value.type.tensor_type.elem_type)


def _node(node: onnx.NodeProto, opset: int) -> OnnxNode:
    own = {_text(a.name): onnx.helper.get_attribute_value(a) for a in node.attribute}
    attributes = {**standard(_text(node.op_type), _text(node.domain), opset), **own}
    inputs, outputs = (tuple(map(_text, names)) for names in (node.input, node.output))
    return OnnxNode(_text(node.op_type), _text(node.name), inputs, outputs, attributes, _text(node.domain))


def _text(value: str | bytes) -> str:
    """A name; protobuf hands out bytes where they are not UTF-8."""
    if not isinstance(value, str):
        raise ValueError("a name is not UTF-8")
    return value


def _shape(value: onnx.ValueInfoProto, where: str) -> Shape:
    sides = [side.dim_value for side in value.type.tensor_type.shape.dim]
    if len(sides) != 4 or min(sides[1:]) < 1:
        raise FirelineError(
            f"input {value.name} is {sides}, static (N, C, H, W) expected",
            node=where,
            hint="export a fixed size" if len(sides) == 4 else "let the network take images of four axes",
        )
    return (sides[1], sides[2], sides[3])


def constant_value(node: OnnxNode) -> npt.NDArray[Any]:
    """The array of a `Constant` node."""
    value = node.attributes.get("value")
    if isinstance(value, onnx.TensorProto):
        try:
            return array_of(value)
        except (ValueError, TypeError, KeyError) as error:
            raise FirelineError(f"damaged constant: {error}") from None
    for name in ("value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            array = np.asarray(node.attributes[name])
            if array.dtype.kind in "iuf":
                return array
    raise FirelineError("a constant without a number")
