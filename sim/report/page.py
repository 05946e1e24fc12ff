"""The report: one HTML page that says what the firmware is worth, works offline, and is the same for the same input."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from fireline.codegen.plan.foldings import Plan
from fireline.codegen.requantize.solve import Proof
from fireline.files import write_whole
from fireline.graph import Graph
from fireline.sim.accuracy import Agreement, EngineAccuracy
from fireline.sim.dataflow.planning import figures
from fireline.sim.dataflow.simulator import Timing
from fireline.sim.report import accuracy, hardware, ranges, verdict
from fireline.sim.report.accuracy import Disagreement
from fireline.sim.report.memory_map import memory_map
from fireline.sim.report.pipeline import pipeline
from fireline.sim.report.timeline import timeline
from fireline.sim.statistics import NodeStatistics
from fireline.sim.vendor.beside import Beside
from fireline.sim.verify import Verification


@dataclass(frozen=True)
class Report:
    """All that a report tells. What is None or empty leaves its section out, with a sentence.

    `timing` is the cycle simulation of `plan`. `facts` are shown at the top as they are, such as ("bits", "w8a8").
    `engines` are the accuracies of the exact engines, the one that stands for the firmware last. `agreement` is between
    the float network and the firmware, and `disagreements` some of its images. `tools` is what tools found
    of the project, beside the plan. `proofs` are those of lowering.
    """

    title: str
    graph: Graph
    plan: Plan | None = None
    timing: Timing | None = None
    facts: tuple[tuple[str, str], ...] = ()
    verification: Verification | None = None
    floating: EngineAccuracy | None = None
    engines: tuple[EngineAccuracy, ...] = ()
    agreement: Agreement | None = None
    statistics: tuple[NodeStatistics, ...] = ()
    classes: tuple[str, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    tools: tuple[Beside, ...] = ()
    proofs: Mapping[str, Proof] = field(default_factory=dict)


def write_report(path: Path, report: Report) -> None:
    """Write `report` as one self-contained HTML file.

    Raises:
        FirelineError: `path` cannot be written.
    """
    write_whole(path, render(report))


def render(report: Report) -> str:
    """The page; the same report gives the same text."""
    graph, plan = report.graph, report.plan
    summary = figures(plan, report.timing) if plan else None
    resources = hardware.resource_bars(plan, summary) if plan and summary else []
    firmware = report.engines[-1] if report.engines else None
    script = _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            title=report.title,
            facts=report.facts,
            style=Markup(_asset("page.css")),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            verdict=verdict.verdict(report.verification),
            checks=verdict.checks(report.verification) if report.verification else [],
            tiles=verdict.tiles(
                graph,
                summary,
                report.timing,
                resources,
                report.floating,
                firmware,
                report.agreement,
                report.statistics,
            ),
            accuracies=accuracy.engine_rows(report.floating, report.engines),
            class_rows=accuracy.class_rows(report.floating, firmware, report.classes) if firmware else [],
            few_classes=firmware is not None and len(firmware.confusion) <= accuracy.MATRIX,
            matrix=accuracy.matrix(firmware.confusion, report.classes) if firmware else None,
            pairs=accuracy.pairs(firmware.confusion, report.classes) if firmware else [],
            agreement=report.agreement,
            pictures=accuracy.pictures(report.disagreements, report.classes),
            summary=summary,
            resources=resources,
            tools=report.tools,
            pipeline=pipeline(graph, summary),
            layers=hardware.layers(graph, summary),
            timeline=timeline(graph, report.timing) if report.timing else None,
            memories=hardware.layer_memories(summary) if summary else [],
            memory_map=memory_map(summary) if summary else None,
            roles=hardware.ROLE_NAMES,
            noises=ranges.noises(graph, report.statistics),
            activations=ranges.activations(graph, report.statistics),
            weights=ranges.weights(graph),
            rules=ranges.rules(graph, report.proofs),
        )
    )


def _asset(name: str) -> str:
    return files("fireline.sim.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fireline.sim.report"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
