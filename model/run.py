"""Training into a run folder. What lies in it: `fireline.model.run_info`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.accuracy import accuracy
from fireline.model.architecture import SqueezeNet
from fireline.model.classification import SCORES, classification
from fireline.model.curves import write_curves
from fireline.model.data import load_measured, load_training
from fireline.model.evaluate import logits
from fireline.model.machines import ALONE, Machines, leads
from fireline.model.narrow import narrowed
from fireline.model.network import Staged, float_network
from fireline.model.progress import read_rows
from fireline.model.recipe import Recipe
from fireline.model.run_info import (
    CHECKPOINT,
    CURVES,
    FLOAT,
    INFO,
    METRICS,
    Run,
    read_run,
    trained_on,
    write_run,
)
from fireline.model.run_networks import load_teacher, save_network
from fireline.model.train import Files, fit
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
    data = load_training(recipe.data, config.input, recipe.hold_out)
    test = load_measured(recipe.data, config.input, recipe.hold_out)
    network = _beginning(recipe)
    teacher = load_teacher(training.distill)
    files = Files(out / METRICS, out / CHECKPOINT)
    fit(network, data, test, training, files, "float", teacher=teacher, machines=machines)
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


def _beginning(recipe: Recipe) -> Staged:
    """The network before training: random, or with weights of another."""
    config, seed = recipe.architecture, recipe.train.seed
    if recipe.start is None and recipe.narrow is None:
        return float_network(config, seed)
    if not isinstance(config, SqueezeNet):
        raise FirelineError("a baseline starts from random weights", node=recipe.name)
    if recipe.narrow is not None:
        return narrowed(recipe.narrow, config, seed)
    network = float_network(config, seed)
    if recipe.start is not None:
        start_from(network, recipe.start.weights, recipe.start.preprocessing)
    return network
