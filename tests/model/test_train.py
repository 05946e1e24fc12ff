from pathlib import Path

import pytest

from fireline.errors import FirelineError
from fireline.model.data import load
from fireline.model.evaluate import accuracy, logits
from fireline.model.presets import preset
from fireline.model.run import load_float, read_run, train_run
from fireline.model.train import Recipe, train


def test_training_learns_and_repeats(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    data, test = load("digits", "train"), load("digits", "test")
    networks = [train(preset("digits"), data, test, Recipe(2, seed=5), tmp_path / "m.csv") for _ in range(2)]
    first, second = (logits(network, test) for network in networks)
    assert (first == second).all()
    assert accuracy(first, test.labels).top1 > 0.5
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines[0] == "epoch,train_loss,train_top1,test_loss,test_top1,seconds"
    assert len(lines) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["m.csv"]
    assert capfd.readouterr().out == ""


def test_other_classes_and_nonsense_recipes_are_refused(tmp_path: Path) -> None:
    data = load("digits", "train")
    with pytest.raises(FirelineError, match="10 classes, the network has 1000"):
        train(preset("squeezenet1_1"), data, data, Recipe(1), tmp_path / "m.csv")
    with pytest.raises(FirelineError, match="above zero"):
        Recipe(0)


@pytest.mark.slow
def test_digits_reach_97_percent(tmp_path: Path) -> None:
    run = train_run("digits", "digits", tmp_path, Recipe(30))
    assert run.float_accuracy is not None
    assert run.float_accuracy.top1 >= 0.97
    assert read_run(tmp_path) == run
    test = load("digits", "test")
    assert accuracy(logits(load_float(tmp_path), test), test.labels) == run.float_accuracy


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match="not a run folder"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"preset": 3}')
    with pytest.raises(FirelineError, match="damaged"):
        read_run(tmp_path)
