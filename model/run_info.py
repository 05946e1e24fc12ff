"""A run folder: what each step leaves for the next.

run.json      what the run is: recipe, architecture, data, bits, results
float.pt      weights of the float network
float.json    what it makes of the test images: accuracy, confusion, precision and recall of every class
metrics.csv   one row per epoch of float training
curves.png    those rows as a picture
training.ckpt what a stopped training goes on from
twin.pt       weights and scales of the quantized twin
qat.csv       one row per epoch of quantization-aware training
model.onnx    the twin as QONNX
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.accuracy import Accuracy
from fireline.model.baselines import Architecture
from fireline.model.recipe import Recipe
from fireline.validate import validated

INFO, FLOAT, METRICS, CURVES = "run.json", "float.pt", "metrics.csv", "curves.png"
CHECKPOINT = "training.ckpt"


@dataclass(frozen=True)
class Run:
    """What a run folder says about itself. `weights` tells where the float network's come from.

    `twin_accuracy` is that of the quantized network after training it.
    """

    preset: str
    architecture: Architecture
    weights: str
    classes: tuple[str, ...] = ()
    seed: int = 0
    float_accuracy: Accuracy | None = None
    recipe: Recipe | None = None
    bits: str | None = None
    calibration: str | None = None
    epochs: int = 0
    twin_accuracy: Accuracy | None = None


_RUN = TypeAdapter(Run)


def trained_on(recipe: Recipe) -> str:
    """What a run's float weights come from, in words."""
    epochs = sum(phase.epochs for phase in recipe.train.phases)
    return f"trained on {recipe.data}, {epochs} epochs"


def write_run(folder: Path, run: Run) -> None:
    """Write `run.json`."""
    write_whole(folder / INFO, run_json(run))


def run_json(run: Run) -> bytes:
    """What stands in `run.json`."""
    return _RUN.dump_json(run, indent=2) + b"\n"


def read_run(folder: Path) -> Run:
    """Read `run.json`.

    Raises:
        FirelineError: the folder is no run, or its file is damaged.
    """
    try:
        content = (folder / INFO).read_bytes()
    except OSError:
        raise FirelineError(f"not a run folder: it has no {INFO}", node=str(folder)) from None
    return run_from(content, f"{folder / INFO}: damaged")


def run_from(content: bytes, where: str) -> Run:
    """The run that `run_json` wrote; errors say `where`."""
    return validated(_RUN.validate_json, content, where)
