"""Two presets under the sanitizers; `python -m tests.preset_check` runs all of them in every build."""

from pathlib import Path

import pytest

from tests.preset_check import BUILDS, check


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "builds"),
    [("digits", tuple(BUILDS)), ("squeezenet1_0_complex_bypass", ("native", "checked"))],
)
def test_sanitizers_find_nothing(name: str, builds: tuple[str, ...], tmp_path: Path) -> None:
    check(name, "w8a8", tmp_path, builds)
