"""`fireline verify` and `report`: do all engines agree, and what is the network worth."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fireline.cli.hardware import MODEL, load_graph
from fireline.cli.progress import progress_bar
from fireline.errors import FirelineError

if TYPE_CHECKING:
    from fireline.graph import Graph
    from fireline.sim.engines import Engine, Images

BATCH = 16  # images that are in memory at once


@click.command()
@MODEL
@click.option("--inputs", type=click.Path(path_type=Path), help="Images (.npy, N x C x H x W).")
@click.option("--data", help="In place of --inputs: digits, a CIFAR binary folder or an ImageFolder tree.")
@click.option("--limit", type=click.IntRange(min=1), help="Verify only that many images.")
@click.option(
    "--engine",
    "names",
    multiple=True,
    type=click.Choice(["brevitas", "qonnx", "csim"]),
    help="Compare these with the simulator.  [default: all that the model has]",
)
@click.option("--project", type=click.Path(path_type=Path), help="C-simulate this generated project.")
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

    MODEL is a run folder or a QONNX file. The simulator is the reference; Brevitas takes part when MODEL is a run
    folder. Without --project, the run's project is simulated, or one made for the purpose.
    """
    from fireline.sim.engines import simulator
    from fireline.sim.verify import verify as compare

    graph = load_graph(model)
    count, parts = image_parts(graph, inputs, data, limit)
    chosen = names or (("brevitas",) if is_run(model) else ()) + ("qonnx", "csim")
    with tempfile.TemporaryDirectory() as folder, progress_bar("verify", count) as advance:
        witnesses = [engine(name, graph, model, project, Path(folder)) for name in chosen]
        result = compare(graph, simulator(graph), witnesses, watched(parts, advance))
    if as_json:
        click.echo(json.dumps(result.as_json()))
    else:
        for one in result.engines:
            click.echo(
                f"{one.name:10} {one.mismatches} mismatches in {one.values:,} integers of {one.tensors} tensors, "
                f"{one.seconds:.2f} s"
            )
    result.require_exact()


def is_run(model: Path) -> bool:
    """Whether `model` is a run folder with a quantized network in it."""
    return (model / "twin.pt").exists()


def image_parts(
    graph: Graph, inputs: Path | None, data: str | None, limit: int | None
) -> tuple[int, Iterator[Images]]:
    """How many images, and the images in parts."""
    from fireline.model.data import load
    from fireline.sim.integer import batches
    from fireline.sim.verify import load_images

    if (inputs is None) == (data is None):
        raise FirelineError("name the images with --inputs FILE.npy or with --data DATA")
    if inputs is not None:
        images = load_images(str(inputs))[:limit]
        return len(images), batches(images, BATCH)
    assert data is not None
    chosen = load(data, "test", graph.input.output.shape)
    chosen = chosen.subset(limit) if limit else chosen
    return len(chosen), (pixels for pixels, _ in chosen.batches(BATCH))


def watched(parts: Iterator[Images], advance: Callable[[int], Any]) -> Iterator[Images]:
    """The same parts; `advance` is told how many images have been asked for."""
    done = 0
    for part in parts:
        advance(done)
        yield part
        done += len(part)
    advance(done)


def engine(name: str, graph: Graph, model: Path, project: Path | None, scratch: Path) -> Engine:
    """The witness `name` for `graph`, which was lowered from `model`."""
    from fireline.sim import engines

    match name:
        case "brevitas":
            from fireline.quant.run import load_twin
            from fireline.quant.witness import brevitas_trace

            twin = load_twin(model)
            return engines.real_valued(graph, name, lambda images: brevitas_trace(twin, images))
        case "qonnx":
            if model.suffix == ".npz":
                raise FirelineError("a saved graph has no QONNX file to execute", node=str(model))
            return engines.qonnx_executor(graph, model / "model.onnx" if model.is_dir() else model)
        case _:
            return engines.csim(graph, project or own_project(graph, model, scratch))


def own_project(graph: Graph, model: Path, scratch: Path) -> Path:
    """The run's project, or one made in `scratch`: the integers are the same for every device and folding."""
    from fireline.codegen.devices import device
    from fireline.codegen.project import write_project
    from fireline.codegen.simple_folding import simple_plan

    if (model / "project").is_dir():
        return model / "project"
    write_project(simple_plan(graph, device("xcu250"), 300.0), scratch / "project")
    return scratch / "project"


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--data", help="Labelled data.  [default: what the run was calibrated on]")
@click.option("--limit", type=click.IntRange(min=1), help="Use only that many test images.")
def report(run: Path, data: str | None, limit: int | None) -> None:
    """Evaluate a run on labelled data and write its report.html."""
