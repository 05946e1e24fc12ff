"""What `cosim`, `synth` and `pnr` found of a project: a file each in its folder, read like other tools' reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.sim.vendor.figures import (
    NETLIST_SIMULATED,
    ROUTED,
    RTL_SIMULATED,
    SYNTHESIZED,
    Figures,
    ToolReport,
)

if TYPE_CHECKING:
    from fireline.codegen.plan.cost.memory import Resources
    from fireline.codegen.plan.foldings import Plan
    from fireline.sim.rtl import Cosimulation
    from fireline.sim.tools.place import Placed
    from fireline.sim.tools.stages import Row

FOLDER = "build/found"
NAMES = {RTL_SIMULATED: "cosim", NETLIST_SIMULATED: "cosim_netlist", SYNTHESIZED: "synth", ROUTED: "pnr"}

# What the cells that nextpnr counts are in the plan.
CELLS = {"TRELLIS_COMB": "lut", "TRELLIS_FF": "ff", "MULT18X18D": "dsp", "DP16KD": "ebr"}


def keep_cosimulation(project: Path, result: Cosimulation, evidence: str) -> None:
    """Keep interval and latency of a run without stalls in which nothing differed."""
    _keep(project, evidence, "", Figures(result.interval, result.latency))


def keep_synthesis(project: Path, plan: Plan, rows: Iterable[Row]) -> None:
    """Keep what the design, the last of `rows`, and every stage came out as."""
    *stages, total = ((row.name, _counts(plan, row.measured)) for row in rows)
    _keep(project, SYNTHESIZED, plan.device.part, total[1], dict(stages))


def keep_placement(project: Path, plan: Plan, placed: Placed, aim_mhz: float) -> None:
    """Keep what the design takes of the part, its shortest period, and the slack where `aim_mhz` was asked for."""
    counts = {CELLS[cell]: used for cell, (used, _) in placed.utilization.items() if cell in CELLS}
    period = 1000 / placed.fmax_mhz
    _keep(
        project,
        ROUTED,
        plan.device.part,
        Figures(**counts, clock=round(period, 3), slack=round(1000 / aim_mhz - period, 3)),
    )


def kept(project: Path) -> list[ToolReport]:
    """All that is kept in a project's folder.

    Raises:
        FirelineError: a file is damaged.
    """
    files = {evidence: project / FOLDER / f"{name}.json" for evidence, name in NAMES.items()}
    return [_read(file, evidence) for evidence, file in files.items() if file.exists()]


def _counts(plan: Plan, used: Resources) -> Figures:
    blocks = {"ebr": used.bram18} if plan.device.ebr else {"bram36": used.bram36}
    return Figures(lut=used.lut, ff=used.ff, dsp=used.dsp, uram=used.uram, **blocks)


def _keep(
    project: Path, evidence: str, part: str, whole: Figures, parts: dict[str, Figures] | None = None
) -> None:
    content = {
        "part": part,
        "whole": asdict(whole),
        "stages": {name: asdict(figures) for name, figures in (parts or {}).items()},
    }
    write_whole(project / FOLDER / f"{NAMES[evidence]}.json", json.dumps(content, indent=1) + "\n")


def _read(file: Path, evidence: str) -> ToolReport:
    try:
        content = json.loads(file.read_text())
        parts = {name: Figures(**figures) for name, figures in content["stages"].items()}
        whole, part = Figures(**content["whole"]), str(content["part"])
        return ToolReport(str(file), evidence, part, "", whole, parts, by_stage=True)
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        raise FirelineError("damaged", node=str(file), hint="run the tool again") from None
