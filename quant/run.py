"""The quantized half of a run folder: from a float network to a QONNX file."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from fireline.errors import FirelineError
from fireline.model.accuracy import accuracy
from fireline.model.architecture import SqueezeNet
from fireline.model.data import ImageSet, load_measured, load_training
from fireline.model.evaluate import logits
from fireline.model.machines import ALONE, Machines, leads
from fireline.model.network import Network, float_network
from fireline.model.presets import preset
from fireline.model.prune import zero_masks
from fireline.model.recipe import Recipe, Training
from fireline.model.run_info import FLOAT, Run, read_run, write_run
from fireline.model.run_networks import load_float, load_network, load_teacher, save_network
from fireline.model.weights import import_weights
from fireline.quant.bits import Precision, parse_precision
from fireline.quant.calibrate import calibrate
from fireline.quant.export import export
from fireline.quant.fold import fold_batch_norm
from fireline.quant.twin import build_twin

TWIN, QAT_METRICS, QAT_CHECKPOINT, MODEL = "twin.pt", "qat.csv", "qat.ckpt", "model.onnx"


@dataclass(frozen=True)
class Source:
    """Where a float network's weights come from: a file, the run's own training, or, when `random`, nowhere.

    `preprocessing` says what a file's weights were trained on (`fireline.model.weights.import_weights`).
    """

    weights: Path | None = None
    preprocessing: str | None = None
    random: bool = False


def quantize(
    name: str,
    out: Path,
    *,
    data: str,
    bits: str = "w8a8",
    source: Source = Source(),
    images: int = 200,
    tuning: Training | None = None,
    seed: int = 0,
    hold_out: int = 0,
    machines: Machines = ALONE,
) -> Run:
    """Quantize preset `name` and leave twin and `model.onnx` in the run folder `out`.

    Args:
        name: the preset; a trained float network of it may be in `out` already.
        out: the run folder.
        data: the data set to calibrate on, from its training split.
        bits: such as `w8a8`, or `w4a4,conv1=w8a8` (`fireline.quant.bits`).
        source: where the float weights come from.
        images: how many images to calibrate on.
        tuning: quantization-aware training after calibration, on `data`, towards what the float network says, or the
            teacher that it names; None for calibration alone. One that was stopped goes on where it was.
        seed: chooses the calibration images, and random weights.
        hold_out: so many images of the training split are measured on, in place of the test split.
        machines: what trains.

    Raises:
        FirelineError: anything of these is wrong, or there are no float weights.
    """
    precision = parse_precision(bits)
    run, network = _float_network(name, out, source, seed)
    training = load_training(data, run.architecture.input, hold_out)
    folded, twin = calibrated_twin(network, precision, training.subset(images, seed))
    reached = None
    if tuning is not None:
        from fireline.model.train import Files, fit

        test = load_measured(data, run.architecture.input, hold_out)
        files = Files(out / QAT_METRICS, out / QAT_CHECKPOINT)
        title = f"quantized {precision}"
        kept = zero_masks(folded)  # a pruned network stays as sparse as it is
        teacher = load_teacher(tuning.distill) or folded
        fit(twin, training, test, tuning, files, title, teacher=teacher, masks=kept, machines=machines)
        reached = accuracy(logits(twin, test), test.labels)
    run = replace(
        run,
        classes=run.classes or _class_names(training.classes, run.architecture.classes),
        bits=str(precision),
        calibration=calibrated_on(min(images, len(training)), data),
        epochs=sum(phase.epochs for phase in tuning.phases) if tuning else 0,
        twin_accuracy=reached,
    )
    if leads():
        save_network(out / FLOAT, network)
        save_network(out / TWIN, twin)
        _export(twin, run, out)
        write_run(out, run)
    return run


def calibrated_twin(network: Network, precision: Precision, images: ImageSet) -> tuple[Network, Network]:
    """`network` with its batch norms folded, and its quantized twin with scales from `images`."""
    folded = fold_batch_norm(network)
    twin = build_twin(folded, precision)
    calibrate(folded, twin, images)
    return folded, twin


def quantize_recipe(recipe: Recipe, out: Path, machines: Machines = ALONE) -> Run:
    """Quantize the float network that `train_run` left in `out` as its recipe says, unless that is done.

    Raises:
        FirelineError: as `quantize`.
    """
    wanted, run = recipe.quantize, read_run(out)
    if wanted is None or (run.recipe == recipe and (out / MODEL).exists()):
        return run
    run = quantize(
        recipe.network,
        out,
        data=recipe.data,
        bits=wanted.bits,
        images=wanted.images,
        tuning=wanted.train,
        seed=recipe.train.seed,
        hold_out=recipe.hold_out,
        machines=machines,
    )
    run = replace(run, recipe=recipe)
    if leads():
        write_run(out, run)
    return run


def load_twin(folder: Path) -> Network:
    """The quantized twin of a run, in eval mode.

    Raises:
        FirelineError: the folder is no run, or nothing in it is quantized yet.
    """
    run = read_run(folder)
    if run.bits is None:
        raise FirelineError("nothing is quantized in this run", node=str(folder), hint="fireline quantize")
    twin = build_run_twin(run)
    load_network(folder / TWIN, twin)
    return twin.eval()


def build_run_twin(run: Run) -> Network:
    """The twin of a quantized run, its weights and scales still to be loaded."""
    config = run.architecture
    assert isinstance(config, SqueezeNet), "baselines are not quantized"
    folded = float_network(replace(config, batch_norm="none"))
    return build_twin(folded, parse_precision(str(run.bits)))


def calibrated_on(images: int, data: str) -> str:
    """What a run's scales come from, in words."""
    return f"{images} images of {data}"


def export_run(folder: Path) -> Path:
    """Write the run's `model.onnx` anew from its twin, and return its path."""
    twin = load_twin(folder)
    return _export(twin, read_run(folder), folder)


def _float_network(name: str, out: Path, source: Source, seed: int) -> tuple[Run, Network]:
    config = preset(name)
    if source.weights is not None:
        network = import_weights(config, source.weights, source.preprocessing)
        return Run(name, config, weights=source.weights.name, seed=seed), network
    if (out / FLOAT).exists():
        run = read_run(out)
        if run.preset != name:
            raise FirelineError(f"this run is of {run.preset}, not {name}", node=str(out))
        return run, load_float(out)
    if source.random:
        return Run(name, config, weights=f"random, seed {seed}", seed=seed), float_network(config, seed)
    raise FirelineError(
        f"there are no weights of {name}",
        node=str(out),
        hint="train first, name a file of weights, or ask for random weights",
    )


def _class_names(names: tuple[str, ...], count: int) -> tuple[str, ...]:
    """A data set's class names, where it has as many classes as the network."""
    return names if len(names) == count else ()


def _export(twin: Network, run: Run, folder: Path) -> Path:
    metadata = {
        "fireline.preset": run.preset,
        "fireline.bits": str(run.bits),
        "fireline.weights": run.weights,
        "fireline.classes": json.dumps(run.classes),
        "fireline.pixels": "grey 0 to 255" if run.architecture.input[0] == 1 else "RGB 0 to 255",
    }
    path = folder / MODEL
    export(twin, path, metadata)
    return path
