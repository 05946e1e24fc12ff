"""When each layer is at work, from the cycle simulation, as rows of the report."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.graph import Graph
from fireline.sim.dataflow.simulator import Timing
from fireline.sim.report.format import count, percent, width


@dataclass(frozen=True)
class Frame:
    """The time of one image in a layer: a bar from `left`, `bar` long, in percent of the whole simulation."""

    left: str
    bar: str


@dataclass(frozen=True)
class Row:
    """One layer. `first` and `last` are cycles of the first image, `busy` the share of them it worked in."""

    node: str
    first: str
    last: str
    busy: str
    frames: tuple[Frame, ...]


@dataclass(frozen=True)
class Timeline:
    """All layers over `cycles`."""

    images: int
    cycles: str
    interval: str
    latency: str
    rows: tuple[Row, ...]


def timeline(graph: Graph, timing: Timing) -> Timeline:
    """The processes of a node, such as its line buffer and its multipliers, are one row."""
    whole = int(timing.ends.max())
    rows = []
    for index, node in enumerate(graph.nodes):
        own = [p for p, process in enumerate(timing.network.processes) if process.node == index]
        if own:
            rows.append(_row(node.name, timing, own, whole))
    return Timeline(timing.frames, count(whole), count(timing.interval), count(timing.latency), tuple(rows))


def _row(name: str, timing: Timing, own: list[int], whole: int) -> Row:
    spans = list(
        zip(timing.begins[own].min(axis=0).tolist(), timing.ends[own].max(axis=0).tolist(), strict=True)
    )
    first, last = spans[0]
    busy = max(len(timing.network.processes[p].steps) for p in own) / (last - first)
    frames = tuple(Frame(width(start / whole), width((end - start) / whole)) for start, end in spans)
    return Row(name, count(first), count(last), percent(busy, 0), frames)
