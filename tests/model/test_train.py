import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fireline.errors import FirelineError
from fireline.model.accuracy import accuracy
from fireline.model.architecture import SqueezeNet
from fireline.model.data import ImageSet, load
from fireline.model.evaluate import logits
from fireline.model.machines import ALONE, Machines
from fireline.model.network import Network, Staged, float_network
from fireline.model.presets import preset
from fireline.model.progress import read_rows
from fireline.model.prune import convolutions
from fireline.model.recipe import (
    Accelerated,
    Adam,
    Augment,
    Constant,
    Cosine,
    Distill,
    Linear,
    OneCycle,
    Optimizer,
    Perturbed,
    Phase,
    Plateau,
    Quantize,
    Recipe,
    Restarts,
    RmsProp,
    Schedule,
    Sgd,
    Step,
    Training,
    one_phase,
    read_recipe,
)
from fireline.model.run import train_run
from fireline.model.run_info import CHECKPOINT, FLOAT, METRICS, read_run
from fireline.model.run_networks import load_float
from fireline.model.task import Task
from fireline.model.train import Files, fit
from fireline.quant.run import load_twin, quantize_recipe
from tests.fireline.process import command_line, run_command, start

FIRELINE = str(Path(sys.executable).parent / "fireline")


def files(folder: Path) -> Files:
    return Files(folder / "m.csv", folder / "c.ckpt")


def train(
    config: SqueezeNet,
    data: ImageSet,
    test: ImageSet,
    training: Training,
    files: Files,
    machines: Machines = ALONE,
) -> Staged:
    """A float network trained from random weights."""
    network = float_network(config, training.seed)
    fit(network, data, test, training, files, "float", machines=machines)
    return network


def test_training_learns_and_repeats(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, test = load("digits", "train"), load("digits", "test")
    networks = [train(preset("digits"), data, test, one_phase(2, seed=5), files(tmp_path)) for _ in range(2)]
    first, second = (logits(network, test) for network in networks)
    assert (first == second).all()
    assert accuracy(first, test.labels).top1 > 0.5
    rows = read_rows(tmp_path / "m.csv")
    assert [(row["phase"], row["epoch"]) for row in rows] == [(1, 1), (1, 2)]
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]
    assert capfd.readouterr().out == ""


def test_other_classes_and_batches_that_do_not_divide_are_refused(tmp_path: Path) -> None:
    data = load("digits", "train")
    with pytest.raises(FirelineError, match="10 classes, the network has 1000"):
        train(preset("squeezenet1_1"), data, data, one_phase(1), files(tmp_path))
    with pytest.raises(FirelineError, match="batch of 64 cannot be shared by 3 processes"):
        train(preset("digits"), data, data, one_phase(1), files(tmp_path), Machines(devices=3))


class Stopped(BaseException):
    """What the tests stop a training with; nothing catches it."""


def stopped_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the training step number `step`, counted from 1, the last."""
    count, original = iter(range(1, 10**6)), Task.training_step

    def training_step(self: Task, *args: object) -> torch.Tensor:
        if next(count) == step:
            raise Stopped
        return original(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Task, "training_step", training_step)


def equal(a: Network, b: Network) -> bool:
    return all(
        torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    )


def history(path: Path) -> list[dict[str, float]]:
    return [row | {"seconds": 0.0} for row in read_rows(path)]


def some_images() -> tuple[ImageSet, ImageSet]:
    return load("digits", "train").subset(192), load("digits", "test").subset(64)


TWO_PHASES = [
    *((Adam(), schedule) for schedule in (Constant(), Step(epochs=1), Cosine(), Linear())),
    *((Sgd(nesterov=True), schedule) for schedule in (Plateau(patience=0, factor=0.5), Restarts(epochs=1))),
    *((optimizer, OneCycle()) for optimizer in (Accelerated(), Perturbed(interval=2), RmsProp())),
]


@pytest.mark.parametrize(("optimizer", "schedule"), TWO_PHASES)
def test_a_stopped_training_ends_as_if_it_had_not_been_stopped(
    optimizer: Optimizer, schedule: Schedule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phases = (Phase(3, optimizer, schedule, sparsity=0.4), Phase(2, optimizer, schedule))
    training = Training(phases, batch=64, augment=Augment(flip=True, shift=1, cutout=2), average=0.9)
    data, test = some_images()
    whole = train(preset("digits"), data, test, training, files(tmp_path / "whole"))
    folder = files(tmp_path / "parts")
    # In the second epoch; then from its start, before the second phase; from there, in that phase's second epoch.
    for steps in (5, 7, 5):
        with monkeypatch.context() as patch, pytest.raises(Stopped):
            stopped_at(steps, patch)
            train(preset("digits"), data, test, training, folder)
    assert equal(train(preset("digits"), data, test, training, folder), whole)
    assert history(folder.metrics) == history(tmp_path / "whole" / "m.csv")
    assert not folder.checkpoint.exists()


def test_a_checkpoint_of_another_training_or_damaged_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, test = some_images()
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stopped_at(5, patch)
        train(preset("digits"), data, test, one_phase(3), files(tmp_path))
    with pytest.raises(FirelineError, match="of another training"):
        train(preset("digits"), data, test, one_phase(4), files(tmp_path))
    (tmp_path / "c.ckpt").write_bytes(b"hello")
    with pytest.raises(FirelineError, match="damaged checkpoint"):
        train(preset("digits"), data, test, one_phase(3), files(tmp_path))


def test_pruned_weights_stay_zero_until_the_dense_phase(tmp_path: Path) -> None:
    data, test = some_images()
    sparse = Phase(2, Adam(), Constant(), sparsity=0.5)

    def zeros(*phases: Phase) -> float:
        network = train(preset("digits"), data, test, Training(phases), files(tmp_path))
        weights = torch.cat([conv.weight.flatten() for _, conv in convolutions(network)])
        return float((weights == 0).float().mean())

    assert zeros(Phase(1), sparse) == pytest.approx(0.5, abs=0.01)
    assert zeros(sparse, Phase(1)) < 0.01


def until_an_epoch_is_over(folder: Path, process: BaseProcess) -> None:
    while not (folder / METRICS).exists() and process.is_alive():
        time.sleep(0.01)


def test_a_killed_process_goes_on(tmp_path: Path) -> None:
    command = ["train", "digits", "--epochs", "6", "--out"]
    assert command_line(*command, tmp_path / "whole").returncode == 0
    folder = tmp_path / "killed"
    process = start(run_command, ((*command, folder),), Path(os.devnull), Path(os.devnull))
    until_an_epoch_is_over(folder, process)
    process.kill()
    process.join()
    assert (folder / CHECKPOINT).exists()
    assert not (folder / FLOAT).exists()
    assert command_line(*command, folder).returncode == 0
    assert equal(load_float(folder), load_float(tmp_path / "whole"))
    assert history(folder / METRICS) == history(tmp_path / "whole" / METRICS)


def test_an_interrupt_is_told(tmp_path: Path) -> None:
    command = ("train", "digits", "--epochs", "500", "--out", tmp_path / "run")
    err = tmp_path / "err"
    process = start(run_command, (command,), Path(os.devnull), err)
    until_an_epoch_is_over(tmp_path / "run", process)
    assert process.pid
    os.kill(process.pid, signal.SIGINT)
    process.join()
    assert process.exitcode == 130
    text = err.read_text()
    assert text.endswith("interrupted\n") and "Traceback" not in text
    assert (tmp_path / "run" / CHECKPOINT).exists()


@pytest.mark.slow
def test_two_processes_train_together(tmp_path: Path) -> None:
    command = [FIRELINE, "train", "digits", "--epochs", "4", "--devices", "2", "--out"]
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    run = read_run(tmp_path)
    assert run.float_accuracy is not None
    assert run.float_accuracy.top1 > 0.8
    assert len(read_rows(tmp_path / METRICS)) == 4


def test_a_recipe_that_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(read_recipe("digits"), train=one_phase(1))
    run = train_run(recipe, tmp_path)
    stopped_at(1, monkeypatch)
    assert train_run(recipe, tmp_path) == run == read_run(tmp_path)


@pytest.mark.slow
def test_digits_reach_97_percent(tmp_path: Path) -> None:
    run = train_run(read_recipe("digits"), tmp_path)
    assert run.float_accuracy is not None
    assert run.float_accuracy.top1 >= 0.97
    test = load("digits", "test")
    assert accuracy(logits(load_float(tmp_path), test), test.labels) == run.float_accuracy


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="not a run folder"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"preset": 3}')
    with pytest.raises(FirelineError, match="damaged"):
        read_run(tmp_path)


def test_a_baseline_trains_and_goes_no_further(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for name, tone in (("dark", 40), ("light", 200)):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for i in range(4):
                pixels = rng.integers(tone - 20, tone + 20, (67, 67, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "data" / split / name / f"{i}.png")
    change = {"widths": [4, 4, 4, 4, 4], "hidden": 8, "classes": 2, "input": [3, 67, 67]}
    training = Training((Phase(1),), batch=4)
    run = train_run(Recipe("small", "alexnet", str(tmp_path / "data"), training, change), tmp_path / "run")
    assert run.float_accuracy is not None
    assert read_run(tmp_path / "run") == run
    with pytest.raises(FirelineError, match=r"alexnet in .*goes no further"):
        load_float(tmp_path / "run")


def test_the_loss_is_of_labels_and_of_what_the_teacher_says(tmp_path: Path) -> None:
    data, _ = some_images()
    pixels, labels = torch.from_numpy(data.read()).float(), torch.from_numpy(data.labels)
    network, teacher = (float_network(preset("digits"), seed).eval() for seed in (1, 2))
    with torch.no_grad():
        logits, taught = network(pixels), teacher(pixels)

    def loss(distill: Distill | None, label_smoothing: float = 0.0) -> float:
        training = replace(one_phase(1), distill=distill, label_smoothing=label_smoothing)
        task = Task(network, training, 0, teacher)
        return float(task._loss(pixels, logits, labels))

    def entropy(warmth: float) -> float:
        wanted, said = (taught / warmth).softmax(1), (logits / warmth).log_softmax(1)
        return float(-(wanted * said).sum(1).mean())

    of_labels = float(-logits.log_softmax(1)[torch.arange(len(labels)), labels].mean())
    smoothed = 0.9 * of_labels + 0.1 * float(-logits.log_softmax(1).mean())
    assert loss(None) == pytest.approx(entropy(1), rel=1e-5)
    assert loss(None, 0.1) == pytest.approx(entropy(1), rel=1e-5)
    half = Distill(tmp_path, labels=0.25, temperature=3)
    assert loss(half) == pytest.approx(0.75 * 9 * entropy(3) + 0.25 * of_labels, rel=1e-5)
    assert loss(half, 0.1) == pytest.approx(0.75 * 9 * entropy(3) + 0.25 * smoothed, rel=1e-5)


def test_a_network_learns_from_another_run(tmp_path: Path) -> None:
    change = {"widths": [16, 16, 32, 32], "input": [1, 8, 8]}
    large = Recipe("large", "resnet9", "digits", one_phase(6), change, hold_out=300)
    taught = train_run(large, tmp_path / "large")
    assert taught.float_accuracy is not None and taught.float_accuracy.top1 > 0.9
    training = replace(one_phase(2), distill=Distill(tmp_path / "large", temperature=2))
    run = train_run(Recipe("small", "digits", "digits", training), tmp_path / "small")
    assert run.float_accuracy is not None and run.float_accuracy.top1 > 0.6
    assert read_run(tmp_path / "small") == run
    missing = replace(training, distill=Distill(tmp_path / "none"))
    with pytest.raises(FirelineError, match=r"none: no teacher: not a run folder.*train it first"):
        train_run(Recipe("small", "digits", "digits", missing), tmp_path / "other")


def test_what_is_held_out_is_measured_on_and_not_trained_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def fit(network: Staged, data: ImageSet, test: ImageSet, *_: object, **__: object) -> None:
        seen.append((len(data), len(test)))

    monkeypatch.setattr("fireline.model.run.fit", fit)
    monkeypatch.setattr("fireline.model.train.fit", fit)
    recipe = Recipe(
        "held", "digits", "digits", one_phase(1), quantize=Quantize(train=one_phase(1)), hold_out=100
    )
    monkeypatch.setattr("fireline.model.run.write_curves", lambda *_: None)
    monkeypatch.setattr("fireline.model.run.read_rows", lambda _: [])
    run = train_run(recipe, tmp_path)
    quantized = quantize_recipe(recipe, tmp_path)
    assert seen == [(1337, 100), (1337, 100)]
    held = load("digits", "train").held_out(100)[1]
    assert run.float_accuracy == accuracy(logits(load_float(tmp_path), held), held.labels)
    assert quantized.twin_accuracy == accuracy(logits(load_twin(tmp_path), held), held.labels)
    assert recipe.measured_on == "100 images held out of digits"


def test_bfloat16_learns(tmp_path: Path) -> None:
    data, test = load("digits", "train"), load("digits", "test")
    training = Training((Phase(3),), precision="bfloat16")
    network = train(preset("digits"), data, test, training, files(tmp_path))
    assert np.isfinite(logits(network, test)).all()
    assert accuracy(logits(network, test), test.labels).top1 > 0.7
