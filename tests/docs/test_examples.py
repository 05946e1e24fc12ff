"""The examples run, the templates are well-formed, and the CI script tells what happened."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from fireline.cli.sweep_file import read_sweep, sweep_recipe, vary
from fireline.model.count import counts
from tests.docs.blocks import ROOT, shell

EXAMPLES = ROOT / "examples"
MISMATCH = {"node": "conv1", "image": 0, "channel": 3, "y": 1, "x": 2, "expected": 5, "got": 4}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "arguments", "printed"),
    [
        ("verify_qonnx.py", ["model.onnx", "images.npy"], "csim"),
        ("sweep_bits.py", ["1"], "w3a3"),
        ("plan_devices.py", [], "xcu250"),
    ],
)
def test_script(
    script: str,
    arguments: list[str],
    printed: str,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")
    assert printed in capsys.readouterr().out


def test_the_sweep_for_small_parts_has_room_on_both_sides_of_its_budget() -> None:
    file = EXAMPLES / "cifar10_small.toml"
    sweep = read_sweep(file)
    recipe = sweep_recipe(sweep, file)
    lists = [values for values in sweep.space.values() if isinstance(values, list)]
    assert len(lists) == len(sweep.space)
    varied = (vary(recipe, dict(zip(sweep.space, values, strict=True))) for values in product(*lists))
    sizes = [counts(one.architecture).weight_bytes(4) for one in varied]
    assert sweep.budget.weight_bytes is not None
    assert sum(size <= sweep.budget.weight_bytes for size in sizes) > sweep.trials / 2
    assert max(sizes) > sweep.budget.weight_bytes


@pytest.mark.slow
def test_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    names: dict[str, Any] = {"__name__": "notebook"}
    cells = json.loads((EXAMPLES / "explore.ipynb").read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    for cell in code:
        exec(compile("".join(cell["source"]), f"explore.ipynb, {cell['id']}", "exec"), names)
    assert names["plan"].graph == names["graph"]


@pytest.mark.slow
def test_the_ci_script_fails_as_verify_does(desk: Path) -> None:
    status, output = shell("sh ci/verify.sh model.onnx xc7z02 --inputs images.npy")
    assert status == 2
    assert "did you mean xc7z020?" in output
    assert not (desk / "fireline-ci" / "verify.json").exists()


def test_the_ci_summary_annotates_mismatches(tmp_path: Path) -> None:
    engine = {"mismatches": 0, "tensors": 3, "values": 1000, "seconds": 1.0, "first": None}
    result = {
        "images": 2,
        "mismatches": 7,
        "reference": "simulator",
        "engines": {"simulator": engine, "csim": {**engine, "mismatches": 7, "first": MISMATCH}},
        "accuracy": {"float": {"top1": 0.5, "top5": 1.0}, "simulator": {"top1": 0.25, "top5": 1.0}},
    }
    (tmp_path / "verify.json").write_text(json.dumps(result))
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "ci" / "summary.py"), str(tmp_path / "verify.json"), "nets/m.onnx"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| float |  |  | 50.00% | 100.00% |" in done.stdout
    assert "| simulator | reference | 1,000 | 25.00% | 100.00% |" in done.stdout
    assert "| csim | 7 | 1,000 |  |  |" in done.stdout
    assert done.stderr == (
        "::error file=nets/m.onnx,title=Fireline: engines differ::csim differs in 7 integers, "
        "first at node conv1, image 0, channel 3, pixel (1, 2): expected 5, got 4\n"
    )


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_ci_templates_call_the_script(name: str) -> None:
    content = yaml.safe_load((EXAMPLES / "ci" / name).read_text())
    job = content["jobs"]["verify"]["steps"] if name == "github.yml" else content["fireline"]["script"]
    assert 'sh ci/verify.sh "$MODEL" "$DEVICE" $IMAGES' in json.dumps(job).replace("\\", "")


def test_pre_commit_hooks_are_commands_of_this_project() -> None:
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in content["repos"] for hook in repository["hooks"]]
    assert {"ruff-check", "ruff-format"} <= {hook["id"] for hook in hooks}
    assert all({"id", "name", "entry", "language"} <= set(hook) for hook in hooks)
