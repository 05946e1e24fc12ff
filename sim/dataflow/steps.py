"""The processes of a design step by step: in which steps each reads and writes which stream.

One step is one cycle of a pipelined loop of the kernel of the same name in firmware/hls/fireline. What a step
does is a byte: bit i reads input i, bit 4 + i writes output i.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd, prod

import numpy as np
import numpy.typing as npt

from fireline.codegen.design.stages import Fork, Resize, Stage, Stream, design
from fireline.codegen.geometry.fires import Fire, is_pointwise
from fireline.codegen.geometry.line_buffer import fill_pixels
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Plan
from fireline.graph import Add, Concat, Conv2d, GlobalAvgPool2d, Input, Lookup, MaxPool2d, Rescale, Shape

Steps = npt.NDArray[np.uint8]

READ, WRITE = 1, 16
PORTS = 4  # at most, each way


@dataclass(frozen=True)
class Fifo:
    """A stream; `edge` is the (node, input position) that the plan chooses its depth for, if it does.

    `narrowed` says that it is in front of that input's width adapter, and wider than the stream behind the adapter.
    """

    name: str
    depth: int
    edge: tuple[int, int] | None = None
    narrowed: bool = False


@dataclass(frozen=True, eq=False)
class Process:
    """A loop that goes through `steps` for every image; `node` is its place in the graph, if it belongs to a node."""

    name: str
    node: int | None
    steps: Steps
    inputs: tuple[int, ...]  # places in the list of FIFOs
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class Network:
    """All processes of a plan; the first produces the pixels, the last takes the results."""

    processes: tuple[Process, ...]
    fifos: tuple[Fifo, ...]


def network(plan: Plan) -> Network:
    """The processes and streams of the project that is generated from `plan`."""
    return _Builder(plan).run()


def copy(tokens: int, inputs: int = 1, outputs: int = 1) -> Steps:
    """Every step reads all inputs and writes all outputs."""
    return np.full(tokens, (READ << inputs) - READ + (WRITE << outputs) - WRITE, dtype=np.uint8)


def widen(tokens: int, ratio: int) -> Steps:
    """`ratio` tokens become one."""
    group = np.full(ratio, READ, dtype=np.uint8)
    group[-1] |= WRITE
    return np.tile(group, tokens // ratio)


def narrow(tokens: int, ratio: int) -> Steps:
    """One token becomes `ratio`."""
    group = np.full(ratio, WRITE, dtype=np.uint8)
    group[0] |= READ
    return np.tile(group, tokens)


def concat(pixels: int, folds: tuple[int, ...]) -> Steps:
    """Each pixel takes `folds[i]` tokens from input i, one input after the other."""
    pixel = np.repeat([WRITE | READ << i for i in range(len(folds))], folds).astype(np.uint8)
    return np.tile(pixel, pixels)


def line_buffer(node: Conv2d, source: Shape, folding: Folding) -> Steps:
    """Fills, then gives a window while it takes in what the next ones need."""
    folds = source[0] // folding.simd
    out_height, out_width = node.output.shape[1:]
    row = node.stride[0] * source[2] * folds
    loads = max(-(-row // out_width), node.stride[0] * node.stride[1] * folds)
    reads = int(prod(node.weight.shape[2:])) * folds // folding.rows
    fill = fill_pixels(node, source) * folds
    step = np.arange(max(reads, loads))
    windows = np.where(step < reads, WRITE, 0).astype(np.uint8)
    body = np.tile(windows, (out_height, out_width, 1))
    # Within a row of windows the loads are the first steps of each window until the row's share is in.
    rank = np.where(step < loads, np.arange(out_width)[:, None] * loads + step, row)
    rest = source[1] * source[2] * folds - fill
    for y in range(out_height):
        due = min(rest, row)
        rest -= due
        body[y] |= np.where(rank < due, READ, 0).astype(np.uint8)
    return np.concatenate([np.full(fill, READ, np.uint8), body.ravel()])


def mvu(node: Conv2d, folding: Folding) -> Steps:
    """The first fold of a window reads it; the last step of every fold writes a token."""
    channels, height, width = node.output.shape
    terms = folding.simd * folding.rows
    steps = int(prod(node.weight.shape[1:])) // terms
    window = np.zeros((channels // node.groups // folding.pe, steps), dtype=np.uint8)
    window[0] |= READ
    window[:, -1] |= WRITE
    return np.tile(window.ravel(), height * width * node.groups)


def running_max(
    outer: int, before: int, length: int, after: int, inner: int, kernel: int, stride: int
) -> Steps:
    """One pass of max pooling: windows of `kernel` positions every `stride` along a padded line."""
    early = min(after, stride - 1)  # positions by which a window may end earlier
    place = np.arange(length + after - early)
    rest = np.where(place < length - 1, 0, early)
    last = before + place + rest - (kernel - 1)  # where a window begins that would end here
    ends = (last >= 0) & (last % stride == 0)
    # Of the windows that end behind the last position, the first that may end there does.
    final = before + length - 1 + np.arange(early + 1) - (kernel - 1)
    ends[length - 1] = ((final >= 0) & (final % stride == 0)).any()
    line = (np.where(place < length, READ, 0) | np.where(ends, WRITE, 0)).astype(np.uint8)
    return np.tile(np.repeat(line, inner), outer)


def globalavgpool2d(pixels: int, folds: int) -> Steps:
    """Reads everything; the last pixel's tokens are written."""
    steps = np.full((pixels, folds), READ, dtype=np.uint8)
    steps[-1] |= WRITE
    return steps.ravel()


class _Builder:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.nodes = plan, plan.graph.nodes
        self.processes: list[Process] = []
        self.fifos: list[Fifo] = []
        self.places: dict[str, int] = {}  # of the streams of the design, by name
        self.narrowed: dict[int, int] = {}  # the stream in front of an adapter, by that behind it

    def run(self) -> Network:
        made = design(self.plan)
        self._stream(made.first)
        tokens = prod(self.nodes[0].output.shape) // made.first.lanes
        self._add("input", 0, np.full(tokens, WRITE, np.uint8), [], [self.places[made.first.name]])
        for process in made.processes:
            match process:
                case Fork():
                    self._fork(process)
                case Resize(source, output, values):
                    before, place = self.places[source.name], self._stream(output)
                    self._resize(output.name, values, source.lanes, output.lanes, before, place)
                    if source.lanes > output.lanes:
                        self.narrowed[place] = before
                case Stage():
                    self._stage(process)
        values = prod(self.nodes[-1].output.shape)
        steps = narrow(values // made.last.lanes, made.last.lanes) & np.uint8(READ)
        self._add("output", len(self.nodes) - 1, steps, [self.places[made.last.name]], [])
        return Network(tuple(self.processes), tuple(self.fifos))

    def _fifo(self, name: str, depth: int = DEFAULT_DEPTH, edge: tuple[int, int] | None = None) -> int:
        self.fifos.append(Fifo(name, depth, edge))
        return len(self.fifos) - 1

    def _stream(self, stream: Stream) -> int:
        self.places[stream.name] = self._fifo(stream.name, stream.depth)
        return self.places[stream.name]

    def _add(self, name: str, node: int | None, steps: Steps, inputs: list[int], outputs: list[int]) -> None:
        assert max(len(inputs), len(outputs)) <= PORTS, "a step is a byte"
        self.processes.append(Process(name, node, steps, tuple(inputs), tuple(outputs)))

    def _fork(self, fork: Fork) -> None:
        outputs = [self._stream(stream) for stream in fork.outputs]
        steps = copy(fork.tokens, 1, len(outputs))
        self._add(f"{fork.source.name}.fork", None, steps, [self.places[fork.source.name]], outputs)

    def _resize(self, name: str, values: int, before: int, after: int, source: int, output: int) -> None:
        wide = before // gcd(before, after) * after
        if wide == after:
            self._add(f"{name}.resize", None, widen(values // before, after // before), [source], [output])
        elif wide == before:
            self._add(f"{name}.resize", None, narrow(values // before, before // after), [source], [output])
        else:
            between = self._fifo(f"{name}.common")
            self._resize(f"{name}.widen", values, before, wide, source, between)
            self._resize(f"{name}.narrow", values, wide, after, between, output)

    def _stage(self, stage: Stage) -> None:
        inputs = [self.places[stream.name] for stream in stage.inputs]
        for position, place in enumerate(inputs):
            edge = stage.nodes[0], position
            self.fifos[place] = replace(self.fifos[place], edge=edge)
            if place in self.narrowed:
                before = self.narrowed[place]
                self.fifos[before] = replace(self.fifos[before], edge=edge, narrowed=True)
        if stage.fire:
            self._fire(stage.fire, inputs[0], self._stream(stage.output))
        else:
            self._node(stage.nodes[0], inputs, self._stream(stage.output))

    def _node(self, index: int, inputs: list[int], output: int) -> None:
        node, folding = self.nodes[index], self.plan.foldings[index]
        shapes = [self.nodes[i].output.shape for i in node.inputs]
        match node:
            case Conv2d():
                self._conv2d(index, node, inputs[0], output)
                return
            case MaxPool2d():
                self._maxpool2d(index, node, inputs[0], output)
                return
            case GlobalAvgPool2d():
                steps = globalavgpool2d(prod(shapes[0][1:]), shapes[0][0] // folding.pe)
            case Concat():
                steps = concat(prod(node.output.shape[1:]), tuple(shape[0] // folding.pe for shape in shapes))
            case Add() | Rescale() | Lookup():
                steps = copy(prod(node.output.shape) // folding.pe, len(inputs))
            case Input():
                raise AssertionError("the input is where the pixels come from")
        self._add(node.name, index, steps, inputs, [output])

    def _conv2d(self, index: int, node: Conv2d, source: int, output: int) -> None:
        folding = self.plan.foldings[index]
        if not is_pointwise(node):
            windows = self._fifo(f"{node.name}.windows")
            steps = line_buffer(node, self.nodes[node.inputs[0]].output.shape, folding)
            self._add(f"{node.name}.line_buffer", index, steps, [source], [windows])
            source = windows
        self._add(f"{node.name}.mvu", index, mvu(node, folding), [source], [output])

    def _maxpool2d(self, index: int, node: MaxPool2d, source: int, output: int) -> None:
        channels, height, width = self.nodes[node.inputs[0]].output.shape
        folds, columns = channels // self.plan.foldings[index].pe, node.output.shape[2]
        (kh, kw), (sh, sw), (top, left, bottom, right) = node.kernel, node.stride, node.padding
        rows = self._fifo(f"{node.name}.rows")
        along = running_max(height, left, width, right, folds, kw, sw)
        down = running_max(1, top, height, bottom, columns * folds, kh, sh)
        self._add(f"{node.name}.along", index, along, [source], [rows])
        self._add(f"{node.name}.down", index, down, [rows], [output])

    def _fire(self, fire: Fire, source: int, output: int) -> None:
        squeeze, pe = self.nodes[fire.squeeze], self.plan.foldings[fire.squeeze].pe
        values, lanes = prod(squeeze.output.shape), self.plan.foldings[fire.concat].pe
        squeezed = self._fifo(squeeze.name)
        self._node(fire.squeeze, [source], squeezed)
        expands = (fire.expand1x1, fire.expand3x3)
        copies = [self._fifo(f"{self.nodes[e].name}.in") for e in expands]
        self._add(f"{squeeze.name}.fork", None, copy(values // pe, 1, 2), [squeezed], copies)
        joined = []
        for position, (expand, before) in enumerate(zip(expands, copies, strict=True)):
            node, folding = self.nodes[expand], self.plan.foldings[expand]
            resized = self._fifo(f"{node.name}.resized", self.plan.depth(expand, 0), (expand, 0))
            self._resize(f"{node.name}.resized", values, pe, folding.simd, before, resized)
            expanded = self._fifo(node.name)
            self._node(expand, [resized], expanded)
            depth = self.plan.depth(fire.concat, position)
            joined.append(self._fifo(f"{node.name}.out", depth, (fire.concat, position)))
            self._resize(f"{node.name}.out", prod(node.output.shape), folding.pe, lanes, expanded, joined[-1])
        self._node(fire.concat, joined, output)
