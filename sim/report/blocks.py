"""The blocks of the pipeline drawing: a node, or a Fire module with its frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fireline.codegen.geometry.fires import Fire
from fireline.codegen.plan.summary import Stage, Summary
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Rescale,
)
from fireline.sim.report.format import TIMES, percent, shape

Point = tuple[float, float]

SIZES = {"block": (118.0, 52.0), "bar": (22.0, 52.0), "sum": (26.0, 26.0)}  # width and height of each form
GAP, STACK, FRAME = 22.0, 20.0, 10.0  # between columns, between rows, inside a frame
LABEL = 17  # characters that fit a block


@dataclass(frozen=True)
class Block:
    """A node. `load` is the length of its bar of busy cycles, None without a plan."""

    node: str
    form: str  # block, bar or sum
    label: str
    lines: tuple[str, ...]
    tip: str
    load: float | None
    bottleneck: bool
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> Point:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Box:
    """What is placed as one, at (x, y): entered on the left and left on the right, both at half its height.

    Its blocks, its `wires` (SVG paths) and `forks` (points where a stream is copied) are relative to (x, y). `frame` is
    the name of a Fire module, drawn round all.
    """

    width: float
    height: float
    blocks: tuple[Block, ...]
    frame: str | None = None
    wires: tuple[str, ...] = ()
    forks: tuple[Point, ...] = ()
    x: float = 0.0
    y: float = 0.0

    @property
    def entry(self) -> Point:
        """Where data enters."""
        return self.x, self.y + self.height / 2

    @property
    def exit(self) -> Point:
        """Where data leaves."""
        return self.x + self.width, self.y + self.height / 2


def node_box(graph: Graph, summary: Summary | None, index: int) -> Box:
    """One node."""
    block = _block(graph.nodes[index], index, summary)
    return Box(block.width, block.height, (replace(block, label=_shortened(block.label)),))


def fire_box(graph: Graph, summary: Summary | None, fire: Fire) -> Box:
    """Squeeze on the left, the expansions one above the other, concat on the right."""
    made = [_block(graph.nodes[i], i, summary) for i in fire.nodes]
    prefix = _common_words([block.node for block in made])
    squeeze, left, right, concat = (
        replace(block, label=_shortened(block.label.removeprefix(prefix))) for block in made
    )
    wide, high = SIZES["block"]
    height = 2 * high + STACK + 2 * FRAME + 12
    middle = height / 2
    column, join = FRAME + wide + GAP, FRAME + 2 * (wide + GAP) - 4
    upper, lower = middle - STACK / 2 - high, middle + STACK / 2
    full = join + concat.width + FRAME
    wires = [f"M0 {middle:g}H{FRAME:g}", f"M{full - FRAME:g} {middle:g}H{full:g}"]
    for y in (upper + high / 2, lower + high / 2):
        wires += [curve((FRAME + wide, middle), (column, y)), curve((column + wide, y), (join, y))]
    blocks = (
        replace(squeeze, x=FRAME, y=middle - high / 2),
        replace(left, x=column, y=upper),
        replace(right, x=column, y=lower),
        replace(concat, x=join, y=upper, height=2 * high + STACK),
    )
    name = prefix.rstrip("_") or "fire"
    return Box(full, height, blocks, name, tuple(wires), ((FRAME + wide + 4, middle),))


def curve(start: Point, end: Point) -> str:
    """A stream from one point to another as an SVG path."""
    (x1, y1), (x2, y2) = start, end
    if y1 == y2:
        return f"M{x1:g} {y1:g}H{x2:g}"
    half = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{half:g} {y1:g} {half:g} {y2:g} {x2:g} {y2:g}"


def operation(node: Node) -> str:
    """What a node does, in a few characters."""
    match node:
        case Input():
            return "input"
        case Conv2d(weight=weight, stride=stride, groups=groups):
            kh, kw = weight.shape[2:]
            step = f"/{stride[0]}" if max(stride) > 1 else ""
            return f"{kh}{TIMES}{kw}{step} conv {weight.shape[1] * groups}→{len(weight)}"
        case MaxPool2d(kernel=(kh, kw), stride=stride):
            return f"{kh}{TIMES}{kw} max pool/{stride[0]}"
        case GlobalAvgPool2d():
            return "average pool"
        case Concat():
            return "concat"
        case Add():
            return "add"
        case Rescale():
            return "rescale"
        case Lookup():
            return f"lookup of {node.table.shape[1]}"


def folding(stage: Stage) -> str:
    """The parallelism of a stage."""
    if stage.lanes:
        return f"pe {stage.pe} · simd {stage.simd}"
    return f"{stage.pe} lanes" if stage.pe > 1 else "1 lane"


def _block(node: Node, index: int, summary: Summary | None) -> Block:
    form = "bar" if isinstance(node, Concat) else "sum" if isinstance(node, Add) else "block"
    width, height = SIZES[form]
    lines = [operation(node)]
    tip = [node.name, operation(node), f"{shape(node.output.shape)} {node.output.type}"]
    if any(node.output.offset):
        tip.append(f"real value: {node.output.reading}")
    load, bottleneck = None, False
    if summary:
        stage = summary.stages[index]
        share = stage.cycles / summary.initiation_interval
        load, bottleneck = round(share * width, 1), stage.bottleneck
        lines.append(folding(stage))
        tip += [folding(stage), f"{stage.cycles:,} cycles, {percent(share, 0)} of the interval"]
    return Block(
        node.name, form, node.name, tuple(lines), "\n".join(tip), load, bottleneck, 0.0, 0.0, width, height
    )


def _shortened(label: str) -> str:
    return label if len(label) <= LABEL else f"{label[: LABEL - 1]}…"


def _common_words(names: Sequence[str]) -> str:
    """The words that all names begin with, the underscore behind them included."""
    shared = []
    for words in zip(*(name.split("_") for name in names), strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return "_".join([*shared, ""]) if shared else ""
