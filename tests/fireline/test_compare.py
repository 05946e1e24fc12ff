import json
from pathlib import Path

import pytest

from fireline.cli.compare import draw, pareto
from fireline.errors import FirelineError


def test_only_unbeaten_points_are_best() -> None:
    assert pareto([(3, 90), (1, 80), (2, 70), (4, 90), (1, 75)]) == [(1, 80), (3, 90)]


def test_the_plot_is_the_same_each_time_and_of_a_known_kind(tmp_path: Path) -> None:
    rows = [
        {"model": "digits", "bits": f"w{b}a{b}", "weight_bytes": 1000 * b, "firmware_top1": 0.9 + b / 100}
        for b in (4, 6, 8)
    ]
    draw(rows, tmp_path / "a.png")
    draw(rows, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with pytest.raises(FirelineError, match="no picture of kind 'xyz'"):
        draw(rows, tmp_path / "c.xyz")
    assert json.dumps(sorted(p.name for p in tmp_path.iterdir())) == '["a.png", "b.png"]'
