from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fireline.errors import FirelineError
from fireline.model.accuracy import accuracy
from fireline.model.data import load
from fireline.model.evaluate import logits
from fireline.model.network import Network
from fireline.model.presets import preset
from fireline.model.prune import convolutions
from fireline.model.recipe import Distill, Phase, Recipe, Training, one_phase, read_recipe
from fireline.model.run import train_run
from fireline.model.run_networks import load_float
from fireline.quant.run import Source, export_run, load_twin, quantize
from fireline.quant.witness import brevitas_trace
from tests.model.shared import PRETRAINED, photographs


def quick(epochs: int) -> Recipe:
    return replace(read_recipe("digits"), train=one_phase(epochs))


def test_a_run_from_random_weights(tmp_path: Path) -> None:
    run = quantize("digits", tmp_path, data="digits", bits="w4a6", source=Source(random=True), images=20)
    assert run.weights == "random, seed 0"
    assert run.calibration == "20 images of digits"
    first = (tmp_path / "model.onnx").read_bytes()
    (tmp_path / "model.onnx").unlink()
    assert export_run(tmp_path).read_bytes() == first


def test_a_loaded_twin_is_the_twin(tmp_path: Path) -> None:
    quantize(
        "digits", tmp_path, data="digits", source=Source(random=True), images=20, tuning=one_phase(1, 1e-3)
    )
    images = load("digits", "test").read(range(3))
    once, again = (brevitas_trace(load_twin(tmp_path), images) for _ in range(2))
    assert all(np.array_equal(once[name], again[name]) for name in once)


def test_steps_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="there are no weights of digits"):
        quantize("digits", tmp_path, data="digits")
    with pytest.raises(FirelineError, match="not a run folder"):
        load_twin(tmp_path)
    train_run(quick(1), tmp_path)
    with pytest.raises(FirelineError, match="nothing is quantized"):
        load_twin(tmp_path)
    with pytest.raises(FirelineError, match="this run is of digits, not cifar_e4"):
        quantize("cifar_e4", tmp_path, data="digits")
    (tmp_path / "float.pt").write_bytes(b"hello")
    with pytest.raises(FirelineError, match="damaged"):
        load_float(tmp_path)


def test_what_is_pruned_stays_pruned_in_training(tmp_path: Path) -> None:
    phase = Phase(1, sparsity=0.5)
    train_run(replace(quick(1), train=Training((phase,))), tmp_path)
    quantize("digits", tmp_path, data="digits", bits="w8a8", images=20, tuning=one_phase(1, 1e-3))
    zero = {path: conv.weight == 0 for path, conv in convolutions(load_float(tmp_path))}
    assert sum(int(z.sum()) for z in zero.values()) > 4000
    assert all(bool((conv.weight[zero[path]] == 0).all()) for path, conv in convolutions(load_twin(tmp_path)))


@pytest.mark.slow
def test_digits_after_fine_tuning_are_within_a_point(tmp_path: Path) -> None:
    trained = train_run(quick(15), tmp_path)
    assert trained.float_accuracy is not None
    quantize("digits", tmp_path, data="digits", bits="w6a6", tuning=one_phase(5, 1e-3))
    test = load("digits", "test")
    reached = accuracy(logits(load_twin(tmp_path), test), test.labels)
    assert reached.top1 >= trained.float_accuracy.top1 - 0.01


@pytest.mark.slow
def test_photographs_after_calibration_alone(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = str(photographs(tmp_path_factory))
    source = Source(PRETRAINED / "squeezenet1_1_torchvision.npz")
    quantize("squeezenet1_1", tmp_path, data=folder, source=source, images=40)
    data = load(folder, "test", preset("squeezenet1_1").input).subset(60, seed=1)
    ours, theirs = logits(load_twin(tmp_path), data), logits(load_float(tmp_path), data)
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1)).mean() > 0.85


def test_quantized_training_learns_from_the_float_network_where_no_teacher_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_run(quick(1), tmp_path)
    taught = []

    def fit(*args: object, teacher: Network, **kwargs: object) -> None:
        taught.append(teacher)

    monkeypatch.setattr("fireline.model.train.fit", fit)
    for distill in (None, Distill(labels=0.1, temperature=4), Distill(tmp_path)):
        tuning = replace(one_phase(1), distill=distill)
        quantize("digits", tmp_path, data="digits", bits="w4a4", images=20, tuning=tuning)
    images = torch.from_numpy(load("digits", "test").subset(20).read()).float()
    wanted = load_float(tmp_path)(images)
    for teacher in taught:
        assert torch.allclose(teacher.eval()(images), wanted, rtol=1e-4, atol=1e-4)
    assert [teacher.config.batch_norm for teacher in taught] == ["none", "none", "all"]
