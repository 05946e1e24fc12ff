"""The block RAM of the device as a map: one square a RAMB36 or an EBR, filled in the order of the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

from fireline.codegen.plan.summary import Summary
from fireline.sim.report.format import count
from fireline.sim.report.hardware import role_of, words

SQUARE = 10  # side of a RAMB36 or an EBR
ASPECT = 7  # width to height of the whole


@dataclass(frozen=True)
class Run:
    """Squares side by side that hold one memory; half a square is a RAMB18."""

    role: str
    tip: str
    x: float
    y: int
    width: float


@dataclass(frozen=True)
class MemoryMap:
    """`outline` is the SVG path round all squares of the device."""

    width: int
    height: int
    outline: str
    runs: tuple[Run, ...]


def memory_map(summary: Summary) -> MemoryMap | None:
    """None when the memories do not fit the device."""
    total = int(summary.available.blocks)
    if not total or summary.used.blocks > total:
        return None
    columns = ceil(sqrt(total * ASPECT))
    rows = ceil(total / columns)
    runs: list[Run] = []
    place = 0.0
    for role, tip, blocks in _memories(summary):
        runs += _laid(role, tip, place, blocks, columns)
        place += blocks
    width, height = columns * SQUARE, rows * SQUARE
    last = (total - (rows - 1) * columns) * SQUARE
    outline = f"M0 0H{width}V{height - SQUARE}H{last}V{height}H0Z"
    return MemoryMap(width, height, outline, tuple(runs))


def _memories(summary: Summary) -> Iterator[tuple[str, str, float]]:
    """Role, description and blocks of every memory in block RAM."""
    rest = summary.used.blocks
    for stage in summary.stages:
        for memory in stage.memories:
            if memory.blocks:
                rest -= memory.blocks
                size = f"{words(memory)} bit, {count(memory.blocks)} {summary.block}"
                yield role_of(memory), f"{stage.name} {memory.name}\n{size}", memory.blocks
    if rest:
        yield "shell", f"around the network\n{count(rest)} {summary.block}", rest


def _laid(role: str, tip: str, place: float, blocks: float, columns: int) -> Iterator[Run]:
    """`blocks` from `place` on, cut at the ends of the rows."""
    while blocks > 0:
        row = int(place // columns)
        part = min(blocks, (row + 1) * columns - place)
        yield Run(role, tip, (place - row * columns) * SQUARE, row * SQUARE, part * SQUARE)
        place, blocks = place + part, blocks - part
