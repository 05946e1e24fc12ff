"""Requantizers of every kind: multipliers, ties, thresholds, tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fireline.fixed import IntArray, IntType, frozen_array
from fireline.graph import Graph, Lookup, Requantize, Rescale, Rule, Tensor, Thresholds
from tests.firmware.harness import CHECKED, PLAIN, Choose, assert_exact, drawn, least
from tests.graphs import ONE, Builder


def rescaled(rules: list[tuple[Rule, IntType]]) -> Graph:
    """A chain of rescales over every pixel value, each with its rule and output type."""
    b = Builder((4, 8, 8), seed=1)
    for i, (rule, type) in enumerate(rules):
        output = Tensor(b.nodes[0].output.shape, type, ONE)
        b.nodes.append(Rescale(f"rescale{i + 1}", None, (i,), output, rule))
    return b.graph()


def line(mult: list[int], add: list[int], shift: list[int], low: int, high: int) -> Requantize:
    return Requantize(frozen_array(mult), frozen_array(add), frozen_array(shift), low, high)


@pytest.mark.parametrize("flags", [PLAIN, CHECKED], ids=["plain", "checked"])
def test_lines(flags: str, tmp_path: Path) -> None:
    graph = rescaled(
        [
            (line([1], [-128], [0], -128, 127), IntType(8, True)),
            (line([12345, 77, 1, 3], [0, 9, -5, 1], [3, 0, 1, 2], -(10**6), 10**6), IntType(21, True)),
            (line([99991], [1 << 30], [20], -(1 << 33), 1 << 33), IntType(40, True)),
            (line([1 << 20], [7], [33], 0, 200), IntType(8, False)),
            (line([-1, 1, -1, 1], [255, 0, 255, 0], [2, 2, 1, 1], 1, 60), IntType(6, False)),
            (line([1], [0], [1], 0, 31), IntType(5, False)),
        ]
    )
    assert_exact(graph, drawn(1), tmp_path, flags)


def steps(random: np.random.Generator, rows: int, count: int, low: int, high: int) -> IntArray:
    return frozen_array(np.sort(random.integers(low, high, (rows, count)), axis=1))


def test_thresholds(tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    one, minus = frozen_array([1]), frozen_array([1, -1, -1, 1])
    graph = rescaled(
        [
            (Thresholds(-8, one, steps(random, 1, 15, 0, 256)), IntType(4, True)),
            (Thresholds(0, minus, steps(random, 4, 30, -9, 9)), IntType(5, False)),
            (Thresholds(1, one, frozen_array([[9, 1 << 40]])), IntType(2, False)),
            (Thresholds(3, one, frozen_array(np.zeros((1, 0), dtype=np.int64))), IntType(2, False)),
        ]
    )
    assert_exact(graph, drawn(2), tmp_path, CHECKED)


def test_thresholds_behind_a_convolution(tmp_path: Path) -> None:
    b = Builder((3, 6, 6), seed=6)
    b.conv(b.rescale(0), 6, (3, 3))
    conv = b.nodes[-1]
    rule = Thresholds(0, frozen_array([1] * 6), steps(np.random.default_rng(5), 6, 255, -40000, 40000))
    b.nodes[-1] = replace(conv, requantize=rule)  # type: ignore[call-arg]
    assert_exact(b.graph(), drawn(3), tmp_path)


@pytest.mark.parametrize(("rows", "choose"), [(1, drawn(1)), (4, drawn(4)), (4, least)])
def test_lookup(rows: int, choose: Choose, tmp_path: Path) -> None:
    b = Builder((4, 5, 5), seed=1, bits=6)
    x = b.rescale(0)
    table = frozen_array(np.random.default_rng(rows).integers(-1000, 1000, (rows, 64)))
    b.nodes.append(Lookup("lookup2", None, (x,), Tensor((4, 5, 5), IntType(11, True), ONE), table))
    assert_exact(b.graph(), choose, tmp_path, CHECKED)


def test_no_rule_changes_nothing(tmp_path: Path) -> None:
    b = Builder((2, 3, 3), seed=2)
    node = b.nodes[b.add(0, 0, (5, -7))]
    b.nodes[-1] = replace(node, requantize=None, output=replace(node.output, type=node.accumulator))  # type: ignore
    assert_exact(b.graph(), least, tmp_path)
