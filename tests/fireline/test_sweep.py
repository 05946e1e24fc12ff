import csv
import json
from pathlib import Path

import pytest

from fireline.cli import main
from fireline.cli.recipes import change_recipe, value_of
from fireline.cli.sweep import open_study, suggest, trials_of
from fireline.cli.sweep_file import Budget, Range, read_sweep, spread, vary
from fireline.cli.trial import over_budget, planned_rate
from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.model.recipe import Adam, Distill, read_recipe
from tests.qonnx_models import QonnxBuilder

RECIPE = 'network = "digits"\ndata = "digits"\n[[train.phases]]\nepochs = 1\n[quantize]\nbits = "w4a4"\nimages = 20\n'
SWEEP = 'recipe = "r.toml"\nsampler = "grid"\ntrials = 4\nimages = 60\n[space]\n'


def files(folder: Path, space: str, budget: str = "") -> Path:
    (folder / "r.toml").write_text(RECIPE)
    (folder / "sweep.toml").write_text(SWEEP + space + budget)
    return folder / "sweep.toml"


def test_fields_are_changed_by_their_paths() -> None:
    recipe = change_recipe(
        read_recipe("digits"), "elsewhere", 3, ["train.phases.0.optimizer.learning_rate=0.5"]
    )
    assert recipe.data == "elsewhere"
    assert recipe.train.phases[0].epochs == 3
    assert recipe.train.phases[0].optimizer == Adam(learning_rate=0.5)
    for change, message in (("train.batch", "cannot be read"), ("train.phases.7.epochs=1", "no such field")):
        with pytest.raises(FirelineError, match=message):
            change_recipe(recipe, None, None, [change])
    with pytest.raises(FirelineError, match="colour"):
        change_recipe(recipe, None, None, ["train.colour=1"])
    assert recipe.train.distill is None
    changes = ["train.distill.teacher=runs/large", "train.distill.labels=0.5"]
    taught = change_recipe(recipe, None, None, changes)
    assert taught.train.distill == Distill(Path("runs/large"), labels=0.5)
    with pytest.raises(FirelineError, match=r"train\.distill\.teacher"):
        change_recipe(recipe, None, None, ["train.distill.labels=0.5"])


def test_values_are_toml_or_words() -> None:
    assert [value_of(text) for text in ("3", "0.5", "true", "[1]", "w4a4")] == [3, 0.5, True, [1], "w4a4"]


def test_bits_of_every_layer_are_fields_of_their_own(tmp_path: Path) -> None:
    path = files(tmp_path, '"quantize.bits.*" = ["w2a4", "w8a8"]\n')
    recipe = read_recipe(str(tmp_path / "r.toml"))
    space = spread(read_sweep(path).space, recipe)
    assert list(space) == [f"quantize.bits.{layer}" for layer in ("conv1", "fire2", "fire3", "conv10")]
    varied = vary(recipe, {"quantize.bits.fire2": "w8a8", "train.batch": 32})
    assert varied.quantize is not None
    assert varied.quantize.bits == "w4a4,fire2=w8a8"
    assert varied.train.batch == 32


def test_sweep_files_that_are_wrong(tmp_path: Path) -> None:
    with pytest.raises(FirelineError, match=r"grid has no choices for train\.batch"):
        read_sweep(files(tmp_path, '"train.batch" = { low = 1, high = 2 }\n'))
    with pytest.raises(FirelineError, match=r"budget\.colour"):
        read_sweep(files(tmp_path, '"train.batch" = [1]\n', "[budget]\ncolour = 1\n"))
    with pytest.raises(FirelineError, match=r"frames_per_second is of a device.*add budget\.device"):
        read_sweep(files(tmp_path, '"train.batch" = [1]\n', "[budget]\nframes_per_second = 1\n"))
    with pytest.raises(FirelineError, match="does not quantize"):
        vary(read_recipe("digits"), {"quantize.bits.fire2": "w4a4"})
    assert read_sweep(files(tmp_path, '"x" = [1, 2]\n')).space == {"x": [1, 2]}
    tpe = files(tmp_path, '"x" = { low = 1, high = 2, log = true }\n')
    tpe.write_text(tpe.read_text().replace("grid", "tpe"))
    assert read_sweep(tpe).space == {"x": Range(1, 2, log=True)}


def test_a_field_that_is_not_there_stops_a_sweep_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = files(tmp_path, '"train.colour" = [1]\n')
    with pytest.raises(SystemExit):
        main(["sweep", str(path), "--out", str(tmp_path / "out")])
    assert "colour" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_device_that_is_too_small_is_a_budget(tmp_path: Path) -> None:
    b = QonnxBuilder((2, 6, 6))
    graph = lower(b.save(b.conv(b.pixels(), 2, 4), tmp_path))
    rate = planned_rate(graph, "xc7z020")
    assert planned_rate(graph, None) is None
    assert rate is not None and rate > 1000
    assert over_budget(100, rate, Budget(weight_bytes=100, device="xc7z020")) == 0
    assert over_budget(150, rate, Budget(weight_bytes=100)) == 0.5
    assert over_budget(100, None, Budget(weight_bytes=100)) == 0
    assert over_budget(100, 0.0, Budget(device="xc7z020")) == 1
    assert over_budget(100, 750.0, Budget(device="xc7z020", frames_per_second=1000)) == 0.25
    assert over_budget(100, 1000.0, Budget(device="xc7z020", frames_per_second=1000)) == 0


def test_a_grid_goes_on_and_shares_float_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files(tmp_path, '"train.batch" = [32, 64]\n"quantize.bits.fire2" = ["w2a4", "w6a6"]\n')
    out = tmp_path / "out"
    main(["-q", "sweep", str(path), "--out", str(out), "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert len({(row["train.batch"], row["quantize.bits.fire2"]) for row in rows}) == 4
    assert [row["top1"] for row in rows] == sorted((row["top1"] for row in rows), reverse=True)
    assert len([p for p in (out / "float").iterdir() if p.is_dir()]) == 2
    with (out / "sweep.csv").open() as table:
        assert [row["run"] for row in csv.DictReader(table)] == [row["run"] for row in rows]
    assert (out / "sweep.png").stat().st_size > 1000
    best = lower(Path(rows[0]["run"]) / "model.onnx")
    assert best.name
    main(["-q", "sweep", str(path), "--out", str(out), "--json"])
    assert json.loads(capsys.readouterr().out) == rows


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_processes_that_share_a_study_try_different_values(tmp_path: Path, sampler: str) -> None:
    path = files(tmp_path, '"train.batch" = { low = 1, high = 1000 }\n')
    path.write_text(path.read_text().replace("grid", sampler))
    sweep, recipe = read_sweep(path), read_recipe(str(tmp_path / "r.toml"))
    tried = {}
    for processes in (1, 2):
        (tmp_path / str(processes)).mkdir()
        studies = [open_study(sweep, recipe, tmp_path / str(processes), None) for _ in range(processes)]
        tried[processes] = [
            suggest(study, study.ask(), sweep)["train.batch"]
            for _ in range(4 // processes)
            for study in studies
        ]
    assert len(set(tried[1])) == 4
    assert tried[2] == tried[1]


def test_as_many_trials_as_there_are_variants(tmp_path: Path) -> None:
    def trials(space: str) -> int:
        path = files(tmp_path, space)
        path.write_text(path.read_text().replace("grid", "tpe"))
        return trials_of(read_sweep(path))

    assert trials('"x" = [1, 2, 3, 4]\n"y" = [1, 2]\n') == 4
    assert trials('"x" = [1, 2, 2]\n') == 2
    assert trials('"x" = { low = 1, high = 1 }\n"y" = [1, 2, 3]\n') == 3
    assert trials('"x" = { low = 1, high = 2 }\n') == 4


@pytest.mark.slow
def test_nothing_is_tried_twice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files(tmp_path, '"quantize.bits" = ["w2a4", "w3a4", "w4a4"]\n')
    path.write_text(path.read_text().replace("grid", "tpe"))
    main(["-q", "sweep", str(path), "--out", str(tmp_path / "out"), "--jobs", "2", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert sorted(row["quantize.bits"] for row in rows) == ["w2a4", "w3a4", "w4a4"]
    assert sorted(row["run"] for row in rows) == sorted(
        str(folder) for folder in (tmp_path / "out").glob("trial_*")
    )


def test_what_is_over_budget_is_not_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = files(tmp_path, '"quantize.bits" = ["w2a4", "w8a8"]\n', "[budget]\nweight_bytes = 4000\n")
    main(["-q", "sweep", str(path), "--out", str(tmp_path / "out"), "--json"])
    small, large = json.loads(capsys.readouterr().out)
    assert small["within_budget"]
    assert small["weight_bytes"] <= 4000 < large["weight_bytes"]
    assert large["top1"] is None
    assert not large["within_budget"]
    assert (Path(small["run"]) / "model.onnx").exists()
    assert not Path(large["run"]).exists()
    assert small["frames_per_second"] is None


def test_what_is_too_slow_is_over_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    budget = '[budget]\ndevice = "xc7z020"\nframes_per_second = 1e9\n'
    path = files(tmp_path, '"quantize.bits" = ["w2a4", "w4a4"]\n', budget)
    with pytest.raises(SystemExit):
        main(["-q", "sweep", str(path), "--out", str(tmp_path / "out")])
    assert "none of the trials keeps to the budget" in capsys.readouterr().err
    with (tmp_path / "out" / "sweep.csv").open() as table:
        rates = [float(row["frames_per_second"]) for row in csv.DictReader(table)]
    assert len(rates) == 2 and min(rates) > 1000
    assert not (tmp_path / "out" / "float").exists()
