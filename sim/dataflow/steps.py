"""The processes of a design step by step: in which steps each reads and writes which stream.

One step is one cycle of a pipelined loop of the kernel of the same name in firmware. What a step does is a byte: bit i
reads input i, bit 4 + i writes output i.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from fireline.codegen.design.kernels import Fifo, Kernel, kernels
from fireline.codegen.design.operations import (
    Average,
    Elementwise,
    Fork,
    Join,
    LineBuffer,
    Mvu,
    Narrow,
    Pixels,
    Results,
    RunningMax,
    Widen,
)
from fireline.codegen.geometry.line_buffer import fill_pixels
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.graph import Conv2d, Shape

Steps = npt.NDArray[np.uint8]

READ, WRITE = 1, 16
PORTS = 4  # at most, each way


@dataclass(frozen=True, eq=False)
class Process:
    """A loop that goes through `steps` for every image; `node` is its place in the graph, if it belongs to a node.

    What a step writes is in its stream `latency` cycles later than at once.
    """

    name: str
    node: int | None
    steps: Steps
    inputs: tuple[int, ...]  # places in the list of FIFOs
    outputs: tuple[int, ...]
    latency: int = 0


@dataclass(frozen=True)
class Network:
    """All processes of a plan; the first produces the pixels, the last takes the results."""

    processes: tuple[Process, ...]
    fifos: tuple[Fifo, ...]

    @property
    def delays(self) -> tuple[int, ...]:
        """Cycles by which a token of each FIFO can be read later than in the cycle after the step that writes it."""
        result = [fifo.latency for fifo in self.fifos]
        for process in self.processes:
            for place in process.outputs:
                result[place] += process.latency
        return tuple(result)


def network(plan: Plan) -> Network:
    """The processes and streams of the project that is generated from `plan`."""
    made = kernels(plan)
    return Network(tuple(map(_process, made.kernels)), made.fifos)


def _process(kernel: Kernel) -> Process:
    assert max(len(kernel.inputs), len(kernel.outputs)) <= PORTS, "a step is a byte"
    return Process(kernel.name, kernel.node, steps(kernel), kernel.inputs, kernel.outputs, kernel.latency)


def steps(kernel: Kernel) -> Steps:
    """What `kernel` does with an image."""
    match kernel.operation:
        case Pixels(tokens):
            return np.full(tokens, WRITE, np.uint8)
        case Results(tokens, lanes):
            return narrow(tokens, lanes) & np.uint8(READ)
        case Fork(tokens):
            return copy(tokens, 1, len(kernel.outputs))
        case Widen(tokens, ratio):
            return widen(tokens, ratio)
        case Narrow(tokens, ratio):
            return narrow(tokens, ratio)
        case LineBuffer(node, source, folding):
            return line_buffer(node, source, folding)
        case Mvu(node, folding, _):
            return mvu(node, folding)
        case RunningMax(outer, before, length, after, inner, size, stride):
            return running_max(outer, before, length, after, inner, size, stride)
        case Average(pixels, folds):
            return globalavgpool2d(pixels, folds)
        case Join(pixels, counts):
            return concat(pixels, counts)
        case Elementwise(_, tokens):
            return copy(tokens, len(kernel.inputs))


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
