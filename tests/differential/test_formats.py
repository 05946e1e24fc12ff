"""A few random networks of every format; `python -m tests.differential` runs many."""

from collections import Counter
from pathlib import Path

import pytest

from tests.differential.case import NotMade, check
from tests.differential.formats import FORMATS

SEEDS = {"qdq": 24, "qoperator": 8, "qcdq": 3, "qonnx": 4, "prepared": 6}
SHARE = 0.3  # of the networks is right and not refused, at least, where the format is lowered at all


@pytest.mark.parametrize("format", FORMATS)
def test_a_few_networks(tmp_path: Path, format: str) -> None:
    counts: Counter[str] = Counter()
    for seed in range(SEEDS[format]):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            case = FORMATS[format](seed, folder)
        except NotMade:
            continue
        check(case, counts)  # raises where a value is wrong; a refusal is counted
    assert format == "qcdq" or counts["exact"] >= SHARE * SEEDS[format]
