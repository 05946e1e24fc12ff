"""A run folder: what each step leaves for the next.

run.json      what the run is: architecture, data, bits, results
float.pt      weights of the float network
metrics.csv   one row per epoch of float training
twin.pt       weights and scales of the quantized twin
qat.csv       one row per epoch of quantization-aware training
model.onnx    the twin as QONNX
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError

from fireline.errors import FirelineError
from fireline.files import write_whole
from fireline.model.architecture import SqueezeNet
from fireline.model.data import load
from fireline.model.evaluate import Accuracy, accuracy, logits
from fireline.model.network import Network, float_network
from fireline.model.presets import preset
from fireline.model.train import Recipe, train

INFO, FLOAT, METRICS = "run.json", "float.pt", "metrics.csv"


@dataclass(frozen=True)
class Run:
    """What a run folder says about itself. `weights` tells where the float network's come from."""

    preset: str
    architecture: SqueezeNet
    weights: str
    classes: tuple[str, ...] = ()
    seed: int = 0
    float_accuracy: Accuracy | None = None
    bits: str | None = None
    calibration: str | None = None
    epochs: int = 0


_RUN = TypeAdapter(Run)


def train_run(name: str, data: str, out: Path, recipe: Recipe) -> Run:
    """Train preset `name` in float on the data set `data`, and leave it in the run folder `out`.

    Raises:
        FirelineError: no such preset or data, or they do not belong together.
    """
    config = preset(name)
    training, test = load(data, "train", config.input), load(data, "test", config.input)
    network = train(config, training, test, recipe, out / METRICS)
    run = Run(
        preset=name,
        architecture=config,
        weights=f"trained on {data}, {recipe.epochs} epochs",
        classes=training.classes,
        seed=recipe.seed,
        float_accuracy=accuracy(logits(network, test), test.labels),
    )
    save_network(out / FLOAT, network)
    write_run(out, run)
    return run


def write_run(folder: Path, run: Run) -> None:
    """Write `run.json`."""
    write_whole(folder / INFO, _RUN.dump_json(run, indent=2) + b"\n")


def read_run(folder: Path) -> Run:
    """Read `run.json`.

    Raises:
        FirelineError: the folder is no run, or its file is damaged.
    """
    try:
        return _RUN.validate_json((folder / INFO).read_bytes())
    except OSError:
        raise FirelineError(f"not a run folder: it has no {INFO}", node=str(folder)) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise FirelineError(f"damaged: {where} {first['msg']}", node=str(folder / INFO)) from None


def load_float(folder: Path) -> Network:
    """The float network of a run, in eval mode.

    Raises:
        FirelineError: the folder is no run, or has no float network.
    """
    network = float_network(read_run(folder).architecture)
    load_network(folder / FLOAT, network)
    return network.eval()


def save_network(path: Path, network: Network) -> None:
    """Write the state of `network`, float or twin."""
    buffer = io.BytesIO()
    torch.save(network.state_dict(), buffer)
    write_whole(path, buffer.getvalue())


def load_network(path: Path, network: Network) -> None:
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
