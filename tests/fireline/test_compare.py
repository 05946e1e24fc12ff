import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fireline.cli.compare import NAMED, draw, pareto
from fireline.cli.results import RESULTS, digest
from fireline.errors import FirelineError
from fireline.model.presets import preset
from fireline.model.run_info import Run, write_run


def test_only_unbeaten_points_are_best() -> None:
    points = [(3.0, 90.0), (1.0, 80.0), (2.0, 70.0), (4.0, 90.0), (1.0, 75.0), (5.0, 60.0)]
    assert pareto(points) == [(1, 80), (3, 90)]
    assert pareto(points, better=1) == [(4, 90), (5, 60)]


def test_the_plot_is_the_same_each_time_and_of_a_known_kind(tmp_path: Path) -> None:
    rows = [
        {"model": "digits", "bits": f"w{b}a{b}", "weight_bytes": 1000 * b, "firmware_top1": 0.9 + b / 100}
        for b in (4, 6, 8)
    ]
    draw(rows, tmp_path / "a.png")
    draw(rows, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    draw([row | {"frames_per_second": 100.0 * row["weight_bytes"]} for row in rows], tmp_path / "b.png")
    assert Image.open(tmp_path / "b.png").width == 2 * Image.open(tmp_path / "a.png").width
    with pytest.raises(FirelineError, match="no picture of kind 'xyz'"):
        draw(rows, tmp_path / "c.xyz")
    assert json.dumps(sorted(p.name for p in tmp_path.iterdir())) == '["a.png", "b.png"]'


def test_of_many_runs_the_plot_names_the_unbeaten(tmp_path: Path) -> None:
    rows = [
        {"model": f"trial_{i}", "bits": "w4a4", "weight_bytes": 1000 * (i + 1), "firmware_top1": top1}
        for i, top1 in enumerate([0.7, 0.6, 0.8, *[0.5] * (NAMED - 3)])
    ]
    draw(rows, tmp_path / "few.svg")
    assert {row["model"] for row in rows} == set(re.findall(r"trial_\d+", (tmp_path / "few.svg").read_text()))
    draw([*rows, rows[1]], tmp_path / "many.svg")
    assert set(re.findall(r"trial_\d+", (tmp_path / "many.svg").read_text())) == {"trial_0", "trial_2"}


def test_runs_are_compared_without_torch(tmp_path: Path) -> None:
    write_run(tmp_path, Run("digits", preset("digits"), "random", bits="w8a8"))
    (tmp_path / "model.onnx").write_bytes(b"")
    results = {"model": digest(tmp_path), "weight_bytes": 1234, "images": 1, "mismatches": 0}
    (tmp_path / RESULTS).write_text(json.dumps(results))
    code = "import sys; from fireline.cli import main\n"
    code += f"try:\n main(['compare', {str(tmp_path)!r}])\nfinally:\n print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "1,234" in done.stdout
    assert done.stdout.rstrip().endswith("False")
