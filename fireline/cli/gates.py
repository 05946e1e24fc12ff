"""`fireline synth` and `pnr`: an RTL project as gates, and placed and routed."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.output import print_table, say, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from fireline.codegen.plan.foldings import Plan
    from fireline.sim.tools.synthesis import Synthesis

COLUMNS = ("lut", "ff", "dsp", "bram18")


def _project_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")(command)
    command = click.option(
        "--jobs", type=click.IntRange(min=1), help="Modules at a time.  [default: processors]"
    )(command)
    return click.argument("project", type=click.Path(path_type=Path))(command)


@click.command()
@_project_options
def synth(project: Path, jobs: int | None, as_json: bool) -> None:
    """Synthesize an RTL project with Yosys, and show every stage beside the cost model.

    PROJECT is a project folder of --target rtl, or a run folder that holds one. Stages that did not change are not
    synthesized again. The tools come with `pip install fireline[rtl]`.
    """
    from fireline.sim.tools.stages import compare
    from fireline.sim.vendor.figures import SYNTHESIZED
    from fireline.sim.vendor.kept import keep_synthesis

    project, plan = _opened(project)
    made = _synthesized(project, plan, jobs)
    rows = compare(plan, made)
    keep_synthesis(project, plan, rows)
    total = rows[-1]
    if as_json:
        stages = [
            {"name": r.name, "measured": asdict(r.measured), "modelled": asdict(r.modelled)}
            for r in rows[:-1]
        ]
        result = {
            "device": plan.device.name,
            "tool": made.yosys,
            "evidence": SYNTHESIZED,
            "stages": stages,
            "total": {"measured": asdict(total.measured), "modelled": asdict(total.modelled)},
        }
        click.echo(json.dumps(result, indent=2))
        return
    names = {"bram18": "EBR" if plan.device.ebr else "RAMB18"}
    header = ["stage"]
    for column in COLUMNS:
        header += [names.get(column, column.upper()), "model"]
    print_table(
        header,
        [
            [
                row.name,
                *(getattr(one, column) for column in COLUMNS for one in (row.measured, row.modelled)),
            ]
            for row in rows
        ],
    )
    say(f"synthesized with {made.yosys} for {plan.device.name}; the model is the plan's")


@click.command()
@_project_options
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Try this many, take the best.",
)
@click.option("--clock", "clock_mhz", type=float, help="Clock to aim at, in MHz.  [default: the plan's]")
@click.option("--board", is_flag=True, help="With the serial line, the PLL and the pins of a ULX3S.")
def pnr(
    project: Path, jobs: int | None, as_json: bool, seeds: int, clock_mhz: float | None, board: bool
) -> None:
    """Place and route an RTL project for a Lattice ECP5 with nextpnr, and write the bitstream.

    PROJECT is a project folder of --target rtl, or a run folder that holds one. The tools come with
    `pip install fireline[rtl]`. The clock of a board is what its PLL makes; exit status 3 if that is not reached.
    """
    from fireline.codegen.host.serial import PINS, pll
    from fireline.errors import DoesNotFitError
    from fireline.sim.tools.command import version
    from fireline.sim.tools.place import NEXTPNR, place
    from fireline.sim.vendor.figures import ROUTED
    from fireline.sim.vendor.kept import keep_placement

    if board and clock_mhz is not None:
        raise click.UsageError("The clock of a board is that of its project: generate --clock.")
    project, plan = _opened(project)
    made = _synthesized(project, plan, jobs, board)
    aim = pll(plan.clock_mhz).mhz if board else clock_mhz or plan.clock_mhz
    pins = (project / PINS).read_text() if board else None
    with step(f"pnr {project}"):
        tries = [place(project, plan.device, made, aim, seed, pins) for seed in range(1, seeds + 1)]
    best = max(tries, key=lambda placed: placed.fmax_mhz)
    if not board:  # the plan knows nothing of what is around the network there
        keep_placement(project, plan, best, aim)
    if as_json:
        result = {
            "device": plan.device.name,
            "tool": version(NEXTPNR),
            "evidence": ROUTED,
            "fmax_mhz": best.fmax_mhz,
            "seeds": {placed.seed: placed.fmax_mhz for placed in tries},
            "utilization": {
                name: {"used": used, "available": available}
                for name, (used, available) in best.utilization.items()
            },
            "critical_path": [asdict(one) for one in best.critical_path],
            "bitstream": str(best.bitstream),
        }
        click.echo(json.dumps(result, indent=2))
    else:
        for name, (used, available) in best.utilization.items():
            say(f"{name:12} {used:>8,} of {available:>8,}  {used / available:6.1%}")
        others = f", {min(one.fmax_mhz for one in tries):g} at worst of {seeds} seeds" if seeds > 1 else ""
        say(f"{plan.device.name}: {best.fmax_mhz:g} MHz, placed and routed with seed {best.seed}{others}")
        say("slowest path: " + ", ".join(f"{stage} {delay:.1f} ns" for stage, delay in best.by_stage()))
        say(f"bitstream: {best.bitstream}")
    if board and best.fmax_mhz < aim:
        raise DoesNotFitError(
            f"{best.fmax_mhz:g} MHz where the board's clock is {aim:g}: its bitstream may compute anything",
            node=str(project),
            hint="more --seeds, or a lower --clock of generate",
        )


def _opened(project: Path) -> tuple[Path, Plan]:
    """The folder of a project, and its plan."""
    from fireline.codegen.host.project import GRAPH, PLAN
    from fireline.codegen.plan.file import load
    from fireline.errors import FirelineError
    from fireline.graph import Graph

    project = project / "rtl" if (project / "rtl" / "tb").is_dir() else project
    if not (project / GRAPH).exists():
        raise FirelineError(
            "this is no generated project", node=str(project), hint="fireline generate --target rtl"
        )
    return project, load(project / PLAN, Graph.load(project / GRAPH))


def _synthesized(project: Path, plan: Plan, jobs: int | None, board: bool = False) -> Synthesis:
    from fireline.sim.csim import processors
    from fireline.sim.tools.synthesis import synthesize

    with step(f"synth {project}"):
        return synthesize(project, plan.device, jobs or processors(), board=board)
