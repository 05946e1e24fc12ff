"""Why processes wait: for input, or for room behind them, and at which stream."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.sim.dataflow.simulator import Trace
from fireline.sim.dataflow.steps import READ, WRITE, Network

Cycles = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stall:
    """How a process spends the cycles of the last image, from the end of the one before to its own end.

    `busy + starved + blocked` is that time. `waits_for` is the stream that it waits for longest, if it waits.
    """

    process: str
    node: int | None
    busy: int
    starved: int
    blocked: int
    waits_for: str | None


def stalls(trace: Trace) -> tuple[Stall, ...]:
    """One entry for every process, in the order of the data."""
    design = trace.timing.network
    producers = [_producer(design, fifo) for fifo in range(len(design.fifos))]
    written = [_times(trace, process, WRITE << port) for process, port in producers]
    return tuple(_stall(trace, p, written) for p in range(len(trace.steps)))


def _stall(trace: Trace, index: int, written: list[Cycles]) -> Stall:
    timing, times = trace.timing, trace.steps[index].astype(np.int64)
    process = timing.network.processes[index]
    steps = np.tile(process.steps, timing.frames)
    free = np.concatenate([[0], times[:-1] + 1])  # when the process could have run the step
    ready, waits = free.copy(), {}
    last = slice(len(process.steps) * (timing.frames - 1), None)
    for k, f in enumerate(process.inputs):
        reads = (steps & READ << k) != 0
        there = np.zeros_like(free)
        there[reads] = written[f][: np.count_nonzero(reads)] + 1 + timing.network.delays[f]
        waits[f] = int(np.maximum(there - free, 0)[last].sum())
        ready = np.maximum(ready, there)
    starved, blocked = int((ready - free)[last].sum()), int((times - ready)[last].sum())
    if process.outputs:
        waits[process.outputs[0]] = blocked
    longest = max(waits, key=lambda f: waits[f])
    name = timing.network.fifos[longest].name if waits[longest] else None
    return Stall(process.name, process.node, len(process.steps), starved, blocked, name)


def _producer(design: Network, fifo: int) -> tuple[int, int]:
    """The process that writes a FIFO, and its port."""
    for p, process in enumerate(design.processes):
        if fifo in process.outputs:
            return p, process.outputs.index(fifo)
    raise AssertionError(f"nothing writes stream {fifo}")


def _times(trace: Trace, process: int, bit: int) -> Cycles:
    """When a process runs the steps that use a port."""
    steps = np.tile(trace.timing.network.processes[process].steps, trace.timing.frames)
    used: Cycles = trace.steps[process][(steps & bit) != 0].astype(np.int64)
    return used
