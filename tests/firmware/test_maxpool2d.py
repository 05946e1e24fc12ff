"""Overlapping and disjoint windows, padding, ceil mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireline.graph import Graph
from tests.firmware.harness import Choose, assert_exact, least, most
from tests.graphs import Builder


def pools() -> Graph:
    b = Builder((4, 40, 37), seed=5)
    x = b.rescale(0)
    for kernel, stride, padding in (
        ((3, 3), (1, 1), (1, 1, 1, 1)),
        ((3, 3), (2, 2), (0, 0, 1, 0)),
        ((2, 2), (1, 1), (0, 0, 0, 0)),
        ((3, 2), (2, 1), (1, 0, 1, 1)),
        ((2, 2), (2, 2), (0, 0, 0, 0)),
        ((1, 1), (2, 1), (0, 0, 0, 0)),
        ((2, 5), (3, 2), (0, 3, 0, 4)),
        ((3, 3), (2, 1), (1, 1, 2, 2)),
        ((4, 3), (1, 2), (3, 2, 3, 2)),
    ):
        x = b.maxpool(x, kernel, stride, padding)
    return b.graph("pools")


@pytest.mark.parametrize("choose", [least, most])
def test_windows(choose: Choose, tmp_path: Path) -> None:
    assert_exact(pools(), choose, tmp_path)
