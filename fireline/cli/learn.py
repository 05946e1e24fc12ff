"""`fireline train`, `quantize` and `export`: from a preset to a QONNX file."""

from __future__ import annotations

from pathlib import Path

import click

from fireline.cli.output import say, step

PRESET = click.argument("preset")
RUN = click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/PRESET]")


@click.command()
@PRESET
@click.option(
    "--data",
    default="digits",
    show_default=True,
    help="digits, a CIFAR binary folder or an ImageFolder tree.",
)
@click.option("--epochs", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--learning-rate", default=1e-2, show_default=True, type=float)
@click.option("--batch", default=64, show_default=True, type=click.IntRange(min=1), help="Images a step.")
@click.option("--seed", default=0, show_default=True, type=int)
@RUN
def train(
    preset: str, data: str, epochs: int, learning_rate: float, batch: int, seed: int, out: Path | None
) -> None:
    """Train a preset in float.

    Leaves run.json, float.pt and metrics in the run folder.
    """
    from fireline.model.run import train_run
    from fireline.model.train import Recipe

    folder = out or Path("runs") / preset
    recipe = Recipe(epochs=epochs, learning_rate=learning_rate, batch=batch, seed=seed)
    with step(f"train {preset}"):
        train_run(preset, data, folder, recipe)
    say(f"{folder}: {preset} trained for {epochs} epochs on {data}")


@click.command()
@PRESET
@click.option(
    "--weights", type=click.Path(path_type=Path), help="Pretrained weights (.npz, .pth, torchvision's names)."
)
@click.option(
    "--preprocessing",
    help="What the weights were trained on: torchvision or caffe.  [default: from the file's name]",
)
@click.option(
    "--bits", default="w8a8", show_default=True, help="Such as w4a8, or w4a4,conv1=w8a8 for single layers."
)
@click.option(
    "--calibrate", "data", required=True, help="Data to calibrate on: digits, a CIFAR binary folder, ..."
)
@click.option(
    "--images", default=200, show_default=True, type=click.IntRange(min=1), help="Calibrate on that many."
)
@click.option(
    "--epochs", default=0, show_default=True, type=click.IntRange(min=0), help="Quantization-aware training."
)
@click.option("--learning-rate", default=1e-3, show_default=True, type=float)
@click.option(
    "--batch", default=64, show_default=True, type=click.IntRange(min=1), help="Images a training step."
)
@click.option("--seed", default=0, show_default=True, type=int)
@RUN
def quantize(
    preset: str,
    weights: Path | None,
    preprocessing: str | None,
    bits: str,
    data: str,
    images: int,
    epochs: int,
    learning_rate: float,
    batch: int,
    seed: int,
    out: Path | None,
) -> None:
    """Quantize a preset with power-of-two scales: calibration, then training if --epochs is given.

    Starts from --weights, or from the float network that `train` left in the run folder; without either the network
    is untrained, which is enough to try the hardware. Writes twin.pt and model.onnx (QONNX) there.
    """
    from fireline.model.train import Recipe
    from fireline.quant.run import Source
    from fireline.quant.run import quantize as quantize_run

    folder = out or Path("runs") / preset
    tuning = Recipe(epochs=epochs, learning_rate=learning_rate, batch=batch, seed=seed) if epochs else None
    untrained = weights is None and not (folder / "float.pt").exists()
    if untrained:
        click.echo(f"no weights: {preset} is untrained, its weights random (seed {seed})", err=True)
    source = Source(weights, preprocessing, random=untrained)
    with step(f"quantize {preset}"):
        quantize_run(
            preset, folder, data=data, bits=bits, source=source, images=images, tuning=tuning, seed=seed
        )
    say(f"{folder / 'model.onnx'}: {preset} {bits}, calibrated on {data}")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
def export(run: Path) -> None:
    """Write a run's model.onnx (QONNX) anew from its quantized network."""
    from fireline.quant.run import export_run

    say(export_run(run))
