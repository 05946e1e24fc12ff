"""The hardware of a plan as rows of the report: resources against the device, layers, memories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from fireline.codegen.plan.foldings import Plan
from fireline.codegen.plan.options import budget
from fireline.codegen.plan.summary import Memory, Stage, Summary
from fireline.graph import Conv2d, Graph, Node
from fireline.sim.report.blocks import folding, operation
from fireline.sim.report.format import TIMES, bits, count, percent, shape, width

# What a memory holds, by the name of the part; anything else is constants and sums.
ROLES = {
    "weights": "weights",
    "line buffer": "buffers",
    "window": "buffers",
    "rows": "buffers",
    "columns": "buffers",
    "fifo": "streams",
}
ROLE_NAMES = {
    "weights": "weights",
    "buffers": "line buffers and windows",
    "streams": "streams between stages",
    "other": "biases, scales and sums",
    "shell": "around the network",
}


@dataclass(frozen=True)
class Resource:
    """One resource of the device: a bar with a mark at the budget."""

    name: str
    used: str
    available: str
    share: str
    bar: str
    mark: str
    over: bool


@dataclass(frozen=True)
class Layer:
    """A row of the table of layers; hardware columns are None without a plan."""

    node: str
    operation: str
    shape: str
    type: str
    weights: str
    weight_type: str
    accumulator: str
    hardware: LayerHardware | None


@dataclass(frozen=True)
class LayerHardware:
    """The hardware columns."""

    folding: str
    cycles: str
    load: str
    bar: str
    busy: str
    rom: str
    blocks: str
    dsp: str
    lut: str
    bottleneck: bool


@dataclass(frozen=True)
class LayerMemory:
    """A row of the table of memories: block RAMs by what they hold, as parts of one bar."""

    node: str
    memories: str
    content: str
    blocks: str
    lut: str
    bars: tuple[tuple[str, str], ...]  # role, length


def resource_bars(plan: Plan, summary: Summary) -> list[Resource]:
    """Every resource that the device has."""
    limit = budget(plan.device)
    rows = []
    for field in fields(summary.used):
        used, available = getattr(summary.used, field.name), getattr(summary.available, field.name)
        allowed = limit.bram18 if field.name == "ebr" else getattr(limit, field.name)
        if available:
            rows.append(
                Resource(
                    field.name.upper(),
                    count(used),
                    count(available),
                    percent(used / available),
                    width(used / available),
                    width(allowed / available),
                    used > allowed,
                )
            )
    return rows


def layers(graph: Graph, summary: Summary | None) -> list[Layer]:
    """Every node of the graph."""
    stages: Sequence[Stage | None] = summary.stages if summary else [None] * len(graph.nodes)
    return [_layer(node, stage, summary) for node, stage in zip(graph.nodes, stages, strict=True)]


def _layer(node: Node, stage: Stage | None, summary: Summary | None) -> Layer:
    weights = weight_type = accumulator = ""
    if isinstance(node, Conv2d):
        weights, weight_type = count(node.weight.size), str(node.weight_type)
        accumulator = str(node.accumulator)
    return Layer(
        node.name,
        operation(node),
        shape(node.output.shape),
        str(node.output.type),
        weights,
        weight_type,
        accumulator,
        _hardware(stage, summary.initiation_interval) if stage and summary else None,
    )


def _hardware(stage: Stage, interval: int) -> LayerHardware:
    rom = [memory for memory in stage.memories if memory.name == "weights"]
    used = stage.resources
    return LayerHardware(
        folding=folding(stage),
        cycles=count(stage.cycles),
        load=percent(stage.cycles / interval, 0),
        bar=width(stage.cycles / interval),
        busy=percent(stage.utilisation, 0) if stage.lanes else "",
        rom="".join(f"{words(memory)} {memory.storage}" for memory in rom),
        blocks=count(used.blocks) if used.blocks else "",
        dsp=count(used.dsp) if used.dsp else "",
        lut=count(used.lut),
        bottleneck=stage.bottleneck,
    )


def layer_memories(summary: Summary) -> list[LayerMemory]:
    """Every stage that keeps something on the chip."""
    largest = max(sum(memory.blocks for memory in stage.memories) for stage in summary.stages) or 1
    return [
        LayerMemory(
            node=stage.name,
            memories=", ".join(_described(stage.memories)),
            content=bits(sum(memory.depth * memory.width for memory in stage.memories)),
            blocks=count(sum(memory.blocks for memory in stage.memories)),
            lut=count(sum(memory.lut for memory in stage.memories)),
            bars=tuple(
                (role, width(blocks / largest)) for role, blocks in _by_role(stage.memories).items() if blocks
            ),
        )
        for stage in summary.stages
        if stage.memories
    ]


def role_of(memory: Memory) -> str:
    """What a memory holds: a key of `ROLE_NAMES`."""
    return ROLES.get(memory.name, "other")


def words(memory: Memory) -> str:
    """Depth and width of a memory."""
    return f"{memory.depth:,}{TIMES}{memory.width:,}"


def _by_role(memories: Sequence[Memory]) -> dict[str, float]:
    blocks = dict.fromkeys(ROLE_NAMES, 0.0)
    for memory in memories:
        blocks[role_of(memory)] += memory.blocks
    return blocks


def _described(memories: Sequence[Memory]) -> list[str]:
    """Each kind of memory once, with how many there are."""
    counted: dict[Memory, int] = {}
    for memory in memories:
        counted[memory] = counted.get(memory, 0) + 1
    return [
        f"{f'{number} {TIMES} ' if number > 1 else ''}{memory.name} {words(memory)} {memory.storage}"
        for memory, number in counted.items()
    ]
