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

from fireline.codegen.plan import Plan
from fireline.codegen.requantizer import Proof
from fireline.codegen.summary import summary
from fireline.files import write_whole
from fireline.graph import Graph
from fireline.sim import report_accuracy, report_hardware, report_ranges, report_verdict
from fireline.sim.accuracy import Agreement, EngineAccuracy
from fireline.sim.dataflow import Timing
from fireline.sim.report_accuracy import Disagreement
from fireline.sim.report_memory_map import memory_map
from fireline.sim.report_pipeline import pipeline
from fireline.sim.report_timeline import timeline
from fireline.sim.statistics import NodeStatistics
from fireline.sim.verify import Verification


@dataclass(frozen=True)
class Report:
    """All that a report tells. What is None or empty leaves its section out, with a sentence.

    `timing` is the cycle simulation of `plan`. `facts` are shown at the top as they are, such as ("bits", "w8a8").
    `engines` are the accuracies of the exact engines, the one that stands for the firmware last. `agreement` is between
    the float network and the firmware, and `disagreements` some of its images. `proofs` are those of lowering.
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
    simulated = (report.timing.latency, report.timing.interval) if report.timing else None
    figures = summary(plan, simulated) if plan else None
    resources = report_hardware.resource_bars(plan, figures) if plan and figures else []
    firmware = report.engines[-1] if report.engines else None
    script = _asset("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            title=report.title,
            facts=report.facts,
            style=Markup(_asset("report.css")),
            script=Markup(script),
            script_hash=f"sha256-{digest}",
            verdict=report_verdict.verdict(report.verification),
            checks=report_verdict.checks(report.verification) if report.verification else [],
            tiles=report_verdict.tiles(
                graph,
                figures,
                report.timing,
                resources,
                report.floating,
                firmware,
                report.agreement,
                report.statistics,
            ),
            accuracies=report_accuracy.engine_rows(report.floating, report.engines),
            class_rows=report_accuracy.class_rows(report.floating, firmware, report.classes)
            if firmware
            else [],
            few_classes=firmware is not None and len(firmware.confusion) <= report_accuracy.MATRIX,
            matrix=report_accuracy.matrix(firmware.confusion, report.classes) if firmware else None,
            pairs=report_accuracy.pairs(firmware.confusion, report.classes) if firmware else [],
            agreement=report.agreement,
            pictures=report_accuracy.pictures(report.disagreements, report.classes),
            summary=figures,
            resources=resources,
            pipeline=pipeline(graph, figures),
            layers=report_hardware.layers(graph, figures),
            timeline=timeline(graph, report.timing) if report.timing else None,
            memories=report_hardware.layer_memories(figures) if figures else [],
            memory_map=memory_map(figures) if figures else None,
            roles=report_hardware.ROLE_NAMES,
            noises=report_ranges.noises(graph, report.statistics),
            activations=report_ranges.activations(graph, report.statistics),
            weights=report_ranges.weights(graph),
            rules=report_ranges.rules(graph, report.proofs),
        )
    )


def _asset(name: str) -> str:
    return files("fireline.sim").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fireline.sim"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
