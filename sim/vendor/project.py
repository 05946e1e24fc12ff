"""The reports in a generated project, beside the plan that lies in it."""

from __future__ import annotations

from pathlib import Path

from fireline.codegen.hls.names import identifier
from fireline.codegen.host.project import GRAPH, PLAN
from fireline.codegen.plan.file import is_of, load
from fireline.codegen.plan.foldings import Plan
from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.sim.dataflow.planning import figures_of
from fireline.sim.vendor.beside import Beside, beside, find_reports


def of_project(project: Path) -> list[Beside]:
    """Every figure of the tools, with the plan's.

    Raises:
        FirelineError: it is no project, no tool left a report in it, or one is damaged or of another design.
    """
    plan = load(project / PLAN, Graph.load(project / GRAPH))
    rows = _rows(plan, project)
    if not rows:
        raise FirelineError(
            "no tool has left a report in it",
            node=str(project),
            hint="vitis_hls -f run_hls.tcl in an HLS project's folder; fireline cosim, synth and pnr of an RTL project",
        )
    return rows


def of_plan(plan: Plan, project: Path) -> list[Beside]:
    """The same for a plan that is at hand; empty where no tool left a report, or the project is of another plan."""
    if not is_of(project / PLAN, plan):
        return []
    return _rows(plan, project)


def _rows(plan: Plan, project: Path) -> list[Beside]:
    reports = find_reports(project)
    if not reports:
        return []
    return beside(figures_of(plan), identifier(plan.graph.name), plan.device.part, reports)
