"""Reading an ONNX file: nodes, constants and shapes, with every fault of the file told in one line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from fireline.errors import FirelineError
from fireline.graph import Shape


@dataclass(frozen=True)
class OnnxNode:
    """One operation: its inputs and outputs are tensor names; an input that is left out is ''."""

    op: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How messages call this node."""
        return f"{self.op} {self.name or self.outputs[0]}"


@dataclass(frozen=True)
class OnnxGraph:
    """What lowering needs of a QONNX file."""

    name: str
    input: str
    shape: Shape
    output: str
    nodes: tuple[OnnxNode, ...]
    constants: dict[str, npt.NDArray[Any]]


def read(path: Path) -> OnnxGraph:
    """Read an ONNX file with one input of static shape (N, C, H, W) and one output.

    Raises:
        FirelineError: the file is missing, not ONNX, or has another number of inputs or outputs.
    """
    where = str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FirelineError(f"cannot be read: {error.strerror}", node=where) from None
    try:
        model = onnx.load_model_from_string(content)
        graph = model.graph
        if not graph.node:
            raise FirelineError("not an ONNX model: it holds no nodes", node=where)
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        nodes = tuple(
            OnnxNode(
                node.op_type,
                node.name,
                tuple(node.input),
                tuple(node.output),
                {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute},
            )
            for node in graph.node
        )
    except (DecodeError, ValueError, TypeError, AttributeError, KeyError, OSError) as error:
        raise FirelineError(f"not an ONNX model: {error}", node=where) from None
    if not all(node.outputs for node in nodes):
        raise FirelineError("not an ONNX model: a node has no output", node=where)
    inputs = [value for value in graph.input if value.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise FirelineError(
            f"one input and one output expected, {len(inputs)} and {len(graph.output)} arrived", node=where
        )
    return OnnxGraph(
        name=next((p.value for p in model.metadata_props if p.key == "fireline.preset"), path.stem),
        input=inputs[0].name,
        shape=_shape(inputs[0], where),
        output=graph.output[0].name,
        nodes=nodes,
        constants=constants,
    )


def _shape(value: onnx.ValueInfoProto, where: str) -> Shape:
    sides = [side.dim_value for side in value.type.tensor_type.shape.dim]
    if len(sides) != 4 or min(sides[1:]) < 1:
        raise FirelineError(
            f"input {value.name} is {sides}, static (N, C, H, W) expected",
            node=where,
            hint="export a fixed size",
        )
    return (sides[1], sides[2], sides[3])


def constant_value(node: OnnxNode) -> npt.NDArray[Any]:
    """The array of a `Constant` node."""
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            value = node.attributes[name]
            return numpy_helper.to_array(value) if name == "value" else np.asarray(value)
    raise FirelineError("a constant without a number", node=node.label)
