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
    """A process: its memories and what is said of them, then the call of a kernel."""

    signature: str
    memories: tuple[Memory, ...]
    pragmas: tuple[str, ...]
    call: str


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
    """What is in the top function."""

    streams: tuple[Stream, ...]
    calls: tuple[str, ...]


def layers(made: Kernels) -> list[Layer]:
    """The stages of a design, in its order."""
    return [_Writer(made).layer(name, list(group)) for name, group in _stages(made) if name]


def top(made: Kernels) -> Top:
    """The top function of a design."""
    writer = _Writer(made)
    calls = []
    for name, group in _stages(made):
        inside = list(group)
        calls += [writer.stage_call(name, inside)] if name else [writer.direct_call(one) for one in inside]
    streams = [writer.streams[i] for i in range(len(made.fifos)) if not writer.is_inside(i)]
    return Top(tuple(streams + _loading_streams(made.plan)), tuple(calls))


def _stages(made: Kernels) -> Iterable[tuple[str | None, Iterable[Kernel]]]:
    return groupby(made.kernels, key=lambda kernel: kernel.stage)


class _Writer:
    def __init__(self, made: Kernels) -> None:
        self.made, self.plan, self.nodes = made, made.plan, made.plan.graph.nodes
        self.streams = _streams(made)
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
            elif _is_plain(kernel):
                calls.append(self._plain_call(kernel, names))
            else:
                functions.append(self._process(kernel))
                calls.append(self._process_call(kernel, names))
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
                return _input_call(self.plan, names[0])
            case design.Results(tokens, lanes):
                fifo, bits = self.made.fifos[kernel.inputs[0]], output_bits(self.nodes[-1])
                numbers = f"{bits}, {tokens * lanes}, {cpp_type(fifo.type)}, {lanes}"
                return f"fl::axi_output<{numbers}>({names[0]}, output)"
            case _:
                return self._plain_call(kernel, names)

    def _ports(self, inside: list[Kernel]) -> dict[int, str]:
        """The FIFOs at the edge of a stage, and what they are called inside."""
        read = [i for kernel in inside for i in kernel.inputs if not self.is_inside(i)]
        written = [i for kernel in inside for i in kernel.outputs if not self.is_inside(i)]
        names = ["input"] if len(read) == 1 else [f"input{i}" for i in range(len(read))]
        return dict(zip([*read, *written], [*names, "output"], strict=True))

    def _process(self, kernel: Kernel) -> Function:
        """A kernel of a stage of several, as a function of its own."""
        inputs = [f"fl::Stream<{_token(self.made.fifos[i])}>& input" for i in kernel.inputs]
        outputs = [f"fl::Stream<{_token(self.made.fifos[i])}>& output" for i in kernel.outputs]
        words = [f"fl::Stream<fl::WeightWord>& {_loading(self.plan, i)}" for i in self._loaded(kernel)]
        signature = f"static void {_function_name(kernel)}({', '.join([*inputs, *outputs, *words])})"
        return self._function(kernel, signature, ["input", "output"])

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
        return Function(signature, held, tuple(pragmas), self._kernel_call(kernel, names, arguments))

    def _kernel_call(self, kernel: Kernel, names: list[str], arguments: list[str]) -> str:
        """The call of a kernel that is a function's only statement."""
        match kernel.operation:
            case design.Join() | design.Fork() | design.Widen() | design.Narrow():
                return self._plain_call(kernel, names)
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

    def _plain_call(self, kernel: Kernel, names: list[str]) -> str:
        """The call of a kernel that has neither memories nor constants."""
        fifos = [self.made.fifos[i] for i in (*kernel.inputs, *kernel.outputs)]
        match kernel.operation:
            case design.Fork(tokens):
                return f"fl::fork<{tokens}>({', '.join(names)})"
            case design.Widen(tokens) | design.Narrow(tokens):
                name = "widen" if isinstance(kernel.operation, design.Widen) else "narrow"
                numbers = f"{tokens}, {cpp_type(fifos[0].type)}, {fifos[0].lanes}, {fifos[1].lanes}"
                return f"fl::{name}<{numbers}>({', '.join(names)})"
            case design.Join(pixels, folds):
                numbers = ", ".join(map(str, (pixels, sum(folds), *folds)))
                return f"fl::concat<{numbers}>({', '.join([names[-1], *names[:-1]])})"
            case _:
                raise AssertionError(f"{kernel.name} is no plain kernel")

    def _has_constants(self, kernel: Kernel) -> bool:
        if kernel.node is None or isinstance(kernel.operation, design.LineBuffer):
            return False
        return has_constants(self.nodes[kernel.node])

    def _loaded(self, kernel: Kernel) -> list[int]:
        is_mvu = isinstance(kernel.operation, design.Mvu)
        return [i for i in self.plan.loaded if i == kernel.node and is_mvu]


def _is_plain(kernel: Kernel) -> bool:
    return isinstance(kernel.operation, design.Fork | design.Widen | design.Narrow | design.Join)


def _header(kernel: Kernel) -> str:
    """The header of a kernel."""
    match kernel.operation:
        case design.Fork():
            return "fork"
        case design.Widen() | design.Narrow():
            return "resize"
        case design.Join():
            return "concat"
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
    return kernel.name.replace(".", "_")


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


def _input_call(plan: Plan, first: str) -> str:
    """The statement of the process that reads the design's input."""
    params = f"params::{identifier(plan.graph.input.name)}"
    if not plan.loaded:
        return f"fl::axi_input<{params}>(input, {first})"
    numbers = ", ".join([params, *map(str, loaded_words(plan))])
    streams = ", ".join(["input", first, *(_loading(plan, i) for i in plan.loaded)])
    return f"fl::axi_input_and_weights<{numbers}>({streams})"


def _fire_comment(plan: Plan, fire: Fire) -> str:
    nodes = plan.graph.nodes
    ends = nodes[nodes[fire.squeeze].inputs[0]], nodes[fire.squeeze], nodes[fire.concat]
    return "fire: " + " -> ".join(tensor_text(node.output) for node in ends)
