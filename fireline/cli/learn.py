"""`fireline train`, `quantize` and `export`: from a preset to a QONNX file."""

from __future__ import annotations

from pathlib import Path

import click

from fireline.cli.output import complete, preset_names, recipe_names, say, step

PRESET = click.argument("preset", shell_complete=complete(preset_names))
RUN = click.option("--out", type=click.Path(path_type=Path), help="Run folder.  [default: runs/PRESET]")


@click.command()
@click.argument("recipe", shell_complete=complete(recipe_names))
@click.option("--data", help="Another data set: digits, a CIFAR binary folder or an ImageFolder tree.")
@click.option("--epochs", type=click.IntRange(min=1), help="Of every phase, in place of the recipe's.")
@click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Another value of a field, such as train.batch=128 or train.phases.0.optimizer.learning_rate=0.05.",
)
@click.option("--restart", is_flag=True, help="Begin anew, whatever is in the run folder.")
@click.option(
    "--devices", default=1, show_default=True, type=click.IntRange(min=1), help="GPUs, or processes without."
)
@click.option("--nodes", default=1, show_default=True, type=click.IntRange(min=1), help="Machines.")
@RUN
def train(
    recipe: str,
    data: str | None,
    epochs: int | None,
    changes: tuple[str, ...],
    restart: bool,
    devices: int,
    nodes: int,
    out: Path | None,
) -> None:
    """Train a network by a recipe, in float and then, if the recipe says so, quantized.

    RECIPE is a TOML file, one of the recipes that come with Fireline (`fireline recipes`), or a preset, which is
    trained on the handwritten digits. Leaves weights, metrics and curves in the run folder. Called again after it was
    stopped, it goes on from the last epoch that was done.
    """
    from fireline.cli.recipes import change_recipe
    from fireline.model.machines import Machines, leads
    from fireline.model.recipe import read_recipe
    from fireline.model.run import train_run
    from fireline.model.run_info import CHECKPOINT, INFO

    wanted = change_recipe(read_recipe(recipe), data, epochs, changes)
    folder = out or Path("runs") / wanted.name
    if restart:
        for name in (CHECKPOINT, INFO, "qat.ckpt"):
            (folder / name).unlink(missing_ok=True)
    elif (folder / CHECKPOINT).exists():
        say(f"{folder}: going on from {CHECKPOINT}")
    machines = Machines(devices, nodes)
    with step(f"train {wanted.name}"):
        run = train_run(wanted, folder, machines)
    if leads() and run.float_accuracy:
        say(
            f"{folder}: {run.preset} {run.weights}, top-1 {run.float_accuracy.top1:.2%} on {wanted.measured_on}"
        )
    if wanted.quantize is None:
        return
    from fireline.quant.run import quantize_recipe

    with step(f"quantize {wanted.name}"):
        run = quantize_recipe(wanted, folder, machines)
    if leads():
        reached = f", top-1 {run.twin_accuracy.top1:.2%} on {wanted.measured_on}" if run.twin_accuracy else ""
        say(f"{folder / 'model.onnx'}: {run.preset} {run.bits}{reached}")


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
    from fireline.model.recipe import one_phase
    from fireline.quant.run import Source
    from fireline.quant.run import quantize as quantize_run

    folder = out or Path("runs") / preset
    tuning = one_phase(epochs, learning_rate, batch, seed) if epochs else None
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
