"""`fireline verify` and `report`: do all engines agree, and what is the network worth."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fireline.cli.hardware import MODEL, load_graph
from fireline.cli.progress import progress_bar

if TYPE_CHECKING:
    pass

ENGINES = ("brevitas", "qonnx", "csim")


@click.command()
@MODEL
@click.option("--inputs", type=click.Path(path_type=Path), help="Images (.npy, N x C x H x W).")
@click.option(
    "--data", help="Data set in place of --inputs: digits, a CIFAR binary folder or an ImageFolder tree."
)
@click.option("--limit", type=click.IntRange(min=1), help="Verify only the first images.")
@click.option(
    "--engine",
    "names",
    multiple=True,
    type=click.Choice(ENGINES),
    help="Engines to compare with the simulator; repeatable.  [default: all that the model has]",
)
@click.option("--project", type=click.Path(path_type=Path), help="Generated project to C-simulate.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def verify(
    model: Path,
    inputs: Path | None,
    data: str | None,
    limit: int | None,
    names: tuple[str, ...],
    project: Path | None,
    as_json: bool,
) -> None:
    """Compare the integers of every tensor between all exact engines; exit status 1 if any differs.

    MODEL is a run folder or a QONNX file. The simulator is the reference; Brevitas takes part when the run
    folder holds a trained network.
    """
    from fireline.sim.verify import verify as compare

    graph = load_graph(model)
    with tempfile.TemporaryDirectory() as folder:
        images = read_images(model, inputs, data)[:limit]
        engines = [
            make_engine(name, graph, model, project, Path(folder)) for name in names or available(model)
        ]
        with progress_bar("verify", len(images)) as progress:
            from fireline.sim.engines import simulator

            result = compare(graph, simulator(graph), engines, images, progress=progress)
    if as_json:
        click.echo(json.dumps(result.as_json()))
    else:
        for engine in result.engines:
            click.echo(
                f"{engine.name:10} {engine.mismatches} mismatches in {engine.values:,} integers of "
                f"{engine.tensors} tensors, {engine.seconds:.2f} s"
            )
    result.require_exact()
