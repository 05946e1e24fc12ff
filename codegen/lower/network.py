"""QONNX to the integer graph: every float operation becomes exact integer arithmetic or is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

from fireline.codegen.lower.attributes import standard
from fireline.codegen.lower.constant_channels import quieted
from fireline.codegen.lower.folding import MOVING, fold, foldable, moved
from fireline.codegen.lower.names import identifier
from fireline.codegen.lower.onnx_file import DOMAINS, OnnxGraph, OnnxNode, constant_value, read
from fireline.codegen.lower.operations import OPERATIONS
from fireline.codegen.lower.output import last_node
from fireline.codegen.lower.quantizers import input_layout
from fireline.codegen.lower.state import State
from fireline.codegen.lower.values import Constant, QuantizedConstant
from fireline.codegen.lower.views import PASSING, settle
from fireline.codegen.requantize.solve import Proof
from fireline.errors import FirelineError
from fireline.graph import Conv2d, Graph, Node

LISTED = 32  # nodes that a refusal names
SUPPORTED_HINT = "see docs/qonnx.md for what Fireline lowers"
_LARGEST = "end the network before it: the largest logit stays the largest"
# What to do about operations, and domains of them, that are often met, where there is more to say.
HINTS = {
    "ArgMax": _LARGEST,
    "DynamicQuantizeLinear": "quantize statically, with calibration",
    "LogSoftmax": _LARGEST,
    "Softmax": _LARGEST,
    "TopK": _LARGEST,
    "com.microsoft": "made by onnxruntime: save it at its optimization level BASIC or below",
    "com.microsoft.nchwc": "made for one processor: save it at onnxruntime's optimization level EXTENDED or below",
}


@dataclass(frozen=True)
class Lowered:
    """The integer graph of a QONNX file, and how each node's requantization was chosen and proved, by node name."""

    graph: Graph
    proofs: Mapping[str, Proof]


def lower(path: str | PathLike[str], name: str | None = None) -> Graph:
    """The integer graph of a QONNX file.

    Args:
        path: the file, with one input of static shape (1, C, H, W).
        name: what to call the graph; if None, as the preset of Fireline that the file says it is, or else as the file.

    Raises:
        FirelineError: the file is broken, not quantized, or has an operation that cannot be lowered exactly.
    """
    return lower_proved(path, name).graph


def lower_proved(path: str | PathLike[str], name: str | None = None) -> Lowered:
    """As `lower`, with the proofs."""
    onnx = read(Path(path))
    _refuse_unsupported(onnx)
    state = State.of(onnx, input_layout(onnx))
    for node in onnx.nodes:
        try:
            _lower_node(state, node)
        except FirelineError as error:
            raise error.at(node.label) from None
    graph = Graph(identifier(name or onnx.name), _finish(state))
    kept = {node.name for node in graph.nodes}
    return Lowered(graph, {node: proof for node, proof in state.proofs.items() if node in kept})


def _lower_node(state: State, node: OnnxNode) -> None:
    if node.op == "Constant":
        state.values[node.outputs[0]] = Constant(constant_value(node))
        return
    inputs = [state.values.get(name) for name in node.inputs if name]
    arrays = [value.array for value in inputs if isinstance(value, Constant)]
    if foldable(node) and len(arrays) == len(inputs) > 0:
        made = fold(node, arrays, state.onnx.opset)
        state.values |= {name: Constant(array) for name, array in zip(node.outputs, made, strict=False)}
        return
    first = inputs[0] if inputs else None
    if node.op in MOVING and isinstance(first, QuantizedConstant) and len(arrays) == len(inputs) - 1:
        parts = moved(node, first, arrays, state.onnx.opset)
        state.values |= dict(zip(node.outputs, parts, strict=False))
        return
    operation = OPERATIONS.get(node.op)
    if operation is None:
        raise FirelineError("it computes with a quantized constant", hint="compute before quantizing")
    if len(node.inputs) < operation.inputs:
        raise FirelineError(f"{len(node.inputs)} inputs where {operation.inputs} belong")
    refuse_unread(node, state.onnx.opset)
    for name in node.inputs if node.op not in PASSING else ():
        settle(state, name)
    operation.lower(state, node)


def refuse_unread(node: OnnxNode, opset: int) -> None:
    """Raise `FirelineError` where an attribute says something that lowering does not read."""
    ordinary = standard(node.op, node.domain, opset)
    for name, value in node.attributes.items():
        if name not in OPERATIONS[node.op].attributes and value != ordinary.get(name):
            raise FirelineError(
                f"attribute {name} is {value!r:.100}, which is not supported", hint="leave it at its default"
            )


def _refuse_unsupported(onnx: OnnxGraph) -> None:
    known, unknown = set(onnx.constants), []
    hints: set[str] = set()
    for node in onnx.nodes:
        # Shapes are constants; what is made of constants alone is computed.
        constant = node.op in ("Constant", "Shape") or known.issuperset(filter(None, node.inputs))
        if constant:
            known.update(node.outputs)
        if node.domain not in DOMAINS:
            unknown.append(f"{node.label} of {node.domain}")
            hints.add(HINTS.get(node.domain, SUPPORTED_HINT))
        elif node.op not in OPERATIONS and node.op != "Constant" and not (constant and foldable(node)):
            unknown.append(node.label)
            hints.add(HINTS.get(node.op, SUPPORTED_HINT))
    if unknown:
        listed = ", ".join(unknown[:LISTED])
        listed += f" and {len(unknown) - LISTED} more" if len(unknown) > LISTED else ""
        hint = hints.pop() if len(hints) == 1 else SUPPORTED_HINT
        raise FirelineError(f"unsupported: {listed}", hint=hint)


def _finish(state: State) -> tuple[Node, ...]:
    """The nodes that the output needs, in order, the output last; none computes what is the same for every image."""
    last = last_node(state)
    needed: set[int] = set()
    stack = [last]
    while stack:
        index = stack.pop()
        if index not in needed:
            needed.add(index)
            stack.extend(state.nodes[index].inputs)
    order = [i for i in range(len(state.nodes)) if i in needed and i != last] + [last]
    place = {old: new for new, old in enumerate(order)}
    # A node keeps its number of inputs, which `replace` cannot see.
    moved: list[Any] = [tuple(place[j] for j in state.nodes[i].inputs) for i in order]
    nodes = [replace(state.nodes[i], inputs=inputs) for i, inputs in zip(order, moved, strict=True)]
    return tuple(
        quieted(node, nodes[node.inputs[0]].output.type) if isinstance(node, Conv2d) else node
        for node in nodes
    )
