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

import io
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from pydantic import TypeAdapter

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.alexnet import AlexNet
from fireline.model.architecture import SqueezeNet
from fireline.model.classification import SCORES, classification
from fireline.model.curves import write_curves
from fireline.model.data import load
from fireline.model.evaluate import Accuracy, accuracy, logits
from fireline.model.network import Network, Staged, float_network
from fireline.model.progress import read_rows
from fireline.model.recipe import Recipe
from fireline.model.train import ALONE, Files, Machines, fit, leads
from fireline.model.weights import start_from
from fireline.validate import validated

INFO, FLOAT, METRICS, CURVES = "run.json", "float.pt", "metrics.csv", "curves.png"
CHECKPOINT = "training.ckpt"


@dataclass(frozen=True)
class Run:
    """What a run folder says about itself. `weights` tells where the float network's come from.

    `twin_accuracy` is that of the quantized network after training it.
    """

    preset: str
    architecture: SqueezeNet | AlexNet
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


def train_run(recipe: Recipe, out: Path, machines: Machines = ALONE) -> Run:
    """Train a recipe's network in float, and leave it in the run folder `out`.

    A training that was stopped there goes on where it was; one that is done is not done again.

    Raises:
        FirelineError: no such preset or data, or they do not belong together.
    """
    recipe = replace(recipe, quantize=None)
    if (out / INFO).exists() and (out / FLOAT).exists():
        done = read_run(out)
        if done.recipe and replace(done.recipe, name=recipe.name, quantize=None) == recipe:
            return done
    config, training = recipe.architecture, recipe.train
    data, test = load(recipe.data, "train", config.input), load(recipe.data, "test", config.input)
    network = float_network(config, training.seed)
    if recipe.start is not None:
        if not isinstance(network, Network):
            raise FirelineError("a baseline starts from random weights", node=recipe.name)
        start_from(network, recipe.start.weights, recipe.start.preprocessing)
    fit(network, data, test, training, Files(out / METRICS, out / CHECKPOINT), "float", machines=machines)
    scores = logits(network, test)
    run = Run(
        preset=recipe.network,
        architecture=config,
        weights=trained_on(recipe),
        classes=data.classes,
        seed=training.seed,
        float_accuracy=accuracy(scores, test.labels),
        recipe=recipe,
    )
    if leads():
        save_network(out / FLOAT, network)
        write_whole(out / SCORES, classification(scores, test.labels, test.classes))
        write_curves(read_rows(out / METRICS), out / CURVES, recipe.name)
        write_run(out, run)
    return run


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
    return validated(_RUN.validate_json, content, f"{folder / INFO}: damaged")


def load_float(folder: Path) -> Network:
    """The float network of a run, in eval mode.

    Raises:
        FirelineError: the folder is no run, has no float network, or is of a baseline.
    """
    run = read_run(folder)
    network = float_network(run.architecture)
    if not isinstance(network, Network):
        raise FirelineError("a baseline goes no further than training", node=f"{folder}: {run.preset}")
    load_network(folder / FLOAT, network)
    return network.eval()


def save_network(path: Path, network: Staged) -> None:
    """Write the state of `network`, float or twin."""
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    write_whole(path, buffer.getvalue())


def load_network(path: Path, network: Staged) -> None:
    """Read the state of `network`, in place.

    Raises:
        FirelineError: no such file, damaged, or of another network.
    """
    try:
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except FileNotFoundError:
        raise FirelineError(
            "missing from the run", node=str(path), hint="do the step before this one"
        ) from None
    except Exception as error:  # torch.load has no error of its own: a damaged file may raise anything
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise FirelineError(f"damaged, or of another network: {reason}", node=str(path)) from None
