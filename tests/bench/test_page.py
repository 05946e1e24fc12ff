from pathlib import Path

from bench.measure import Result, Spread, alone
from bench.page import TIMES, page
from bench.picture import picture

ROWS = [
    Result("C-simulation", "n", "peer", Spread(1.0, 2.0, 3.0), "x", 2.5, alone(1.5), "outputs equal"),
    Result("compile", "n", "", alone(4.0), "s", 15),
    Result("simulator", "n", "other", alone(7.0), "x"),
    Result("growth of lower", "series", "", alone(0.9), "exponent", 1.1, note="1 M: 2"),
]


def test_every_result_is_on_the_page() -> None:
    text = page(ROWS, "2026-01-31", "a machine", "torch 2", "## Where time goes\n")
    assert f"| C-simulation | n | peer | ≥ 2.5{TIMES} | 2 (1 to 3){TIMES} | 1.5{TIMES} | **missed** |" in text
    assert "| compile | n |  | ≤ 15 s | 4 s |  | met |" in text
    assert f"| simulator | n | other | 7{TIMES} |  |" in text
    assert "| growth of lower | 0.9 | 1 M: 2 |" in text
    assert text.endswith("## Where time goes\n")


def test_the_same_results_give_the_same_picture(tmp_path: Path) -> None:
    picture(ROWS, tmp_path / "a.svg")
    picture(ROWS, tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
