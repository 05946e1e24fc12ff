"""A run on a labelled data set: every engine, compared integer by integer, and what each gets right."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import numpy.typing as npt

from fireline.cli.check import BATCH, engine
from fireline.cli.hardware import load_graph
from fireline.cli.progress import progress_bar

if TYPE_CHECKING:
    from fireline.model.data import ImageSet
    from fireline.sim.verify import Verification


@dataclass(frozen=True)
class Evaluation:
    """What a report is made of."""

    verification: Verification
    data: ImageSet
    float_logits: npt.NDArray[np.float32]  # (N, classes)

    def scores(self) -> dict[str, npt.NDArray[np.generic]]:
        """`(N, classes)` scores of float and of every engine, by name."""
        engines = {e.name: e.outputs.reshape(len(e.outputs), -1) for e in self.verification.engines}
        return {"float": self.float_logits, **engines}


def evaluate_run(run: Path, data: str, limit: int | None = None) -> Evaluation:
    """Run all engines of a run folder with a project on the test images of `data`."""
    from fireline.model.data import load
    from fireline.model.run import load_float
    from fireline.quant.witness import float_trace
    from fireline.sim.engines import Images, Integers, simulator
    from fireline.sim.verify import verify

    graph = load_graph(run)
    images = load(data, "test", graph.input.output.shape)
    images = images.subset(limit) if limit else images
    network = load_float(run)
    logits: list[npt.NDArray[np.float32]] = []
    with tempfile.TemporaryDirectory() as scratch, progress_bar("verify", len(images)) as advance:
        witnesses = [engine(name, graph, run, None, Path(scratch)) for name in ("brevitas", "qonnx", "csim")]

        def observe(part: Images, trace: Mapping[str, Integers]) -> None:
            logits.append(float_trace(network, part)["logits"])
            advance(sum(map(len, logits)))

        parts = (pixels for pixels, _ in images.batches(BATCH))
        verification = verify(graph, simulator(graph), witnesses, parts, observe=observe)
    return Evaluation(verification, images, np.concatenate(logits))


def print_evaluation(evaluation: Evaluation) -> None:
    """Accuracy and mismatches of every engine as a table."""
    from fireline.cli.tables import print_table
    from fireline.model.evaluate import accuracy

    results = {e.name: e for e in evaluation.verification.engines}
    rows = []
    for name, scores in evaluation.scores().items():
        top1 = accuracy(scores, evaluation.data.labels).top1
        one = results.get(name)
        compared = (
            (one.mismatches, one.values, one.tensors, f"{one.seconds:.1f}") if one else ("", "", "", "")
        )
        rows.append((name, f"{top1:.2%}", *compared))
    print_table(["engine", "top-1", "mismatches", "integers compared", "tensors", "seconds"], rows)
    click.echo(
        f"{evaluation.verification.images} images of {evaluation.data.name}; "
        f"{evaluation.verification.mismatches} mismatches between the exact engines"
    )
