"""C++ text of streams, calls and layer functions: what the templates of the sources place."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.cpp_names import identifier
from fireline.codegen.emit_parameters import cpp_type, describe, tensor_text
from fireline.codegen.fires import is_pointwise
from fireline.codegen.memory import Storage
from fireline.codegen.plan import Plan
from fireline.codegen.stages import Design, Fork, Process, Stage, Stream
from fireline.graph import Concat, Node

# Vitis's names for where a weight memory lies; a mixed one is left to the tool.
ROM_RESOURCES: dict[Storage, str] = {"lut": "lutram", "bram": "bram", "uram": "uram"}


@dataclass(frozen=True)
class Layer:
    """One function of `layers.h` and its file."""

    name: str  # of the node, and of the file
    comment: str
    header: str  # of the kernel
    weights: tuple[str, ...]
    pragmas: tuple[str, ...]
    signature: str
    call: str


def token(stream: Stream) -> str:
    """The C++ type of a stream's tokens."""
    return f"fl::Token<{cpp_type(stream.type)}, {stream.lanes}>"


def layer(plan: Plan, stage: Stage) -> Layer:
    """The function of one stage."""
    graph = plan.graph
    node = graph.nodes[stage.nodes[-1]]
    inputs = ["input"] if len(stage.inputs) == 1 else [f"input{i}" for i in range(len(stage.inputs))]
    parameters = [
        f"fl::Stream<{token(stream)}>& {name}" for stream, name in zip(stage.inputs, inputs, strict=True)
    ]
    parameters.append(f"fl::Stream<{token(stage.output)}>& output")
    holders = [
        graph.nodes[i].name for i in stage.nodes if graph.nodes[i].kind in ("conv2d", "add", "rescale")
    ]
    memories = [
        (graph.nodes[i].name, ROM_RESOURCES.get(plan.foldings[i].rom))
        for i in stage.nodes
        if graph.nodes[i].kind == "conv2d"
    ]
    pragmas = tuple(
        f"FL_BIND_STORAGE(weights::{identifier(name)}::rom, rom_1p, {resource})"
        for name, resource in memories
        if resource
    )
    comment = describe(graph.nodes and plan, node) if not stage.fire else _fire_comment(plan, stage)
    signature = f"void {identifier(stage.name)}({', '.join(parameters)})"
    return Layer(
        stage.name,
        comment,
        _header(node, stage),
        tuple(holders),
        pragmas,
        signature,
        _call(plan, stage, inputs),
    )


def call(process: Process) -> str:
    """The statement of a process in the top function."""
    match process:
        case Stage():
            streams = [*(s.name for s in process.inputs), process.output.name]
            return f"stage::{identifier(process.name)}({_arguments(streams)})"
        case Fork():
            streams = [process.source.name, *(s.name for s in process.outputs)]
            return f"fl::fork<{process.tokens}>({_arguments(streams)})"
        case _:
            streams = [process.source.name, process.output.name]
            return f"fl::resize<{process.values}>({_arguments(streams)})"


def local_streams(made: Design) -> list[dict[str, str | int]]:
    """The streams of the top function."""
    return [
        {"depth": s.depth, "variable": identifier(s.name), "name": s.name, "token": token(s)}
        for s in made.streams
    ]


def _fire_comment(plan: Plan, stage: Stage) -> str:
    assert stage.fire
    nodes = plan.graph.nodes
    ends = nodes[nodes[stage.fire.squeeze].inputs[0]], nodes[stage.fire.squeeze], nodes[stage.fire.concat]
    return "fire: " + " -> ".join(tensor_text(node.output) for node in ends)


def _header(node: Node, stage: Stage) -> str:
    if stage.fire:
        return "fire"
    return "mvu" if is_pointwise(node) else node.kind


def _call(plan: Plan, stage: Stage, inputs: list[str]) -> str:
    graph = plan.graph
    node = graph.nodes[stage.nodes[-1]]
    name = identifier(stage.name)
    if isinstance(node, Concat) and not stage.fire:
        _, height, width = node.output.shape
        lanes = stage.output.lanes
        folds = [graph.nodes[i].output.shape[0] // lanes for i in node.inputs]
        numbers = ", ".join(map(str, (height * width, sum(folds), *folds)))
        return f"fl::concat<{numbers}>({', '.join(['output', *inputs])})"
    holders = [
        identifier(graph.nodes[i].name)
        for i in stage.nodes
        if graph.nodes[i].kind in ("conv2d", "add", "rescale")
    ]
    types = [f"params::{name}", *(f"weights::{holder}::Requantize" for holder in holders)]
    arguments = [*inputs, "output"]
    for i in stage.nodes:
        if graph.nodes[i].kind == "conv2d":
            holder = identifier(graph.nodes[i].name)
            arguments += [f"weights::{holder}::rom", f"weights::{holder}::bias"]
    return f"fl::{_header(node, stage)}<{', '.join(types)}>({', '.join(arguments)})"


def _arguments(streams: list[str]) -> str:
    return ", ".join(map(identifier, streams))
