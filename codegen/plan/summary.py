"""A plan in figures, as plain dataclasses: for tables, JSON and the report."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.plan.cost.fabric import fabric_of
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.cost.node import parts, resources, total
from fireline.codegen.plan.cost.parts import Part
from fireline.codegen.plan.cycles import cycles, initiation_interval, lanes
from fireline.codegen.plan.devices import Device
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.plan.skew import lag
from fireline.graph import macs, node_macs


@dataclass(frozen=True)
class Usage:
    """Resources used or available; block RAM in RAMB36, or in the 18 Kbit EBR of a Lattice part."""

    lut: int
    ff: int
    dsp: int
    bram36: float
    ebr: int
    uram: int

    @property
    def blocks(self) -> float:
        """Block RAMs in the unit of the part's vendor."""
        return self.bram36 + self.ebr


@dataclass(frozen=True)
class Memory:
    """One memory of a stage: `depth` words of `width` bits in LUTs, block RAM or UltraRAM."""

    name: str
    depth: int
    width: int
    storage: str
    lut: int
    bram36: float
    ebr: int
    uram: int

    @property
    def blocks(self) -> float:
        """Block RAMs in the unit of the part's vendor."""
        return self.bram36 + self.ebr


@dataclass(frozen=True)
class Stage:
    """One node of the graph as hardware.

    `cycles` is its own initiation interval; `utilisation` the share of its multiply-accumulate lanes that work while
    the whole network takes one image (0 without lanes); `bottleneck` marks the slowest.
    """

    name: str
    kind: str
    pe: int
    simd: int
    rows: int
    packed: int
    multiplier: str | None
    rom: str | None
    cycles: int
    lanes: int
    utilisation: float
    bottleneck: bool
    resources: Usage
    memories: tuple[Memory, ...]


@dataclass(frozen=True)
class Summary:
    """A plan in figures. `latency` is in cycles, from the first pixel in to the last value out.

    `simulated` says whether latency, interval and what follows from it were simulated cycle by cycle; else they are the
    closed form's, which is exact for the interval and some 10 % low for the latency.
    """

    network: str
    device: str
    clock_mhz: float
    frames_per_second: float
    initiation_interval: int
    latency: int
    lanes: int
    macs: int
    utilisation: float
    simulated: bool
    used: Usage
    available: Usage
    stages: tuple[Stage, ...]
    shell: Usage  # around the network, of what is used

    @property
    def block(self) -> str:
        """The unit of block RAM on this device."""
        return "EBR" if self.available.ebr else "BRAM36"


def summary(plan: Plan, simulated: tuple[int, int] | None = None) -> Summary:
    """`plan` in figures, from the closed-form model, but for the latency and interval that were `simulated`."""
    delay, interval = simulated or (latency(plan), initiation_interval(plan))
    stages = tuple(_stage(plan, i, interval) for i in range(len(plan.foldings)))
    all_lanes = sum(stage.lanes for stage in stages)
    part = plan.device
    return Summary(
        network=plan.graph.name,
        device=part.name,
        clock_mhz=plan.clock_mhz,
        frames_per_second=plan.clock_mhz * 1e6 / interval,
        initiation_interval=interval,
        latency=delay,
        lanes=all_lanes,
        macs=macs(plan.graph),
        utilisation=macs(plan.graph) / (all_lanes * interval) if all_lanes else 0.0,
        simulated=simulated is not None,
        used=_usage(total(plan), part),
        available=Usage(part.lut, part.ff, part.dsp, part.bram36, part.ebr, part.uram),
        stages=stages,
        shell=_usage(fabric_of(part).shell, part),
    )


def latency(plan: Plan) -> int:
    """Cycles from the first pixel in to the last value out of an empty network, estimated to within some 10 %.

    A node reads as soon as its producers write, writes when it has what its first output needs, and ends no sooner than
    its producers.
    """
    start: list[float] = []
    end: list[float] = []
    for node, own in zip(plan.graph.nodes, cycles(plan), strict=True):
        share = float(lag(plan.graph, node))
        first = max((start[i] for i in node.inputs), default=0.0)
        begin = max((start[i] + share * (end[i] - start[i]) for i in node.inputs), default=0.0)
        start.append(begin)
        end.append(max([begin, first + own, *(end[i] for i in node.inputs)]))
    return round(end[-1])


def _stage(plan: Plan, index: int, interval: int) -> Stage:
    node, folding, own = plan.graph.nodes[index], plan.foldings[index], cycles(plan)[index]
    width = lanes(node, folding)
    return Stage(
        name=node.name,
        kind=node.kind,
        pe=folding.pe,
        simd=folding.simd,
        rows=folding.rows,
        packed=folding.packed,
        multiplier=folding.multiplier if width else None,
        rom=folding.rom if width else None,
        cycles=own,
        lanes=width,
        utilisation=node_macs(node) / (width * interval) if width else 0.0,
        bottleneck=own == initiation_interval(plan),
        resources=_usage(resources(plan)[index], plan.device),
        memories=tuple(_memory(part, plan.device) for part in parts(plan, index) if part.storage),
    )


def _memory(part: Part, device: Device) -> Memory:
    assert part.storage
    used = _usage(part.resources, device)
    return Memory(part.name, part.depth, part.width, part.storage, used.lut, used.bram36, used.ebr, used.uram)


def _usage(used: Resources, device: Device) -> Usage:
    bram36, ebr = (0.0, used.bram18) if device.ebr else (used.bram36, 0)
    return Usage(used.lut, used.ff, used.dsp, bram36, ebr, used.uram)
