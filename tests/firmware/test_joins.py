"""Forks, concatenations, sums, averages and Fire modules, in lanes that fit and lanes that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from fireline.codegen.geometry.fires import find_fires
from fireline.codegen.plan.foldings import Folding
from fireline.graph import Graph, Node
from tests.firmware.harness import CHECKED, Choose, assert_exact, drawn, least, most
from tests.graphs import Builder, fire_network


def joins() -> Graph:
    """Readers of one tensor: two convolutions, two concatenations, both sides of a sum."""
    b = Builder((6, 7, 5), seed=8)
    x = b.conv(b.rescale(0), 12)
    a, c = b.conv(x, 8, (3, 3), padding=(1, 1, 1, 1)), b.conv(x, 4)
    y = b.concat((a, x, c, x), "concat3")
    y = b.add(y, y, (3, -2))
    b.globalavgpool(b.concat((y, b.conv(y, 6)), "concat4"))
    return b.graph("joins")


FOLDINGS = {"least": least, "most": most, "drawn1": drawn(1), "drawn2": drawn(2)}


@pytest.mark.parametrize("choose", FOLDINGS.values(), ids=FOLDINGS)
def test_forks_and_joins(choose: Choose, tmp_path: Path) -> None:
    assert not find_fires(joins())
    assert_exact(joins(), choose, tmp_path)


@pytest.mark.parametrize("choose", FOLDINGS.values(), ids=FOLDINGS)
def test_fires(choose: Choose, tmp_path: Path) -> None:
    assert len(find_fires(fire_network())) == 2
    assert_exact(fire_network(seed=3), choose, tmp_path)


def test_lanes_of_which_neither_divides_the_other(tmp_path: Path) -> None:
    b = Builder((12, 3, 3), seed=9)
    b.conv(b.rescale(0), 12)

    def choose(graph: Graph, node: Node) -> Folding:
        return {"pixels": Folding(4, 4), "conv2": Folding(12, 6)}.get(node.name, Folding(4, 4))

    assert_exact(b.graph(), choose, tmp_path)


def test_a_network_that_is_only_its_input(tmp_path: Path) -> None:
    assert_exact(Builder((3, 2, 2), seed=1).graph(), least, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_random_foldings_of_fire_networks(seed: int, tmp_path: Path) -> None:
    graph = fire_network(seed, bits=(2, 3, 4, 6, 8, 8)[seed % 6], size=(9, 14, 16)[seed % 3])
    assert_exact(graph, drawn(seed), tmp_path, CHECKED if seed % 4 == 0 else "-O1")
