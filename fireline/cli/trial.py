"""One trial of a sweep: see whether it fits, train, quantize, lower, and count what the firmware gets right."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from fireline.errors import DoesNotFitError

if TYPE_CHECKING:
    from fireline.cli.sweep_file import Budget
    from fireline.graph import Graph
    from fireline.model.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What became of a trial. `excess` says by what share the budget is exceeded; it is kept when that is not above 0.

    `frames_per_second` is planned, None without a device. `top1` is None for one that is over budget, which is not
    trained.
    """

    bits: str
    weight_bytes: int
    frames_per_second: float | None
    top1: float | None
    excess: float


def run_trial(recipe: Recipe, shelf: Path, folder: Path, budget: Budget, images: int | None) -> Outcome:
    """Run `recipe` in `folder`; a float network that several trials share is trained once and kept on the `shelf`."""
    from fireline.cli.sweep_file import Budget
    from fireline.codegen.lower.network import lower
    from fireline.model.count import counts
    from fireline.model.run_info import read_run
    from fireline.quant.run import MODEL, quantize_recipe

    if recipe.quantize is not None and budget != Budget():
        outcome = sized(untrained_graph(recipe), recipe.quantize.bits, budget)
        if outcome.excess > 0:
            return outcome
    trained = train_once(recipe, shelf)
    if recipe.quantize is None:
        accuracy = read_run(trained).float_accuracy
        assert accuracy is not None, "training measures"
        return Outcome("float", counts(recipe.architecture).weight_bytes(32), None, accuracy.top1, 0.0)
    for name in ("run.json", "float.pt"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained / name, folder)
    quantize_recipe(recipe, folder)
    graph = lower(folder / MODEL)
    outcome = sized(graph, recipe.quantize.bits, budget)
    if outcome.excess > 0:  # training can move a plan on the very edge
        return outcome
    return replace(outcome, top1=firmware_top1(graph, recipe, images))


def untrained_graph(recipe: Recipe) -> Graph:
    """The network of `recipe` before it learns anything: its size is known and its plan made without training."""
    from fireline.codegen.lower.network import lower
    from fireline.model.architecture import SqueezeNet
    from fireline.model.data import load_training
    from fireline.model.network import float_network
    from fireline.quant.bits import parse_precision
    from fireline.quant.export import export
    from fireline.quant.run import MODEL, calibrated_twin

    config, seed = recipe.architecture, recipe.train.seed
    assert isinstance(config, SqueezeNet) and recipe.quantize is not None, "baselines are not quantized"
    images = load_training(recipe.data, config.input, recipe.hold_out).subset(1, seed)
    network = float_network(config, seed).eval()
    _, twin = calibrated_twin(network, parse_precision(recipe.quantize.bits), images)
    with TemporaryDirectory() as scratch:
        export(twin, Path(scratch) / MODEL)
        return lower(Path(scratch) / MODEL)


def sized(graph: Graph, bits: str, budget: Budget) -> Outcome:
    """What `graph` takes, and by how much that is over `budget`; its top-1 is still to be measured."""
    from fireline.graph import weight_bytes

    size = weight_bytes(graph)
    rate = planned_rate(graph, budget.device)
    return Outcome(bits, size, rate, None, over_budget(size, rate, budget))


def train_once(recipe: Recipe, shelf: Path) -> Path:
    """The folder on the `shelf` with the float network of `recipe`; one process trains it, others wait."""
    from filelock import FileLock

    from fireline.model.recipe import recipe_json
    from fireline.model.run import train_run

    content = recipe_json(replace(recipe, quantize=None))
    folder = shelf / hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        train_run(recipe, folder)
    return folder


def planned_rate(graph: Graph, device: str | None) -> float | None:
    """Frames a second of the fastest plan for `device`: 0 if none fits, None without a device."""
    from fireline.codegen.plan.choice import plan_for
    from fireline.codegen.plan.cycles import initiation_interval

    if device is None:
        return None
    try:
        plan = plan_for(graph, device)
    except DoesNotFitError:
        return 0.0
    return plan.clock_mhz * 1e6 / initiation_interval(plan)


def over_budget(size: int, rate: float | None, budget: Budget) -> float:
    """By what share the weights are too large, or else the network too slow, 1 if it does not fit; 0 if all is well."""
    excess = 0.0 if budget.weight_bytes is None else max(0.0, size / budget.weight_bytes - 1)
    if excess or rate is None:
        return excess
    return 1.0 if rate == 0 else max(0.0, 1 - rate / (budget.frames_per_second or rate))


def firmware_top1(graph: Graph, recipe: Recipe, images: int | None) -> float:
    """Top-1, 0 to 1, of the bit-accurate simulator on what `recipe` measures on, or on `images` of them."""
    import numpy as np

    from fireline.model.data import load_measured
    from fireline.sim.accuracy import engine_accuracy, scores

    test = load_measured(recipe.data, graph.input.output.shape, recipe.hold_out)
    test = test.subset(images) if images else test
    outputs = np.concatenate([graph.simulate(pixels) for pixels, _ in test.batches(16)])
    accuracy = engine_accuracy("simulator", scores(graph, outputs), test.labels)
    return accuracy.top1 / accuracy.images
