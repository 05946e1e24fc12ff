"""Projects of presets, one of each device family, are clean; `python -m tests.lint_check` reads them all."""

from pathlib import Path

import pytest

from tests.lint_check import check

pytest.importorskip("clang.cindex")
pytest.importorskip("hls4ml")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "bits", "device", "load_weights"),
    [
        ("digits", 4, "xc7z020", False),
        ("squeezenet1_0_complex_bypass", 8, "xczu7ev", True),
        ("wildcats", 8, "xcvc1902", True),
    ],
)
def test_projects_of_presets_are_clean(
    name: str, bits: int, device: str, load_weights: bool, tmp_path: Path
) -> None:
    assert check(name, bits, device, load_weights, tmp_path / "project") == []
