"""What a reader must know first: is the firmware exact, how good is it, how fast, does it fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fireline.codegen.plan.summary import Summary
from fireline.graph import Conv2d, Graph, macs
from fireline.sim.accuracy import Agreement, EngineAccuracy
from fireline.sim.dataflow.simulator import Timing
from fireline.sim.report.format import bits, count, duration, listing, percent, plural
from fireline.sim.report.hardware import Resource
from fireline.sim.statistics import NodeStatistics
from fireline.sim.verify import Verification


@dataclass(frozen=True)
class Verdict:
    """The headline."""

    status: Literal["exact", "mismatch", "unverified"]
    headline: str
    detail: str


@dataclass(frozen=True)
class Check:
    """One engine against the reference."""

    engine: str
    tensors: str
    values: str
    mismatches: str
    first: str


@dataclass(frozen=True)
class Tile:
    """One figure with what it is and a remark."""

    name: str
    value: str
    remark: str
    bad: bool = False


def verdict(verification: Verification | None) -> Verdict:
    """Exact only where at least one other engine was compared with the reference."""
    if verification is None or len(verification.engines) < 2:
        return Verdict(
            "unverified", "Not verified", "No second engine has computed this network on the same images."
        )
    reference, *witnesses = verification.engines
    names = listing([engine.name for engine in witnesses])
    compared = sum(engine.values for engine in witnesses)
    images = plural(verification.images, "image")
    wrong = [engine for engine in witnesses if engine.first]
    if wrong:
        detail = "; ".join(
            f"{engine.name} differs in {plural(engine.mismatches, 'integer')}, first at {engine.first}"
            for engine in wrong
        )
        return Verdict(
            "mismatch",
            f"Not exact: {plural(verification.mismatches, 'mismatch', 'mismatches')}",
            f"{detail}. Compared on {images}.",
        )
    return Verdict(
        "exact",
        "Exact: 0 mismatches",
        f"{names} {'equals' if len(witnesses) == 1 else 'equal'} the {reference.name} in all "
        f"{plural(compared, 'integer')} compared, in up to {plural(max(e.tensors for e in witnesses), 'tensor')} "
        f"over {images}.",
    )


def checks(verification: Verification) -> list[Check]:
    """Every engine, the reference first."""
    reference, *witnesses = verification.engines
    rows = [Check(reference.name, count(reference.tensors), count(reference.values), "reference", "")]
    return rows + [
        Check(
            engine.name,
            count(engine.tensors),
            count(engine.values),
            count(engine.mismatches),
            str(engine.first) if engine.first else "none",
        )
        for engine in witnesses
    ]


def tiles(
    graph: Graph,
    summary: Summary | None,
    timing: Timing | None,
    resources: Sequence[Resource],
    floating: EngineAccuracy | None,
    firmware: EngineAccuracy | None,
    agreement: Agreement | None,
    statistics: Sequence[NodeStatistics],
) -> list[Tile]:
    """The figures that are known."""
    rows = []
    if firmware:
        top1, images = firmware.top1 / firmware.images, plural(firmware.images, "image")
        remark = f"top-1 on {images}"
        if floating:
            remark += f"; float {percent(floating.top1 / floating.images)}"
        rows.append(Tile("Firmware accuracy", percent(top1), remark))
    if agreement:
        remark = f"another in {count(len(agreement.differ))} of {plural(agreement.images, 'image')}"
        rows.append(Tile("Same class as float", percent(agreement.share), remark))
    if summary:
        clock = f"at {summary.clock_mhz:g} MHz"
        cycles, how = (timing.latency, "simulated") if timing else (summary.latency, "estimated")
        rows.append(
            Tile(
                "Throughput",
                f"{summary.frames_per_second:,.0f} fps",
                f"{clock}, an image every {summary.initiation_interval:,} cycles",
            )
        )
        rows.append(Tile("Latency", duration(cycles / summary.clock_mhz / 1000), f"{cycles:,} cycles, {how}"))
        over = [resource for resource in resources if resource.over]
        tight = max(resources, key=lambda resource: float(resource.bar))
        fitting = f"does not fit: {listing([r.name for r in over])} over budget" if over else "fits"
        rows.append(Tile(summary.device, tight.share, f"{tight.name} is used most; {fitting}", bool(over)))
    stored = sum(node.weight.size * node.weight_type.bits for node in graph.nodes if isinstance(node, Conv2d))
    rows.append(Tile("Weights on chip", bits(stored), f"{macs(graph):,} multiply-accumulates an image"))
    last = statistics[-1].sqnr if statistics else None
    if last is not None:
        rows.append(Tile("Output SQNR", f"{last:.1f} dB", "float output against firmware"))
    return rows
