"""`fireline verify` and `report`: do all engines agree, and what is the network worth."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fireline.cli.evaluate import (
    WITNESSES,
    evaluate,
    is_run,
    print_evaluation,
    read_source,
)
from fireline.cli.hardware import MODEL, load_graph, load_lowered
from fireline.cli.output import say
from fireline.cli.results import load_plan, save_results
from fireline.files import write_whole

JOBS = click.option("--jobs", type=click.IntRange(min=1), help="Processors to use.  [default: all]")
SAMPLE = click.option(
    "--sample",
    type=click.IntRange(min=1),
    help="Run the slow QONNX executor on no more than that many of the images, spread evenly.  [default: on all]",
)


@click.command()
@MODEL
@click.option("--inputs", type=click.Path(path_type=Path), help="Images (.npy, N x C x H x W).")
@click.option("--data", help="In place of --inputs: digits, a CIFAR binary folder or an ImageFolder tree.")
@click.option("--limit", type=click.IntRange(min=1), help="Verify only that many images.")
@click.option(
    "--engine",
    "names",
    multiple=True,
    type=click.Choice([*WITNESSES, "simulator"]),
    help="Compare these with the simulator.  [default: brevitas, qonnx and csim, as far as the model has them]",
)
@SAMPLE
@JOBS
@click.option(
    "--project",
    type=click.Path(path_type=Path),
    help="Run this generated project: C++, or RTL for rtl and rtl-fast.",
)
@click.option("--strict", is_flag=True, help="Count ties of float32 as mismatches.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the result as JUnit XML, for CI.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    model: Path,
    inputs: Path | None,
    data: str | None,
    limit: int | None,
    names: tuple[str, ...],
    sample: int | None,
    jobs: int | None,
    project: Path | None,
    strict: bool,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Compare the integers of every tensor between all exact engines; exit status 1 if any differs.

    MODEL is a run folder or a QONNX file. The simulator is the reference; Brevitas takes part when MODEL is a run
    folder. csim-checked stops where a value leaves its declared width, csim-ap-int computes with the types that
    synthesis sees, and hls4ml runs its own C-simulation of the file where it can; the last two need hls4ml 1.3.
    rtl simulates the RTL as it is, rtl-fast with models of five of its kernels; both need Verilator.
    Brevitas and the executor compute in float32: with scales that are no powers of two they may stand on the other side
    of a step where the exact value is within their own rounding of it. Such ties are counted apart and are no
    failure, unless --strict. An engine that cannot run the file is named and left out where others remain.
    Without --project, the run's project is simulated, or one made for the purpose. With --data, the
    accuracy of every engine is printed too; `--engine simulator` alone measures the simulator's.
    """
    graph = load_graph(model)
    source = read_source(graph, inputs, data, limit)
    result = evaluate(graph, model, source, names, project, jobs=jobs, sample=sample)
    if as_json:
        click.echo(json.dumps(result.as_json(graph)))
    else:
        print_evaluation(result, graph)
    if junit:
        from fireline.sim.junit import junit as as_junit

        write_whole(junit, as_junit(result.verification, graph.name, strict))
    if data is not None and is_run(model):
        save_results(model, result, graph)
    result.verification.require_exact(strict)


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, help="Labelled images: digits, a CIFAR binary folder or an ImageFolder tree."
)
@click.option("--limit", type=click.IntRange(min=1), help="Use only that many test images.")
@click.option(
    "--engine", "names", multiple=True, type=click.Choice([*WITNESSES, "simulator"]), help="As for verify."
)
@SAMPLE
@JOBS
@click.option("--out", type=click.Path(path_type=Path), help="The page.  [default: RUN/report.html]")
def report(
    run: Path,
    data: str,
    limit: int | None,
    names: tuple[str, ...],
    sample: int | None,
    jobs: int | None,
    out: Path | None,
) -> None:
    """Evaluate a run on labelled data and write one HTML page about it.

    RUN holds a quantized network and the project that `generate` made of it. What Vitis HLS and Vivado reported in the
    project, and what cosim, synth and pnr found, is set beside the plan.
    """
    from fireline.cli.reporting import report_run

    lowered = load_lowered(run)
    graph = lowered.graph
    page = out or run / "report.html"
    source = read_source(graph, None, data, limit)
    result = report_run(run, lowered, load_plan(run, graph), source, names, page, jobs, sample)
    print_evaluation(result, graph)
    say(page)
    result.verification.require_exact()
