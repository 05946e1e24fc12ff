"""C++ text of streams, calls and layer functions: what the templates of the sources place."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.cpp_names import identifier
from fireline.codegen.emit_parameters import cpp_type, describe, tensor_text
from fireline.codegen.emit_weights import has_constants
from fireline.codegen.fires import Fire, is_pointwise
from fireline.codegen.memory import Storage
from fireline.codegen.plan import Plan
from fireline.codegen.stages import Design, Fork, Process, Stage, Stream
from fireline.graph import Concat, Conv2d, Lookup, Node

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
    inputs = ["input"] if len(stage.inputs) == 1 else [f"input{i}" for i in range(len(stage.inputs))]
    streams = zip((*stage.inputs, stage.output), (*inputs, "output"), strict=True)
    parameters = [f"fl::Stream<{token(stream)}>& {name}" for stream, name in streams]
    memories = [i for i in stage.nodes if isinstance(graph.nodes[i], Conv2d)]
    pragmas = [
        f"FL_BIND_STORAGE(weights::{identifier(graph.nodes[i].name)}::rom, rom_1p, {resource})"
        for i in memories
        if (resource := ROM_RESOURCES.get(plan.foldings[i].rom))
    ]
    node = graph.nodes[stage.nodes[-1]]
    return Layer(
        name=stage.name,
        comment=_fire_comment(plan, stage.fire) if stage.fire else describe(plan, node),
        header=_kernel(node, stage),
        weights=tuple(sorted(holder.name for holder in _holders(plan, stage))),
        pragmas=tuple(pragmas),
        signature=f"void {identifier(stage.name)}({', '.join(parameters)})",
        call=_call(plan, stage, inputs),
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


def _fire_comment(plan: Plan, fire: Fire) -> str:
    nodes = plan.graph.nodes
    ends = nodes[nodes[fire.squeeze].inputs[0]], nodes[fire.squeeze], nodes[fire.concat]
    return "fire: " + " -> ".join(tensor_text(node.output) for node in ends)


def _kernel(node: Node, stage: Stage) -> str:
    """The function of the library that does the work, which is in a header of that name."""
    if stage.fire:
        return "fire"
    return "mvu" if is_pointwise(node) else node.kind


def _holders(plan: Plan, stage: Stage) -> list[Node]:
    """The nodes of a stage that have constants."""
    return [node for node in (plan.graph.nodes[i] for i in stage.nodes) if has_constants(node)]


def _call(plan: Plan, stage: Stage, inputs: list[str]) -> str:
    graph = plan.graph
    node = graph.nodes[stage.nodes[-1]]
    if isinstance(node, Concat) and not stage.fire:
        _, height, width = node.output.shape
        folds = [graph.nodes[i].output.shape[0] // stage.output.lanes for i in node.inputs]
        numbers = ", ".join(map(str, (height * width, sum(folds), *folds)))
        return f"fl::concat<{numbers}>({', '.join(['output', *inputs])})"
    types, arguments = [f"params::{identifier(stage.name)}"], [*inputs, "output"]
    for holder in _holders(plan, stage):
        space = f"weights::{identifier(holder.name)}"
        match holder:
            case Conv2d():
                types.append(f"{space}::Requantize")
                arguments += [f"{space}::rom", f"{space}::bias"]
            case Lookup():
                arguments.append(f"{space}::table")
            case _:
                types.append(f"{space}::Requantize")
    return f"fl::{_kernel(node, stage)}<{', '.join(types)}>({', '.join(arguments)})"


def _arguments(streams: list[str]) -> str:
    return ", ".join(map(identifier, streams))
