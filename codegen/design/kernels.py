"""A design kernel by kernel: what runs side by side, and every FIFO between, those inside Fire modules and pools too.

Each process is one pipelined loop, in C++ a function of firmware/hls and in SystemVerilog an instance of a module of
firmware/rtl; its `operation` says which, with all that its schedule depends on. `fireline.sim.dataflow` gives each
operation its steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import assert_never

from fireline.codegen.design import stages
from fireline.codegen.design.latency import MARGIN, landing, process_latency, stream_latency
from fireline.codegen.design.operations import (
    Average,
    Elementwise,
    Fork,
    Join,
    LineBuffer,
    Mvu,
    Narrow,
    Operation,
    Pixels,
    Results,
    RunningMax,
    Widen,
)
from fireline.codegen.design.stages import Resize, Stage, Stream, design
from fireline.codegen.geometry.fires import Fire, is_pointwise
from fireline.codegen.plan.cost.memory import common_lanes
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Plan
from fireline.fixed import IntType
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Rescale,
)


@dataclass(frozen=True)
class Fifo:
    """A stream of tokens: `lanes` values of `type` each, lane 0 in the low bits, `depth` of them at most.

    `tensor` is the node whose output it carries, if this is where that output first appears. `edge` is the (node, input
    position) that the plan chooses its depth for, if it does; `narrowed` says that it is in front of that input's width
    adapter, and wider than the stream behind the adapter.

    `landing` of its tokens may still be in the pipeline of the process that writes it: room that a step takes when it
    begins. `latency` is how many cycles the stream itself adds to that pipeline's.
    """

    name: str
    type: IntType
    lanes: int
    depth: int = DEFAULT_DEPTH
    tensor: int | None = None
    edge: tuple[int, int] | None = None
    narrowed: bool = False
    landing: int = 0
    latency: int = 0

    @property
    def bits(self) -> int:
        """Width of a token."""
        return self.lanes * self.type.bits


@dataclass(frozen=True)
class Kernel:
    """A process: `operation` from FIFOs to FIFOs, by their places in the list; `node` is its place in the graph.

    `stage` is the stage of the design that it belongs to, if it belongs to one. A token is in the stream behind
    `latency` cycles later than that of a process without a pipeline.
    """

    name: str
    node: int | None
    operation: Operation
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stage: str | None
    latency: int


@dataclass(frozen=True)
class Kernels:
    """All of a plan; the first kernel brings the pixels, the last takes the results."""

    plan: Plan
    kernels: tuple[Kernel, ...]
    fifos: tuple[Fifo, ...]


def kernels(plan: Plan) -> Kernels:
    """The processes and FIFOs of the project that is generated from `plan`."""
    return _Builder(plan).run()


class _Builder:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.nodes = plan, plan.graph.nodes
        self.kernels: list[Kernel] = []
        self.fifos: list[Fifo] = []
        self.places: dict[str, int] = {}  # of the streams of the design, by name
        self.narrowed: dict[int, int] = {}  # the stream in front of an adapter, by that behind it
        self.tensors = {node.name: index for index, node in enumerate(self.nodes)}
        self.stage: str | None = None  # that is being built

    def run(self) -> Kernels:
        made = design(self.plan)
        self._stream(made.first)
        tokens = prod(self.nodes[0].output.shape) // made.first.lanes
        self._add("input", 0, Pixels(tokens), [], [self.places[made.first.name]])
        for process in made.processes:
            match process:
                case stages.Fork():
                    self._fork(process)
                case Resize(source, output, values):
                    before, place = self.places[source.name], self._stream(output)
                    self._resize(output.name, values, before, place)
                    if source.lanes > output.lanes:
                        self.narrowed[place] = before
                case Stage():
                    self._stage(process)
        values = prod(self.nodes[-1].output.shape)
        results = Results(values // made.last.lanes, made.last.lanes)
        self._add("output", len(self.nodes) - 1, results, [self.places[made.last.name]], [])
        self._land()
        return Kernels(self.plan, tuple(self.kernels), tuple(self.fifos))

    def _land(self) -> None:
        """Room for what is in the pipelines, in every stream whose depth the plan does not choose."""
        for kernel in self.kernels:
            room = landing(kernel.operation, MARGIN[self.plan.target] * kernel.latency)
            for place in kernel.outputs:
                fifo = self.fifos[place]
                depth = fifo.depth if fifo.edge else fifo.depth + room
                delay = stream_latency(self.plan, depth, fifo.bits)
                self.fifos[place] = replace(fifo, depth=depth, landing=room, latency=delay)

    def _fifo(self, fifo: Fifo) -> int:
        self.fifos.append(fifo)
        return len(self.fifos) - 1

    def _stream(self, stream: Stream) -> int:
        tensor = self.tensors[stream.node] if stream.node else None
        self.places[stream.name] = self._fifo(
            Fifo(stream.name, stream.type, stream.lanes, stream.depth, tensor)
        )
        return self.places[stream.name]

    def _add(
        self, name: str, node: int | None, operation: Operation, inputs: list[int], outputs: list[int]
    ) -> None:
        latency = process_latency(operation, self.plan.target)
        self.kernels.append(Kernel(name, node, operation, tuple(inputs), tuple(outputs), self.stage, latency))

    def _fork(self, fork: stages.Fork) -> None:
        outputs = [self._stream(stream) for stream in fork.outputs]
        source = self.places[fork.source.name]
        self._add(f"{fork.source.name}.fork", None, Fork(fork.tokens), [source], outputs)

    def _resize(self, name: str, values: int, source: int, output: int) -> None:
        before, after = self.fifos[source].lanes, self.fifos[output].lanes
        if after % before == 0:
            widen = Widen(values // before, after // before)
            self._add(f"{name}.resize", None, widen, [source], [output])
        elif before % after == 0:
            narrow = Narrow(values // before, before // after)
            self._add(f"{name}.resize", None, narrow, [source], [output])
        else:  # both one after the other: the wide token first, unless it were too wide
            type = self.fifos[source].type
            wide = common_lanes(before, after, type.bits)
            between = self._fifo(Fifo(f"{name}.common", type, wide))
            first, second = ("widen", "narrow") if wide > before else ("narrow", "widen")
            self._resize(f"{name}.{first}", values, source, between)
            self._resize(f"{name}.{second}", values, between, output)

    def _stage(self, stage: Stage) -> None:
        inputs = [self.places[stream.name] for stream in stage.inputs]
        for position, place in enumerate(inputs):
            edge = stage.nodes[0], position
            self.fifos[place] = replace(self.fifos[place], edge=edge)
            if place in self.narrowed:
                before = self.narrowed[place]
                self.fifos[before] = replace(self.fifos[before], edge=edge, narrowed=True)
        self.stage, output = stage.name, self._stream(stage.output)
        if stage.fire:
            self._fire(stage.fire, inputs[0], output)
        else:
            self._node(stage.nodes[0], inputs, output)
        self.stage = None

    def _node(self, index: int, inputs: list[int], output: int) -> None:
        node, folding = self.nodes[index], self.plan.foldings[index]
        shapes = [self.nodes[i].output.shape for i in node.inputs]
        operation: Operation
        match node:
            case Conv2d():
                self._conv2d(index, node, inputs[0], output)
                return
            case MaxPool2d():
                self._maxpool2d(index, node, inputs[0], output)
                return
            case GlobalAvgPool2d():
                operation = Average(prod(shapes[0][1:]), shapes[0][0] // folding.pe)
            case Concat():
                folds = tuple(shape[0] // folding.pe for shape in shapes)
                operation = Join(prod(node.output.shape[1:]), folds)
            case Add() | Rescale() | Lookup():
                operation = Elementwise(node, prod(node.output.shape) // folding.pe)
            case Input():
                raise AssertionError("the input is where the pixels come from")
            case _:
                assert_never(node)
        self._add(node.name, index, operation, inputs, [output])

    def _conv2d(self, index: int, node: Conv2d, source: int, output: int) -> None:
        folding, before = self.plan.foldings[index], self.nodes[node.inputs[0]].output
        if not is_pointwise(node):
            windows = self._fifo(Fifo(f"{node.name}.windows", before.type, folding.simd * folding.rows))
            operation = LineBuffer(node, before.shape, folding)
            self._add(f"{node.name}.line_buffer", index, operation, [source], [windows])
            source = windows
        self._add(f"{node.name}.mvu", index, Mvu(node, folding, before.type.bits), [source], [output])

    def _maxpool2d(self, index: int, node: MaxPool2d, source: int, output: int) -> None:
        channels, height, width = self.nodes[node.inputs[0]].output.shape
        lanes, columns = self.plan.foldings[index].pe, node.output.shape[2]
        folds = channels // lanes
        (kh, kw), (sh, sw), (top, left, bottom, right) = node.kernel, node.stride, node.padding
        rows = self._fifo(Fifo(f"{node.name}.rows", node.output.type, lanes))
        along = RunningMax(height, left, width, right, folds, kw, sw)
        down = RunningMax(1, top, height, bottom, columns * folds, kh, sh)
        self._add(f"{node.name}.along", index, along, [source], [rows])
        self._add(f"{node.name}.down", index, down, [rows], [output])

    def _fire(self, fire: Fire, source: int, output: int) -> None:
        squeeze, lanes = self.nodes[fire.squeeze], self.plan.foldings[fire.concat].pe
        squeezed = self._tensor(fire.squeeze, squeeze)
        self._node(fire.squeeze, [source], squeezed)
        values, pe = prod(squeeze.output.shape), self.fifos[squeezed].lanes
        expands = (fire.expand1x1, fire.expand3x3)
        copies = [self._fifo(Fifo(f"{self.nodes[e].name}.in", squeeze.output.type, pe)) for e in expands]
        self._add(f"{squeeze.name}.fork", None, Fork(values // pe), [squeezed], copies)
        joined = []
        for position, (expand, before) in enumerate(zip(expands, copies, strict=True)):
            node, simd = self.nodes[expand], self.plan.foldings[expand].simd
            resized = self._fifo(
                Fifo(
                    f"{node.name}.resized",
                    squeeze.output.type,
                    simd,
                    self.plan.depth(expand, 0),
                    edge=(expand, 0),
                )
            )
            self._resize(f"{node.name}.resized", values, before, resized)
            expanded = self._tensor(expand, node)
            self._node(expand, [resized], expanded)
            joined.append(
                self._fifo(
                    Fifo(
                        f"{node.name}.out",
                        node.output.type,
                        lanes,
                        self.plan.depth(fire.concat, position),
                        edge=(fire.concat, position),
                    )
                )
            )
            self._resize(f"{node.name}.out", prod(node.output.shape), expanded, joined[-1])
        self._node(fire.concat, joined, output)

    def _tensor(self, index: int, node: Node) -> int:
        """The FIFO behind a node inside a Fire module."""
        return self._fifo(Fifo(node.name, node.output.type, self.plan.foldings[index].pe, tensor=index))
