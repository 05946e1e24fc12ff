"""One trial of a sweep: train, quantize, lower, see whether it fits, and count what the firmware gets right."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fireline.errors import DoesNotFitError

if TYPE_CHECKING:
    from fireline.cli.sweep_file import Budget
    from fireline.graph import Graph
    from fireline.model.recipe import Recipe


@dataclass(frozen=True)
class Outcome:
    """What became of a trial. `excess` says by what share the budget is exceeded; it is kept when that is not above 0.

    `top1` is None for one that is over budget, which is not measured.
    """

    bits: str
    weight_bytes: int
    top1: float | None
    excess: float


def run_trial(recipe: Recipe, shelf: Path, folder: Path, budget: Budget, images: int | None) -> Outcome:
    """Run `recipe` in `folder`; a float network that several trials share is trained once and kept on the `shelf`."""
    from fireline.model.count import counts
    from fireline.model.run_info import read_run
    from fireline.quant.run import quantize_recipe

    trained = train_once(recipe, shelf)
    if recipe.quantize is None:
        accuracy = read_run(trained).float_accuracy
        assert accuracy is not None, "training measures"
        return Outcome("float", counts(recipe.architecture).weight_bytes(32), accuracy.top1, 0.0)
    for name in ("run.json", "float.pt"):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(trained / name, folder)
    quantize_recipe(recipe, folder)
    from fireline.codegen.lower.network import lower
    from fireline.graph import weight_bytes

    graph = lower(folder / "model.onnx")
    size = weight_bytes(graph)
    excess = over_budget(graph, size, budget)
    top1 = None if excess > 0 else firmware_top1(graph, recipe, images)
    return Outcome(recipe.quantize.bits, size, top1, excess)


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


def over_budget(graph: Graph, size: int, budget: Budget) -> float:
    """By what share the weights are too large; 1 if the network does not fit the device; 0 if all is well."""
    from fireline.codegen.plan.choice import plan_for

    excess = 0.0
    if budget.weight_bytes is not None:
        excess = max(0.0, size / budget.weight_bytes - 1)
    if budget.device is not None and not excess:
        try:
            plan_for(graph, budget.device)
        except DoesNotFitError:
            excess = 1.0
    return excess


def firmware_top1(graph: Graph, recipe: Recipe, images: int | None) -> float:
    """Top-1, 0 to 1, of the bit-accurate simulator on what `recipe` measures on, or on `images` of them."""
    import numpy as np

    from fireline.model.data import load_both
    from fireline.sim.accuracy import engine_accuracy, scores

    _, test = load_both(recipe.data, graph.input.output.shape, recipe.hold_out)
    test = test.subset(images) if images else test
    outputs = np.concatenate([graph.simulate(pixels) for pixels, _ in test.batches(16)])
    accuracy = engine_accuracy("simulator", scores(graph, outputs), test.labels)
    return accuracy.top1 / accuracy.images
