"""Training into a run folder, and its float network. What lies in it: `fireline.model.run_info`."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import torch

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.accuracy import accuracy
from fireline.model.classification import SCORES, classification
from fireline.model.curves import write_curves
from fireline.model.data import load
from fireline.model.evaluate import logits
from fireline.model.network import Network, Staged, float_network
from fireline.model.progress import read_rows
from fireline.model.recipe import Recipe
from fireline.model.run_info import CHECKPOINT, CURVES, FLOAT, INFO, METRICS, Run, read_run, write_run
from fireline.model.train import ALONE, Files, Machines, fit, leads
from fireline.model.weights import start_from


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
