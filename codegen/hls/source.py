"""C++ text of streams, calls and layer functions: what the templates of the sources place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fireline.codegen.design.describe import describe, tensor_text
from fireline.codegen.design.memories import loaded_words
from fireline.codegen.design.stages import Design, Fork, Process, Stage, Stream
from fireline.codegen.geometry.fires import Fire, is_pointwise
from fireline.codegen.hls.names import identifier
from fireline.codegen.hls.parameters import cpp_type
from fireline.codegen.hls.weights import has_constants
from fireline.codegen.plan.cost.memory import Storage
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Plan
from fireline.graph import Concat, Conv2d, Lookup, Node

# Vitis's names for where a constant weight memory lies.
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
    parameters += [f"fl::Stream<fl::WeightWord>& {name}" for name in loading_streams(plan, stage.nodes)]
    memories = [i for i in stage.nodes if isinstance(graph.nodes[i], Conv2d) and i not in plan.loaded]
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


def loading_streams(plan: Plan, nodes: Iterable[int]) -> list[str]:
    """The variables of the streams that bring the weights of those `nodes` whose weights are loaded.

    Names of nodes are lower-case, so these are nobody's.
    """
    return [f"{identifier(plan.graph.nodes[i].name)}_ROM" for i in plan.loaded if i in nodes]


def call(plan: Plan, process: Process) -> str:
    """The statement of a process in the top function."""
    match process:
        case Stage():
            streams = [*(s.name for s in process.inputs), process.output.name]
            arguments = ", ".join([_arguments(streams), *loading_streams(plan, process.nodes)])
            return f"stage::{identifier(process.name)}({arguments})"
        case Fork():
            streams = [process.source.name, *(s.name for s in process.outputs)]
            return f"fl::fork<{process.tokens}>({_arguments(streams)})"
        case _:
            streams = [process.source.name, process.output.name]
            return f"fl::resize<{process.values}>({_arguments(streams)})"


def local_streams(made: Design) -> list[dict[str, str | int]]:
    """The streams of the top function."""
    plan = made.plan
    tokens: list[dict[str, str | int]] = [
        {"depth": s.depth, "variable": identifier(s.name), "name": s.name, "part": "", "token": token(s)}
        for s in made.streams
    ]
    words: list[dict[str, str | int]] = [
        {
            "depth": DEFAULT_DEPTH,
            "variable": variable,
            "name": plan.graph.nodes[index].name,
            "part": ".rom",
            "token": "fl::WeightWord",
        }
        for index, variable in zip(plan.loaded, loading_streams(plan, plan.loaded), strict=True)
    ]
    return tokens + words


def input_call(made: Design) -> str:
    """The statement of the process that reads the design's input."""
    plan, first = made.plan, identifier(made.first.name)
    if not plan.loaded:
        return f"fl::axi_input<params::{identifier(plan.graph.input.name)}>(input, {first})"
    numbers = ", ".join([f"params::{identifier(plan.graph.input.name)}", *map(str, loaded_words(plan))])
    streams = ", ".join(["input", first, *loading_streams(plan, plan.loaded)])
    return f"fl::axi_input_and_weights<{numbers}>({streams})"


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
    loading = dict(zip(plan.loaded, loading_streams(plan, plan.loaded), strict=True))
    for index in stage.nodes:
        holder = graph.nodes[index]
        if not has_constants(holder):
            continue
        space = f"weights::{identifier(holder.name)}"
        match holder:
            case Conv2d():
                types.append(f"{space}::Requantize")
                arguments += [loading.get(index, f"{space}::rom"), f"{space}::bias"]
            case Lookup():
                arguments.append(f"{space}::table")
            case _:
                types.append(f"{space}::Requantize")
    return f"fl::{_kernel(node, stage)}<{', '.join(types)}>({', '.join(arguments)})"


def _arguments(streams: list[str]) -> str:
    return ", ".join(map(identifier, streams))
