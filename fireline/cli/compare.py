"""`fireline compare`: several runs side by side, bits against accuracy against resources."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import click

from fireline.cli.hardware import PROJECTS, found_objects, print_found
from fireline.cli.output import print_table, say

NAMED = 8  # runs whose names have room in a picture


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Draw accuracy against weight bytes (.png, .svg, .pdf)."
)
@click.option(
    "--paired", is_flag=True, help="Test, image by image, whether the float network of the second is better."
)
@click.option(
    "--tools",
    is_flag=True,
    help="Set the plan of a project beside what Vitis HLS, Vivado, cosim, synth and pnr found.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")
def compare(runs: tuple[Path, ...], plot: Path | None, paired: bool, tools: bool, as_json: bool) -> None:
    """Compare runs that were evaluated with `verify --data` or `report`.

    With --paired, compare the float networks of two runs that `train` left: Student's paired t-test on the same test
    images. With --tools, name one project or a run that holds one: csynth.xml, report_utilization and
    report_timing_summary are read where they lie in it, and what cosim, synth and pnr found; each figure says what it
    is.
    """
    if tools:
        print_tools(runs, as_json)
        return
    if paired:
        print_paired(runs, as_json)
        return
    rows = [row(run) for run in runs]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        header = [
            "run",
            "model",
            "bits",
            "weight bytes",
            "float",
            "firmware",
            "mismatches",
            "device",
            "frames/s",
        ]
        print_table([*header, "LUT", "DSP", "BRAM36"], [cells(one) for one in rows])
    if plot:
        draw(rows, plot)
        say(plot)


def print_paired(runs: tuple[Path, ...], as_json: bool) -> None:
    """The difference between two float networks, and whether chance explains it."""
    from dataclasses import asdict

    from fireline.errors import FirelineError
    from fireline.model.classification import paired_t_test, read_right

    if len(runs) != 2:
        raise FirelineError(f"{len(runs)} runs are no pair", hint="fireline compare --paired RUN RUN")
    test = paired_t_test(*(read_right(run) for run in runs))
    if as_json:
        click.echo(json.dumps(asdict(test), indent=2))
        return
    say(
        f"{runs[1]} is {100 * test.difference:+.2f} points from {runs[0]} on {test.images} images "
        f"(95 %: {100 * test.low:+.2f} to {100 * test.high:+.2f}), t = {test.t:.2f}, p = {test.p:.3g}"
    )


def print_tools(projects: tuple[Path, ...], as_json: bool) -> None:
    """The plan of a project, or of the first in a run with reports of tools, beside what they made of it."""
    from fireline.codegen.host.project import PLAN
    from fireline.errors import FirelineError
    from fireline.sim.vendor.beside import find_reports
    from fireline.sim.vendor.project import of_project

    if len(projects) != 1:
        raise FirelineError(f"{len(projects)} projects are not one", hint="fireline compare --tools PROJECT")
    [project] = projects
    inside = [project / name for name in PROJECTS.values() if (project / name / PLAN).exists()] or [project]
    rows = of_project(next(filter(find_reports, inside), inside[0]))
    if as_json:
        click.echo(json.dumps(found_objects(rows), indent=2))
        return
    print_found(rows)


def row(run: Path) -> dict[str, Any]:
    """One run in figures."""
    from fireline.cli.results import load_results
    from fireline.model.run_info import read_run

    results, info = load_results(run), read_run(run)
    accuracy, hardware = results.get("accuracy", {}), results["hardware"]
    return {
        "run": str(run),
        "model": info.preset,
        "bits": info.bits,
        "weight_bytes": results["weight_bytes"],
        "images": results["images"],
        "float_top1": accuracy.get("float", {}).get("top1"),
        "firmware_top1": accuracy.get("simulator", {}).get("top1"),
        "mismatches": results["mismatches"],
        "device": hardware.get("options", {}).get("device"),
        "frames_per_second": hardware.get("frames_per_second"),
        "used": hardware.get("used", {}),
    }


def cells(one: dict[str, Any]) -> list[object]:
    """A row of the table."""

    def share(value: float | None) -> str:
        return "" if value is None else f"{value:.2%}"

    def number(value: float | None) -> str:
        return "" if value is None else f"{value:,.0f}"

    used = [number(one["used"].get(name)) for name in ("lut", "dsp", "bram36")]
    accuracy = [share(one["float_top1"]), share(one["firmware_top1"])]
    name = [one["run"], one["model"], one["bits"], one["weight_bytes"]]
    return [*name, *accuracy, one["mismatches"], one["device"] or "", number(one["frames_per_second"]), *used]


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Accuracy against weight bytes, and against frames a second where a device was planned for.

    A line joins the runs that no other beats in both. All are named, or of many only those.
    """
    from matplotlib.figure import Figure

    from fireline.errors import FirelineError
    from fireline.picture import write_picture

    points = [one for one in rows if one["firmware_top1"] is not None]
    if not points:
        raise FirelineError("none of the runs has an accuracy", hint="fireline report RUN --data DATA")
    panels = [Panel("weight_bytes", "weights, kB", 1 / 1000, better=-1)]
    if all(one.get("frames_per_second") for one in points):
        panels.append(Panel("frames_per_second", "frames/s, planned", 1, better=1))
    figure = Figure(figsize=(7 * len(panels), 4.5), layout="constrained")
    for panel, axes in zip(panels, figure.subplots(1, len(panels), squeeze=False)[0], strict=True):
        places = [(one[panel.field] * panel.unit, 100 * one["firmware_top1"]) for one in points]
        best = pareto(places, panel.better)
        for one, place in zip(points, places, strict=True):
            axes.scatter(*place, color="#1f4e9c")
            if len(points) <= NAMED or place in best:
                label = f"{one['model']} {one['bits']}"
                outside = (4 * panel.better, 4)  # of the line
                axes.annotate(
                    label,
                    place,
                    outside,
                    textcoords="offset points",
                    ha="left" if panel.better > 0 else "right",
                    fontsize=8,
                )
        where = "post" if panel.better < 0 else "pre"
        axes.step(
            *zip(*best, strict=True), where=where, color="#1f4e9c", alpha=0.4, label="not beaten in both"
        )
        axes.set_xlabel(panel.label)
        axes.set_ylabel("firmware top-1, %")
        axes.margins(x=0.15)  # for the names beside the points
        axes.grid(alpha=0.2)
        axes.legend(loc="lower right" if panel.better < 0 else "lower left", frameon=False)
    write_picture(figure, path)


class Panel(NamedTuple):
    """What accuracy is drawn against: a field of a row, in units of `unit`; `better` is 1 where more is."""

    field: str
    label: str
    unit: float
    better: int


def pareto(points: list[tuple[float, float]], better: int = -1) -> list[tuple[float, float]]:
    """The points that no other beats in both size and accuracy, smallest first.

    `better` says what is better in size: -1 for the smaller, 1 for the larger; in accuracy it is the higher.
    """
    best: list[tuple[float, float]] = []
    for size, accuracy in sorted(points, key=lambda p: (-better * p[0], -p[1])):
        if not best or accuracy > best[-1][1]:
            best.append((size, accuracy))
    return best[::-better]
