"""Two presets under the sanitizers, in every build; `python -m tests.preset_check` runs them all."""

from pathlib import Path

import pytest

from tests.preset_check import check


@pytest.mark.slow
@pytest.mark.parametrize(("name", "bits"), [("digits", "w8a8"), ("squeezenet1_0_complex_bypass", "w8a8")])
def test_sanitizers_find_nothing(name: str, bits: str, tmp_path: Path) -> None:
    check(name, bits, tmp_path)
