"""The plan and what the tools made of it, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

from fireline.codegen.plan.summary import Summary
from fireline.errors import FirelineError
from fireline.sim.vendor.csynth import read_csynth
from fireline.sim.vendor.figures import ESTIMATED, EVIDENCE, Figures, ToolReport
from fireline.sim.vendor.kept import kept
from fireline.sim.vendor.vivado import is_vivado, read_vivado

UNITS = {"interval": "cycles", "latency": "cycles", "clock": "ns", "slack": "ns"}
NAMES = tuple(field.name for field in fields(Figures))


@dataclass(frozen=True)
class Beside:
    """One figure: of the design ("") or a stage, planned and as a tool says it, with the strength of that."""

    stage: str
    figure: str
    planned: float | None
    found: float
    evidence: str

    def cells(self) -> tuple[str, ...]:
        """Figure, planned, found, difference and evidence in words."""
        name = f"{self.figure}, {UNITS[self.figure]}" if self.figure in UNITS else self.figure.upper()
        planned = "" if self.planned is None else f"{self.planned:,.12g}"
        difference = "" if self.difference is None else f"{self.difference:+,.12g}"
        return name, planned, f"{self.found:,.12g}", difference, self.evidence

    @property
    def difference(self) -> float | None:
        """Of what was planned."""
        return None if self.planned is None else round(self.found - self.planned, 6)


def find_reports(project: Path) -> list[ToolReport]:
    """What tools left of a project, weak evidence first.

    That are the reports of Vitis HLS and Vivado below its folder, the newest of each kind, and what is kept of the open
    tools.

    Raises:
        FirelineError: one of them is damaged.
    """
    newest: dict[tuple[str, bool, bool], ToolReport] = {}
    files = sorted(
        {*project.rglob("csynth.xml"), *project.rglob("*.rpt")}, key=lambda f: (f.stat().st_mtime, str(f))
    )
    for file in files:
        if file.suffix == ".xml":
            report = read_csynth(file)
        elif is_vivado(file.read_text(errors="replace")):
            report = read_vivado(file)
        else:
            continue  # Vivado writes many others
        newest[report.evidence, report.whole.slack is None, bool(report.parts)] = report
    return sorted([*newest.values(), *kept(project)], key=lambda one: EVIDENCE.index(one.evidence))


def beside(summary: Summary, top: str, part: str, reports: Iterable[ToolReport]) -> list[Beside]:
    """The figures of all reports with the plan's: the design's first, then stage by stage; the strongest of each.

    Raises:
        FirelineError: a report of Vitis HLS is of another design or another part.
    """
    planned: dict[str, Figures] = {"": _whole(summary)}
    for stage in summary.stages:
        used = stage.resources
        planned[stage.name] = Figures(
            stage.cycles, None, used.lut, used.ff, used.dsp, used.bram36, used.ebr, used.uram
        )
    found: dict[tuple[str, str], Beside] = {}
    for report in reports:
        _check(report, top, part)
        for stage_name, plan in planned.items():
            figures = report.whole if not stage_name else _stage(stage_name, report, planned)
            for name in NAMES:
                value = getattr(figures, name) if figures else None
                if value is None or value == 0 == getattr(plan, name):
                    continue  # the tool says nothing of it, or takes none as planned
                one = Beside(stage_name, name, getattr(plan, name), value, report.evidence)
                found[stage_name, name] = one
    return [found[stage, name] for stage in planned for name in NAMES if (stage, name) in found]


def _whole(summary: Summary) -> Figures:
    used, period = summary.used, 1000 / summary.clock_mhz
    return Figures(
        summary.initiation_interval,
        summary.latency,
        used.lut,
        used.ff,
        used.dsp,
        used.bram36,
        used.ebr,
        used.uram,
        period,
        0.0,
    )


def _check(report: ToolReport, top: str, part: str) -> None:
    """Vivado's reports may be of a board's whole design, with another top; the part is the same."""
    if report.evidence == ESTIMATED and report.top != top:
        raise FirelineError(f"a report of {report.top}, and this project is {top}", node=report.file)
    if report.part and _device(report.part) != _device(part):
        raise FirelineError(f"a report for {report.part}, and this plan is for {part}", node=report.file)


def _device(part: str) -> str:
    """Of a part, as any tool writes it: without the package, and the letters of AMD in front of it."""
    return re.split(r"-|(?<=\d)(?=clg|ffg|fbg|sbva|ffv)", part.removeprefix("xc"))[0]


def _stage(name: str, report: ToolReport, stages: Iterable[str]) -> Figures | None:
    """The figures of a stage: of the module of its name, or the sum of its processes where other stages lie in that.

    A process is called NAME_mvu or NAME_line_buffer, and the concatenation of a Fire module, whose region holds the
    other stages, NAME_join; Vitis adds _s or a number to a template's, and Vivado's instances end in _U0.
    """
    if report.by_stage:
        return report.parts.get(name)
    others = [other for other in stages if other.startswith(f"{name}_")]
    found: dict[str, Figures] = {}
    modules = {
        module: re.sub(r"(_s|_U\d+|_fu_\d+)+$", "", module.removeprefix("grp_")) for module in report.parts
    }
    if f"{name}_join" in modules.values():
        return next(report.parts[module] for module, plain in modules.items() if plain == f"{name}_join")
    for module, plain in modules.items():
        if "_Pipeline_" in plain or any(plain == other or plain.startswith(f"{other}_") for other in others):
            continue
        if plain == name and not others:
            return report.parts[module]
        if plain.startswith(f"{name}_") and not plain.endswith("_resized"):
            found.setdefault(plain, report.parts[module])
    if not found:
        return None
    return Figures(*(_together(name, [getattr(one, name) for one in found.values()]) for name in NAMES))


def _together(name: str, values: list[float | None]) -> float | None:
    """Resources add up, the slowest process sets the pace, and latencies overlap."""
    known = [value for value in values if value is not None]
    if not known or name in ("latency", "slack"):
        return None
    return max(known) if name in ("interval", "clock") else sum(known)
