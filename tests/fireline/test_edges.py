"""The rough edges that first users met."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fireline.cli import fireline, load_command
from fireline.codegen.lower.network import lower
from fireline.codegen.plan.file import load
from fireline.sim.dataflow.planning import figures_of
from tests.fireline.test_cli import run
from tests.qonnx_models import QonnxBuilder, fire_model

Capture = pytest.CaptureFixture[str]


def test_data_of_pixels_is_refused_where_the_network_takes_other_numbers(
    capsys: Capture, tmp_path: Path
) -> None:
    b = QonnxBuilder((1, 8, 8))
    x = b.quant("input", 2.0**-5, signed=True)
    path = b.save(b.node("Flatten", [b.quant(b.conv(x, 1, 10, 8), 0.5)]), tmp_path)
    status, _, err = run(capsys, "verify", path, "--data", "digits", "--engine", "simulator")
    assert status == 2 and "takes -4 to 3.969 in steps of 0.03125" in err and "--inputs" in err


def test_the_shell_stands_in_the_plan(capsys: Capture, tmp_path: Path) -> None:
    status, out, _ = run(capsys, "plan", fire_model(tmp_path), "--device", "xczu7ev")
    (row,) = (line for line in out.splitlines() if "shell" in line)
    assert status == 0 and "4,000" in row and "6,000" in row
    luts = [line.split("│")[7].strip().replace(",", "") for line in out.splitlines() if line.startswith("│")]
    (total,) = (line for line in out.splitlines() if line.startswith("LUT "))
    assert sum(map(int, luts)) == int(total.split()[1].replace(",", ""))


@pytest.mark.parametrize("option", ["--plot", "--timeline"])
def test_a_plan_is_drawn_as_its_suffix_says(capsys: Capture, tmp_path: Path, option: str) -> None:
    picture, unknown = tmp_path / "x.png", tmp_path / "x.bmp"
    status, _, err = run(capsys, "plan", fire_model(tmp_path), option, unknown)
    assert status == 2 and "no picture of kind 'bmp' (.png, .svg or .pdf)" in err and not unknown.exists()
    status, _, _ = run(capsys, "plan", fire_model(tmp_path), "--target-fps", "20000", option, picture)
    assert status == 0 and picture.read_bytes().startswith(b"\x89PNG")


def test_a_plan_for_rtl_is_that_of_its_project(capsys: Capture, tmp_path: Path) -> None:
    model, project = fire_model(tmp_path), tmp_path / "project"
    args = [model, "--target", "rtl", "--target-fps", "20000"]
    _, out, _ = run(capsys, "plan", *args, "--json")
    assert run(capsys, "generate", *args, "--out", project)[0] == 0
    kept = load(project / "tb" / "plan.json", lower(model))
    assert kept.target == "rtl"
    assert figures_of(kept).used.lut == json.loads(out)["resources"]["lut"]["used"]


@pytest.mark.parametrize(
    ("command", "parameter", "typed", "offered"),
    [
        ("plan", "device", "xczu", ["xczu3eg", "xczu7ev"]),
        ("quantize", "preset", "digi", ["digits"]),
        ("train", "recipe", "cifar_b", ["cifar_baseline"]),
        ("recipes", "name", "cifar_b", ["cifar_baseline"]),
    ],
)
def test_completion_knows_names(command: str, parameter: str, typed: str, offered: list[str]) -> None:
    found = load_command(command)
    (one,) = (p for p in found.params if p.name == parameter)
    context = fireline.make_context("fireline", ["models"], resilient_parsing=True)
    items = [item.value for item in one.shell_complete(context, typed)]
    assert set(offered) <= set(items) and all(item.startswith(typed) for item in items)


@pytest.mark.slow
def test_quiet_training_is_quiet(tmp_path: Path) -> None:
    code = "from fireline.cli import main; main(['-q','train','digits','--epochs','1','--out','run'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_example_explains_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = Path(__file__).parents[2] / "examples" / "sweep_bits.py"
    monkeypatch.setattr(sys, "argv", [str(example), "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(example), run_name="__main__")
    assert not stop.value.code
    assert "Bits against accuracy" in capsys.readouterr().out
