import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.cli import main
from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.model.accuracy import accuracy
from fireline.model.data import load
from fireline.model.evaluate import logits
from fireline.model.recipe import one_phase, read_recipe
from fireline.model.run import train_run
from fireline.model.run_info import read_run
from fireline.model.run_networks import load_float
from fireline.quant import pretrained
from fireline.quant.pretrained import names, pack, unpacked
from fireline.quant.run import load_twin, quantize_recipe
from fireline.quant.witness import brevitas_trace


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_every_checkpoint_has_its_recipe_and_is_small() -> None:
    assert "digits_w4a4" in names()
    for name in names():
        run = read_run(unpacked(name))
        assert run.recipe == read_recipe(name)
        assert run.recipe.quantize is not None
        assert run.bits == run.recipe.quantize.bits
        assert "/" not in f"{run.weights} {run.calibration}"


def test_a_checkpoint_is_unpacked_once_and_whole(cache: Path) -> None:
    folder = unpacked("digits_w4a4")
    assert sorted(p.name for p in folder.iterdir()) == ["float.pt", "model.onnx", "run.json", "twin.pt"]
    model = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(b"mine")
    assert unpacked("digits_w4a4") == folder
    assert (folder / "model.onnx").read_bytes() == b"mine"
    (folder / "run.json").unlink()
    assert (unpacked("digits_w4a4") / "model.onnx").read_bytes() == model
    with pytest.raises(FirelineError, match=r"no checkpoint 'digits_w3a3'.*digits_w4a4"):
        unpacked("digits_w3a3")


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(FirelineError, match=r"digits_w4a4.*cannot be written"):
        unpacked("digits_w4a4")


def test_the_recorded_accuracy_is_reproduced() -> None:
    folder = unpacked("digits_w4a4")
    run, test = read_run(folder), load("digits", "test")
    assert accuracy(logits(load_float(folder), test), test.labels) == run.float_accuracy
    outputs = lower(folder / "model.onnx").simulate(test.read())
    assert run.twin_accuracy is not None
    assert (outputs.reshape(len(test), -1).argmax(axis=1) == test.labels).mean() == run.twin_accuracy.top1


def test_packing_changes_no_integer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = replace(read_recipe("digits_w4a4"), train=one_phase(1))
    train_run(recipe, tmp_path / "run")
    quantize_recipe(recipe, tmp_path / "run")
    pack(tmp_path / "run", "digits_w4a4", tmp_path / "packed")
    monkeypatch.setattr(pretrained, "_folder", lambda: tmp_path / "packed")
    images = load("digits", "test").read(range(4))
    ours = brevitas_trace(load_twin(tmp_path / "run"), images)
    theirs = brevitas_trace(load_twin(unpacked("digits_w4a4")), images)
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_checkpoints_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--pretrained", "digits_w4a4"]
    main(["verify", *arguments, "--data", "digits", "--limit", "30", "--engine", "simulator", "--json"])
    assert json.loads(capsys.readouterr().out)["accuracy"]["simulator"]["top1"] > 0.9
    main(["generate", *arguments, "--out", str(tmp_path / "project")])
    assert (tmp_path / "project" / "Makefile").exists()
    for wrong, message in (
        (["generate", *arguments], "name the project folder with --out"),
        (["plan"], "--pretrained"),
        (["plan", "model.onnx", *arguments], "--pretrained"),
    ):
        with pytest.raises(SystemExit):
            main(wrong)
        assert message in capsys.readouterr().err


def test_checkpoints_are_listed_and_unpacked_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pretrained", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in listed] == names()
    for row in listed:
        run = read_run(unpacked(row["name"]))
        assert (row["network"], row["bits"]) == (run.preset, run.bits)
        assert run.float_accuracy and run.twin_accuracy
        assert (row["top1_float"], row["top1_quantized"]) == (run.float_accuracy.top1, run.twin_accuracy.top1)
    main(["pretrained"])
    assert "98.61%" in capsys.readouterr().out
    command = ["pretrained", "digits_w4a4", "--out", str(tmp_path / "run")]
    main(command)
    for file in unpacked("digits_w4a4").iterdir():
        assert (tmp_path / "run" / file.name).read_bytes() == file.read_bytes()
    (tmp_path / "run" / "mine.txt").write_text("")
    with pytest.raises(SystemExit, match="2"):
        main(command)
    assert "exists" in capsys.readouterr().err and (tmp_path / "run" / "mine.txt").exists()
    main([*command, "--force"])
    assert not (tmp_path / "run" / "mine.txt").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["pretrained", "none"])
    assert "one of" in capsys.readouterr().err
