"""The pipeline as a drawing: which block lies where, and how the streams run between them.

The graph is cut where all data passes through one stream. Each piece is a small drawing of its own that data enters on
the left and leaves on the right, at half its height; the page sets the pieces one after the other like words, so that
the pipeline fits every width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from fireline.codegen.geometry.fires import Fire, find_fires
from fireline.codegen.plan.summary import Summary
from fireline.graph import Graph
from fireline.sim.report.blocks import GAP, STACK, Box, Point, curve, fire_box, node_box
from fireline.sim.report.format import shape

LEAD, TAIL, LANE = 16.0, 70.0, 16.0  # before the first column, behind the last, height of a lane


@dataclass(frozen=True)
class Drawing:
    """A piece of the pipeline; `shape` and `type` are of the stream that leaves it."""

    name: str
    width: float
    height: float
    boxes: tuple[Box, ...]
    wires: tuple[str, ...]
    forks: tuple[Point, ...]
    exit: Point
    shape: str
    type: str


@dataclass(frozen=True)
class Unit:
    """A node, or the four of a Fire module; `output` is the node that others read."""

    output: int
    inputs: tuple[int, ...]
    fire: Fire | None = None


def pipeline(graph: Graph, summary: Summary | None) -> tuple[Drawing, ...]:
    """The drawings of `graph`, in the order of the data; without a summary they tell nothing of hardware."""
    return tuple(_draw(graph, summary, piece) for piece in _pieces(graph, _units(graph)))


def _units(graph: Graph) -> list[Unit]:
    fires = {index: fire for fire in find_fires(graph) for index in fire.nodes}
    units = []
    for index, node in enumerate(graph.nodes):
        fire = fires.get(index)
        if fire is None:
            units.append(Unit(index, node.inputs))
        elif index == fire.concat:
            units.append(Unit(index, graph.nodes[fire.squeeze].inputs, fire))
    return units


def _pieces(graph: Graph, units: list[Unit]) -> Iterator[list[Unit]]:
    """The units up to and including each that no stream passes by."""
    reader = {index: position for position, unit in enumerate(units) for index in unit.inputs}
    piece: list[Unit] = []
    furthest = 0  # the last unit that reads what was made before this one
    for position, unit in enumerate(units):
        piece.append(unit)
        if furthest <= position:
            yield piece
            piece = []
        furthest = max(furthest, reader.get(unit.output, 0))


def _draw(graph: Graph, summary: Summary | None, piece: list[Unit]) -> Drawing:
    """Columns by the longest way from the entry; a stream that skips columns runs in a lane above them."""
    column: dict[int, int] = {}
    for unit in piece:
        column[unit.output] = 1 + max((column.get(i, -1) for i in unit.inputs), default=-1)
    edges = [(source, unit.output) for unit in piece for source in dict.fromkeys(unit.inputs)]
    skipping = [(a, b) for a, b in edges if column[b] - column.get(a, -1) > 1]
    lanes = list(dict.fromkeys(source for source, _ in skipping))

    made = {unit.output: _box(graph, summary, unit) for unit in piece}
    columns = [[b for i, b in made.items() if column[i] == c] for c in range(1 + max(column.values()))]
    middle = max(map(_stacked, columns)) / 2 + LANE * len(lanes) + 6
    boxes: dict[int, Box] = {}
    x = LEAD
    for number, stack in enumerate(columns):
        y, width = middle - _stacked(stack) / 2, max(box.width for box in stack)
        for index in (i for i in made if column[i] == number):
            boxes[index] = replace(made[index], x=x + (width - made[index].width) / 2, y=y)
            y += made[index].height + STACK
        x += width + GAP

    starts = {source: boxes[source].exit if source in boxes else (0.0, middle) for source, _ in edges}
    forks = {source: (starts[source][0] + 8, starts[source][1]) for source in lanes}
    wires = [curve(starts[a], boxes[b].entry) for a, b in edges if (a, b) not in skipping]
    wires += [_detour(forks[a], LANE * lanes.index(a) + 8, boxes[b]) for a, b in skipping]
    last = piece[-1].output
    end = (x - GAP + TAIL, middle)
    output = graph.nodes[last].output
    return Drawing(
        name=", ".join(graph.nodes[unit.output].name for unit in piece),
        width=end[0],
        height=2 * middle,
        boxes=tuple(boxes.values()),
        wires=(*wires, curve(boxes[last].exit, end)),
        forks=tuple(forks.values()),
        exit=end,
        shape=shape(output.shape),
        type=str(output.type),
    )


def _box(graph: Graph, summary: Summary | None, unit: Unit) -> Box:
    return fire_box(graph, summary, unit.fire) if unit.fire else node_box(graph, summary, unit.output)


def _stacked(boxes: list[Box]) -> float:
    """The height of boxes one above the other."""
    return sum(box.height + STACK for box in boxes) - STACK


def _detour(fork: Point, lane: float, box: Box) -> str:
    """Up from a fork, along a lane, and down into the top of a box."""
    x = box.x + box.width / 2
    return f"M{fork[0]:g} {fork[1]:g}V{lane + 6:g}q0 -6 6 -6H{x - 6:g}q6 0 6 6V{box.y:g}"
