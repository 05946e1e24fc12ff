"""Random networks: the QONNX executor, exact rational arithmetic, the simulator and the compiled C++ agree."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from fireline.codegen.lower.network import lower
from fireline.graph import Graph
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.firmware import harness
from tests.random_networks import random_model
from tests.rational import evaluate

NEAR_A_TIE = 1e-3  # of a step: as far as float32 sums of these networks go astray


def pixels(graph: Graph, seed: int, images: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (images, *graph.input.output.shape)).astype(np.uint8)


def check_exactly(path: Path, graph: Graph, seed: int) -> int:
    """The simulator equals rational arithmetic on every tensor. How many integers the float32 executor has elsewhere:
    where it first leaves the exact values, it does so by one, next to a tie.
    """
    images = pixels(graph, seed, 1)
    exact, got = evaluate(path, images[0]), simulator(graph).run(images)
    floating = qonnx_executor(graph, path).run(images)
    nodes = [node for node in graph.nodes if node.source]
    for node in nodes:
        scale = np.array(node.output.scale, dtype=object).reshape(-1, 1, 1)
        reals = (got[node.name][0].astype(object) - node.output.zero_point) * scale
        expected = exact.values[node.source].fractions().reshape(reals.shape)
        assert (reals == expected).all(), node.name
    differ = [node for node in nodes if (floating[node.name] != got[node.name]).any()]
    if differ:
        first = differ[0]
        gap = np.abs(floating[first.name] - got[first.name])[0]
        distance = exact.distance[first.source].reshape(gap.shape)
        bipolar = 0 not in got[first.name] and first.output.type.bits == 2
        assert gap.max() == 1 + bipolar and distance[gap > 0].max() < NEAR_A_TIE, first.name
    return sum(int((floating[node.name] != got[node.name]).sum()) for node in differ)


def check_firmware(graphs: Mapping[int, Graph], folder: Path) -> None:
    """The C-simulations of graphs, each folded as its seed says, equal the simulator on every stream."""
    harness.assert_all_exact(list(graphs.values()), [harness.drawn(seed) for seed in graphs], folder)


@pytest.mark.parametrize("seed", range(100))
def test_powers_of_two(tmp_path: Path, seed: int) -> None:
    path = random_model(tmp_path, seed)
    graph = lower(path)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [pixels(graph, seed)]).require_exact()


@pytest.mark.parametrize("seed", range(1000, 1100))
def test_any_scales(tmp_path: Path, seed: int) -> None:
    path = random_model(tmp_path, seed, power_of_two=False)
    check_exactly(path, lower(path), seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", [*range(0, 100, 10), *range(1000, 1100, 10)])
def test_firmware(tmp_path: Path, first: int) -> None:
    seeds = range(first, first + 10)
    check_firmware(
        {seed: lower(random_model(tmp_path, seed, power_of_two=seed < 1000)) for seed in seeds}, tmp_path
    )
