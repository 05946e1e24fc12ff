"""Measuring two sides of a comparison: alternately, in CPU time and in wall time, with the spread of the ratios.

CPU time is that of this process and of the children it waited for, user and system. On a machine that does other work
it says what a side costs; wall time says that only on a quiet one.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Seconds of a piece of work."""

    wall: float
    cpu: float

    def __truediv__(self, count: int) -> Cost:
        return Cost(self.wall / count, self.cpu / count)


@dataclass(frozen=True)
class Spread:
    """Least, median and largest of repeated measurements."""

    low: float
    median: float
    high: float

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.median:.3g}"
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


@dataclass(frozen=True)
class Result:
    """One row of the page: what was measured, in `unit`, and what was asked for.

    A ratio (`unit` is "x") says how many times as fast Fireline is as `peer`, in CPU time; `wall` is the same in wall
    time. `limit` is the goal, if there is one: at least that for a ratio, at most that for anything else.
    """

    what: str
    network: str
    peer: str
    value: Spread
    unit: str
    limit: float | None = None
    wall: Spread | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value.median >= self.limit if self.unit == "x" else self.value.median <= self.limit

    def __str__(self) -> str:
        goal = {None: "", True: "  goal met", False: "  GOAL MISSED"}[self.met]
        limit = "" if self.limit is None else f" [{'>=' if self.unit == 'x' else '<='} {self.limit:g}]"
        wall = f", wall {self.wall}" if self.wall else ""
        sides = f"{self.what}, {self.network}" + (f" against {self.peer}" if self.peer else "")
        return f"{sides}: {self.value} {self.unit}{wall}{limit}{goal}  {self.note}"


def one_thread() -> None:
    """Let torch compute on one core, so that ratios are per core."""
    import torch

    torch.set_num_threads(1)


def cost(work: Callable[[], object]) -> Cost:
    """What one call of `work` takes."""
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return Cost(time.perf_counter() - wall, _cpu() - cpu)


def alternate(
    sides: Sequence[Callable[[], Cost]], repeats: int, warm_up: bool = True
) -> tuple[list[Cost], ...]:
    """The costs of all sides, one after the other, `repeats` times; a first round is thrown away if `warm_up`."""
    rounds = [[side() for side in sides] for _ in range(repeats + warm_up)][warm_up:]
    return tuple(list(costs) for costs in zip(*rounds, strict=True))


def timed(work: Callable[[], object], images: int = 1) -> Callable[[], Cost]:
    """A side for `alternate`: the cost of `work` per image."""
    return lambda: cost(work) / images


def spread(values: Sequence[float]) -> Spread:
    """Their least, median and largest."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
    return Spread(ordered[0], median, ordered[-1])


def alone(value: float) -> Spread:
    """A single measurement."""
    return Spread(value, value, value)


def ratio(
    what: str,
    network: str,
    peer: str,
    ours: Sequence[Cost],
    theirs: Sequence[Cost],
    limit: float | None = None,
    note: str = "",
) -> Result:
    """How many times as fast we are, pair by pair."""
    pairs = list(zip(ours, theirs, strict=True))
    times = ", ".join(
        f"{name} {spread([c.cpu for c in costs]).median * 1e3:.3g}"
        for name, costs in (("ours", ours), ("theirs", theirs))
    )
    return Result(
        what,
        network,
        peer,
        spread([b.cpu / a.cpu for a, b in pairs]),
        "x",
        limit,
        spread([b.wall / a.wall for a, b in pairs]),
        "; ".join(filter(None, [f"CPU ms: {times}", note])),
    )


def finish(results: Sequence[Result]) -> None:
    """Print the results, and leave them in the file that the command line names, if it names one."""
    for result in results:
        print(result, flush=True)
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(json.dumps([asdict(result) for result in results], indent=1) + "\n")


def _cpu() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in spent)
