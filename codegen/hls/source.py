"""C++ text of streams, calls, processes and stages: what the templates of the sources place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from fireline.codegen.design import operations as design
from fireline.codegen.design.describe import describe, tensor_text
from fireline.codegen.design.kernels import Fifo, Kernel, Kernels
from fireline.codegen.design.memories import loaded_words
from fireline.codegen.geometry.axi import output_bits
from fireline.codegen.geometry.fires import Fire, find_fires
from fireline.codegen.hls.bodies import concat_body, fork_body, weights_and_pixels_body
from fireline.codegen.hls.memories import Memory, memories, storage_pragmas, table_pragmas
from fireline.codegen.hls.names import identifier
from fireline.codegen.hls.parameters import cpp_type
from fireline.codegen.hls.weights import has_constants, node_constants
from fireline.codegen.plan.cost.fabric import fabric_of
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Plan
from fireline.graph import Lookup


@dataclass(frozen=True)
class Stream:
    """A stream between two processes of a region, as FL_STREAM declares it."""

    depth: int
    resource: str
    variable: str
    name: str
    type: str
    lanes: int


@dataclass(frozen=True)
class Function:
    """A process: its memories and what is said of them, then its statements, mostly the call of a kernel."""

    signature: str
    memories: tuple[Memory, ...]
    pragmas: tuple[str, ...]
    body: str


@dataclass(frozen=True)
class Layer:
    """One function of `layers.h` and its file: a region of streams and processes, or a single process."""

    name: str  # of the node, and of the file
    comment: str
    headers: tuple[str, ...]  # of the kernels
    weights: tuple[str, ...]
    functions: tuple[Function, ...]
    signature: str
    streams: tuple[Stream, ...]
    calls: tuple[str, ...]


@dataclass(frozen=True)
class Top:
    """What is in the top function, and its processes that are not in headers."""

    functions: tuple[Function, ...]
    streams: tuple[Stream, ...]
    calls: tuple[str, ...]


def layers(made: Kernels) -> list[Layer]:
    """The stages of a design, in its order."""
    return [_Writer(made).layer(name, list(group)) for name, group in _stages(made) if name]


def top(made: Kernels) -> Top:
    """The top function of a design."""
    writer = _Writer(made)
    functions, calls = [], []
    for name, group in _stages(made):
        inside = list(group)
        if name:
            calls.append(writer.stage_call(name, inside))
            continue
        functions += [writer.process(one) for one in inside if writer.is_process(one)]
        calls += [writer.direct_call(one) for one in inside]
    streams = [writer.streams[i] for i in range(len(made.fifos)) if not writer.is_inside(i)]
    return Top(tuple(functions), tuple(streams + _loading_streams(made.plan)), tuple(calls))


def _stages(made: Kernels) -> Iterable[tuple[str | None, Iterable[Kernel]]]:
    return groupby(made.kernels, key=lambda kernel: kernel.stage)


class _Writer:
    def __init__(self, made: Kernels) -> None:
        self.made, self.plan, self.nodes = made, made.plan, made.plan.graph.nodes
        self.streams = _streams(made)
        self._pixels = f"params::{identifier(made.plan.graph.input.name)}"
        self.stages: dict[int, set[str | None]] = {place: set() for place in range(len(made.fifos))}
        for kernel in made.kernels:
            for place in (*kernel.inputs, *kernel.outputs):
                self.stages[place].add(kernel.stage)

    def is_inside(self, place: int) -> bool:
        """Whether a FIFO lies within one stage."""
        return len(self.stages[place]) == 1 and None not in self.stages[place]

    def layer(self, stage: str, inside: list[Kernel]) -> Layer:
        """The stage called `stage`, which consists of the kernels `inside`."""
        arguments = self._ports(inside)
        loading = [i for i in self.plan.loaded if any(kernel.node == i for kernel in inside)]
        parameters = [f"fl::Stream<{_token(self.made.fifos[i])}>& {name}" for i, name in arguments.items()]
        parameters += [f"fl::Stream<fl::WeightWord>& {_loading(self.plan, i)}" for i in loading]
        signature = f"void {identifier(stage)}({', '.join(parameters)})"
        within = sorted({i for k in inside for i in (*k.inputs, *k.outputs) if i not in arguments})
        variables = arguments | {i: self.streams[i].variable for i in within}
        node = self.nodes[next(i for i, one in enumerate(self.nodes) if one.name == stage)]
        fires = {self.nodes[fire.concat].name: fire for fire in find_fires(self.plan.graph)}
        holders = {self.nodes[k.node].name for k in inside if k.node is not None and self._has_constants(k)}
        functions, calls = [], []
        for kernel in inside:
            names = [variables[i] for i in (*kernel.inputs, *kernel.outputs)]
            if len(inside) == 1:
                functions.append(self._function(kernel, signature, names))
            elif self.is_process(kernel):
                functions.append(self.process(kernel))
                calls.append(self._process_call(kernel, names))
            else:
                calls.append(self._resize_call(kernel, names))
        return Layer(
            name=stage,
            comment=_fire_comment(self.plan, fires[stage]) if stage in fires else describe(self.plan, node),
            headers=tuple(sorted({_header(kernel) for kernel in inside})),
            weights=tuple(sorted(holders)),
            functions=tuple(functions),
            signature=signature,
            streams=tuple(self.streams[i] for i in within),
            calls=tuple(calls),
        )

    def stage_call(self, name: str, inside: list[Kernel]) -> str:
        """The statement of a stage in the top function."""
        arguments = [self.streams[place].variable for place in self._ports(inside)]
        arguments += [_loading(self.plan, i) for i in self.plan.loaded if any(k.node == i for k in inside)]
        return f"stage::{identifier(name)}({', '.join(arguments)})"

    def direct_call(self, kernel: Kernel) -> str:
        """The statement of a kernel that stands in the top function itself."""
        names = [self.streams[i].variable for i in (*kernel.inputs, *kernel.outputs)]
        match kernel.operation:
            case design.Pixels():
                names = ["input", *names]
                if not self.is_process(kernel):
                    return f"fl::axi_input<{self._pixels}>({', '.join(names)})"
            case design.Results(tokens, lanes):
                fifo, bits = self.made.fifos[kernel.inputs[0]], output_bits(self.nodes[-1])
                numbers = f"{bits}, {tokens * lanes}, {cpp_type(fifo.type)}, {lanes}"
                return f"fl::axi_output<{numbers}>({names[0]}, output)"
            case design.Widen() | design.Narrow():
                return self._resize_call(kernel, names)
        return self._process_call(kernel, names)

    def is_process(self, kernel: Kernel) -> bool:
        """Whether a kernel is a function of the project, and not one of a header alone."""
        match kernel.operation:
            case design.Widen() | design.Narrow() | design.Results():
                return False
            case design.Pixels():
                return bool(self.plan.loaded)
            case _:
                return True

    def _ports(self, inside: list[Kernel]) -> dict[int, str]:
        """The FIFOs at the edge of a stage, and what they are called inside."""
        read = [i for kernel in inside for i in kernel.inputs if not self.is_inside(i)]
        written = [i for kernel in inside for i in kernel.outputs if not self.is_inside(i)]
        return dict(zip([*read, *written], [*_numbered("input", len(read)), "output"], strict=True))

    def process(self, kernel: Kernel) -> Function:
        """A kernel as a function of its own."""
        names = [*_numbered("input", len(kernel.inputs)), *_numbered("output", len(kernel.outputs))]
        types = [f"fl::Stream<{_token(self.made.fifos[i])}>" for i in (*kernel.inputs, *kernel.outputs)]
        if isinstance(kernel.operation, design.Pixels):
            names, types = ["input", *names], [f"fl::AxiStream<{self._pixels}::kBeatBits>", *types]
        parameters = [f"{type}& {name}" for type, name in zip(types, names, strict=True)]
        parameters += [f"fl::Stream<fl::WeightWord>& {_loading(self.plan, i)}" for i in self._loaded(kernel)]
        return self._function(kernel, f"static void {_function_name(kernel)}({', '.join(parameters)})", names)

    def _process_call(self, kernel: Kernel, names: list[str]) -> str:
        words = [_loading(self.plan, i) for i in self._loaded(kernel)]
        return f"process::{_function_name(kernel)}({', '.join([*names, *words])})"

    def _function(self, kernel: Kernel, signature: str, names: list[str]) -> Function:
        held = memories(self.plan, kernel)
        pragmas = [pragma for memory in held for pragma in storage_pragmas(memory)]
        if self._has_constants(kernel):
            assert kernel.node is not None
            pragmas += table_pragmas(self.plan, kernel.node, node_constants(self.plan, kernel.node).tables)
        arguments = [*names, *(memory.variable for memory in held if memory.variable != "rom")]
        return Function(signature, held, tuple(pragmas), self._body(kernel, arguments))

    def _body(self, kernel: Kernel, arguments: list[str]) -> str:
        """The statements of a function: the call of a kernel, or its loop."""
        match kernel.operation:
            case design.Fork(tokens):
                return fork_body(tokens, arguments[0], arguments[1:])
            case design.Join(pixels, folds):
                token = _token(self.made.fifos[kernel.outputs[0]])
                return concat_body(pixels, folds, token, arguments[:-1], arguments[-1])
            case design.Pixels():
                streams = [_loading(self.plan, i) for i in self.plan.loaded]
                words = dict(zip(streams, loaded_words(self.plan), strict=True))
                return weights_and_pixels_body(self._pixels, words, *arguments)
            case _:
                return f"    {self._kernel_call(kernel, arguments)};\n"

    def _kernel_call(self, kernel: Kernel, arguments: list[str]) -> str:
        """The call of the kernel of a node."""
        assert kernel.node is not None
        node = self.nodes[kernel.node]
        params, space = f"params::{identifier(node.name)}", f"weights::{identifier(node.name)}"
        match kernel.operation:
            case design.LineBuffer():
                name = f"line_buffer<{params}>"
            case design.RunningMax():
                way = "AlongRows" if kernel.name.endswith(".along") else "DownColumns"
                name = f"running_max<fl::{way}<{params}>>"
            case design.Average():
                name = f"globalavgpool2d<{params}>"
            case design.Mvu():
                name = f"mvu<{params}, {space}::Requantize>"
                if kernel.node in self.plan.loaded:
                    arguments += [_loading(self.plan, kernel.node), "rom", f"{space}::bias"]
                else:
                    arguments += [f"{space}::rom", f"{space}::bias"]
            case design.Elementwise(Lookup()):
                name, arguments = f"lookup<{params}>", [*arguments, f"{space}::table"]
            case _:
                name = f"{node.kind}<{params}, {space}::Requantize>"
        return f"fl::{name}({', '.join(arguments)})"

    def _resize_call(self, kernel: Kernel, names: list[str]) -> str:
        """The call of a kernel that changes the lanes of a stream."""
        assert isinstance(kernel.operation, design.Widen | design.Narrow)
        name = "widen" if isinstance(kernel.operation, design.Widen) else "narrow"
        before, after = (self.made.fifos[i] for i in (*kernel.inputs, *kernel.outputs))
        numbers = f"{kernel.operation.tokens}, {cpp_type(before.type)}, {before.lanes}, {after.lanes}"
        return f"fl::{name}<{numbers}>({', '.join(names)})"

    def _has_constants(self, kernel: Kernel) -> bool:
        if kernel.node is None or isinstance(kernel.operation, design.LineBuffer):
            return False
        return has_constants(self.nodes[kernel.node])

    def _loaded(self, kernel: Kernel) -> list[int]:
        """The nodes whose weights pass through a kernel."""
        match kernel.operation:
            case design.Pixels():
                return list(self.plan.loaded)
            case design.Mvu():
                return [i for i in self.plan.loaded if i == kernel.node]
            case _:
                return []


def _header(kernel: Kernel) -> str:
    """The header of what a kernel calls, or its loop needs."""
    match kernel.operation:
        case design.Fork() | design.Join():
            return "stream"
        case design.Widen() | design.Narrow():
            return "resize"
        case design.LineBuffer():
            return "line_buffer"
        case design.Mvu():
            return "mvu"
        case design.RunningMax():
            return "maxpool2d"
        case design.Average():
            return "globalavgpool2d"
        case design.Elementwise(node):
            return node.kind
        case _:
            return "axi"


def _function_name(kernel: Kernel) -> str:
    """Of a process; each kind ends in its own way, so that no two are equal."""
    match kernel.operation:
        case design.Pixels():
            return "weights_and_pixels"
        case design.Join():
            return f"{kernel.name}_join"
        case _:
            return kernel.name.replace(".", "_")


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name}{i}" for i in range(count)]


def _token(fifo: Fifo) -> str:
    """The C++ type of a FIFO's tokens."""
    return f"fl::Token<{cpp_type(fifo.type)}, {fifo.lanes}>"


def _streams(made: Kernels) -> list[Stream]:
    """Every FIFO, each with a variable of its own."""
    fabric = fabric_of(made.plan.device)
    result: list[Stream] = []
    used: set[str] = set()
    for fifo in made.fifos:
        variable = identifier(fifo.name.replace(".", "_"))
        while variable in used:
            variable += "_"
        used.add(variable)
        resource = "bram" if fabric.fifo_storage(fifo.depth, fifo.bits) == "bram" else "srl"
        result.append(Stream(fifo.depth, resource, variable, fifo.name, cpp_type(fifo.type), fifo.lanes))
    return result


def _loading_streams(plan: Plan) -> list[Stream]:
    return [
        Stream(DEFAULT_DEPTH, "srl", _loading(plan, i), f"{plan.graph.nodes[i].name}.rom", "fl::HalfWord", 2)
        for i in plan.loaded
    ]


def _loading(plan: Plan, index: int) -> str:
    """The variable of the stream that brings the weights of node `index`.

    Names of nodes are lower-case, so these are nobody's.
    """
    return f"{identifier(plan.graph.nodes[index].name)}_ROM"


def _fire_comment(plan: Plan, fire: Fire) -> str:
    nodes = plan.graph.nodes
    ends = nodes[nodes[fire.squeeze].inputs[0]], nodes[fire.squeeze], nodes[fire.concat]
    return "fire: " + " -> ".join(tensor_text(node.output) for node in ends)
