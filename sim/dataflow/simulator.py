"""The dataflow simulator: when every step of every process runs, cycle by cycle.

All processes of a design advance together, one cycle at a time. A process runs its next step in a cycle when every
stream that the step reads has a token and every stream that it writes has room, as they were when the cycle began.
The step takes that room at once (a credit); its token is there when the pipeline has brought it, some cycles later.

RTL does just that. A pipeline of HLS (style flp) takes no credits: it goes on while its last stage has room, and then
stands still as a whole. It is never later than the simulator says, by induction over steps. Step n can begin in the
cycle in which it does here: its tokens are there, and only a step m < n that waits for room could hold the pipeline
up, but m found that room here before it began. From then on nothing holds n up, so its token is there no later.

The loop over cycles is compiled (`loop.cpp`); the steps come from `steps`, not from the kernels.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fireline.codegen.plan.foldings import Plan
from fireline.errors import FirelineError
from fireline.sim.dataflow.native import dataflow
from fireline.sim.dataflow.steps import PORTS, Network, network

Cycles = npt.NDArray[np.int32]


class DeadlockError(FirelineError):
    """No process can go on, and the image is not finished."""

    def __init__(self, streams: str, hint: str) -> None:
        super().__init__(f"deadlock: {streams}", hint=hint)


@dataclass(frozen=True, eq=False)
class Timing:
    """What a simulation saw. Times are in cycles from the first pixel's.

    `begins` and `ends` (processes, images) hold when each process begins each image and when it has finished it, its
    pipeline included; `written` when its last token of the image is there, which is earlier where the process still
    reads what no result needs; a process that writes nothing has written when it ends. `occupancy[f]` is the most
    tokens that FIFO f had room taken by, those still on their way to it too.
    """

    network: Network
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    written: npt.NDArray[np.int64]
    occupancy: tuple[int, ...]

    @property
    def frames(self) -> int:
        """Images that were simulated."""
        return len(self.ends[0])

    @property
    def latency(self) -> int:
        """Cycles from the first pixel in to the last value of the first image out."""
        return int(self.ends[-1, 0])

    @property
    def interval(self) -> int:
        """Cycles between the ends of the last two images; of the first alone when there is one."""
        ends = self.ends[-1]
        return int(ends[-1] - ends[-2]) if self.frames > 1 else int(ends[0])


@dataclass(frozen=True, eq=False)
class Trace:
    """A simulation step by step: `steps[p]` holds the cycle of every step of process p, one image after the other."""

    timing: Timing
    steps: tuple[Cycles, ...]


def simulate(plan: Plan, frames: int = 2, depths: dict[str, int] | None = None) -> Timing:
    """Run `frames` images, one right after the other, through the design of `plan`.

    `depths` replaces the depths of the streams it names.

    Raises:
        DeadlockError: the streams are too shallow for the image to finish; it names those that are full.
        FirelineError: there is no C++ compiler.
    """
    design = network(plan)
    changed = tuple(replace(f, depth=(depths or {}).get(f.name, f.depth)) for f in design.fifos)
    return run(Network(design.processes, changed), frames)


def run(design: Network, frames: int) -> Timing:
    """Run `frames` images through `design`; errors as for `simulate`."""
    return _run(design, frames, None)


def trace(design: Network, frames: int) -> Trace:
    """As `run`, with the time of every step."""
    steps = tuple(np.empty(len(p.steps) * frames, np.int32) for p in design.processes)
    return Trace(_run(design, frames, steps), steps)


def _run(design: Network, frames: int, times: tuple[Cycles, ...] | None) -> Timing:
    processes, fifos = design.processes, design.fifos
    ports = np.full((len(processes), 2 * PORTS), -1, np.int32)
    for own, process in zip(ports, processes, strict=True):
        own[: len(process.inputs)] = process.inputs
        own[PORTS : PORTS + len(process.outputs)] = process.outputs
    lengths = np.array([len(process.steps) for process in processes], np.int64)
    delays = np.array(design.delays, np.int64)
    depths = np.array([fifo.depth for fifo in fifos], np.int64)
    begins, ends, written = np.empty((3, len(processes), frames), np.int64)
    peaks = np.empty(len(fifos), np.int64)
    finished = dataflow()(
        ctypes.c_int32(len(processes)),
        ctypes.c_int32(len(fifos)),
        ctypes.c_int64(frames),
        _pointers([process.steps for process in processes]),
        *(
            ctypes.c_void_p(array.ctypes.data)
            for array in (lengths, ports, depths, delays, begins, ends, written, peaks)
        ),
        None if times is None else _pointers(times),
    )
    if not finished:
        names = [fifo.name for fifo, is_full in zip(fifos, peaks, strict=True) if is_full]
        raise DeadlockError(f"full streams {', '.join(names)}", hint="make them deeper")
    for behind in (ends, written):
        behind += np.array([[process.latency] for process in processes])
    return Timing(design, begins, ends, written, tuple(peaks.tolist()))


def _pointers(arrays: Sequence[npt.NDArray[np.generic]]) -> ctypes.Array[ctypes.c_void_p]:
    """Where contiguous arrays lie."""
    assert all(array.flags.c_contiguous for array in arrays)
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))
