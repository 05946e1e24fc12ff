"""The dataflow simulator: when every step of every process runs, cycle by cycle.

All processes of a design advance together, one cycle at a time, in a handful of numpy operations on one element per
process. A process runs its next step in a cycle when every stream that the step reads has a token and every stream
that it writes has room, as they were when the cycle began. Pipeline depths are left out: they shift times by some
tens of cycles and change no rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fireline.codegen.plan import Plan
from fireline.errors import FirelineError
from fireline.sim.processes import PORTS, Network, network

Cycles = npt.NDArray[np.int32]

# Cycles between looks at whether anything still moves.
PATIENCE = 4096


class DeadlockError(FirelineError):
    """No process can go on, and the image is not finished."""

    def __init__(self, streams: str, hint: str) -> None:
        super().__init__(f"deadlock: {streams}", hint=hint)


@dataclass(frozen=True)
class Timing:
    """What a simulation saw. Times are in cycles from the first pixel's.

    `steps[p]` holds the time of every step of process p, all images one after the other; `occupancy[f]` the most
    tokens that FIFO f held.
    """

    network: Network
    frames: int
    steps: tuple[Cycles, ...]
    occupancy: tuple[int, ...]

    @property
    def latency(self) -> int:
        """Cycles from the first pixel in to the last value of the first image out."""
        return int(self.ends(-1)[0])

    @property
    def interval(self) -> int:
        """Cycles between the ends of the last two images; of the first alone when there is one."""
        ends = self.ends(-1)
        return int(ends[-1] - ends[-2]) if self.frames > 1 else int(ends[0])

    def ends(self, process: int) -> npt.NDArray[np.int64]:
        """When `process` has finished each image."""
        return self.steps[process].reshape(self.frames, -1)[:, -1].astype(np.int64) + 1


def simulate(plan: Plan, frames: int = 2, depths: dict[str, int] | None = None) -> Timing:
    """Run `frames` images, one right after the other, through the design of `plan`.

    `depths` replaces the depths of the streams it names.

    Raises:
        DeadlockError: the streams are too shallow for the image to finish; it names those that are full.
    """
    design = network(plan)
    changed = tuple(replace(f, depth=(depths or {}).get(f.name, f.depth)) for f in design.fifos)
    return run(Network(design.processes, changed), frames)


def run(design: Network, frames: int) -> Timing:
    """Run `frames` images through `design`."""
    processes, fifos = design.processes, design.fifos
    # A last step that waits for a port that is never ready keeps a process from running on.
    steps = np.concatenate([s for p in processes for s in [p.steps] * frames + [np.full(1, 255, np.uint8)]])
    lengths = np.array([len(p.steps) * frames + 1 for p in processes])
    position = np.cumsum(lengths) - lengths
    starts = position.copy()
    end = int(starts[-1] + lengths[-1] - 1)

    # Ports are bits of a step and bytes of a word: whether a step needs them, and whether they are not ready.
    needs = (np.arange(256)[:, None] >> np.arange(2 * PORTS) & 1).astype(np.uint8).view(np.uint64).ravel()
    never = 2 * len(fifos)
    ports = np.full((len(processes), 2 * PORTS), never)
    producer, consumer = np.zeros(len(fifos), int), np.zeros(len(fifos), int)
    for i, process in enumerate(processes):
        for k, f in enumerate(process.inputs):
            ports[i, k], consumer[f] = f, i * 2 * PORTS + k
        for k, f in enumerate(process.outputs):
            ports[i, PORTS + k], producer[f] = len(fifos) + f, i * 2 * PORTS + PORTS + k

    depth = np.array([f.depth for f in fifos])
    tokens, most = np.zeros(len(fifos), np.int64), np.zeros(len(fifos), np.int64)
    unready = np.ones(2 * len(fifos) + 1, np.uint8)  # FIFOs empty, FIFOs full, never
    empty, full = unready[: len(fifos)].view(bool), unready[len(fifos) : never].view(bool)
    full[:] = False
    time = np.zeros(len(steps), np.int32)
    state = np.empty(ports.shape, np.uint8)
    state_word = state.view(np.uint64).ravel()
    moved = np.empty(len(processes), np.uint64)
    moved_bytes = moved.view(np.uint8)

    now, seen = 0, position.copy()
    while position[-1] < end:
        need = needs[steps[position]]
        unready.take(ports, out=state)
        go = (need & state_word) == 0
        time[position] = now
        position += go
        np.multiply(need, go, out=moved)
        tokens += moved_bytes.take(producer)
        np.maximum(most, tokens, out=most)
        tokens -= moved_bytes.take(consumer)
        np.equal(tokens, 0, out=empty)
        np.greater_equal(tokens, depth, out=full)
        now += 1
        if now % PATIENCE == 0:
            if (position == seen).all():
                raise _deadlock(design, full)
            seen[:] = position
    times = tuple(time[s : s + n - 1] for s, n in zip(starts, lengths, strict=True))
    return Timing(design, frames, times, tuple(most.tolist()))


def _deadlock(design: Network, full: npt.NDArray[np.bool_]) -> DeadlockError:
    names = [fifo.name for fifo, is_full in zip(design.fifos, full, strict=True) if is_full]
    return DeadlockError(f"full streams {', '.join(names)}", hint="make them deeper")
