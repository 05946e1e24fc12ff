"""Differences that are float32's own are told from faults, which stay failures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from fireline.codegen.lower.network import lower
from fireline.errors import MismatchError
from fireline.fixed import frozen_array
from fireline.graph import Conv2d, Graph, Requantize
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.float32.bounded import Bounded, U, grid, rounded
from fireline.sim.float32.ties import Judge
from fireline.sim.junit import junit
from fireline.sim.verify import Verification, verify
from tests.random_networks import random_model
from tests.rational import evaluate
from tests.test_random_networks import pixels

WITH_TIES = (1141, 1171, 1173)  # seeds of networks where float32 rounds elsewhere on the first three images


def against_the_executor(graph: Graph, path: Path, seed: int, images: int = 3) -> Verification:
    return verify(graph, simulator(graph), [qonnx_executor(graph, path)], [pixels(graph, seed, images)])


def test_the_grid_of_numbers() -> None:
    assert grid(np.array([0.75, -2.0, 0.0])) == 0.25
    assert grid(np.array([3.0, 5.0])) == 1.0 == grid(np.zeros(3))
    assert grid(np.array([np.float32(0.1)], dtype=np.float64)) == 2.0**-27


def test_what_no_operation_rounds_is_exact() -> None:
    value = np.array([3.0])
    held = rounded(value, value * 0, np.array([2.0**24]), 5, 1.0)
    assert held == Bounded(value, value, value, 1.0)
    over = rounded(value, value * 0, np.array([2.0**24 + 1]), 5, 1.0)
    assert over.low < value - 5 and over.high > value + 5 and over.unit == 0


@pytest.mark.parametrize("seed", [*range(1000, 1012), *range(8), *WITH_TIES])
def test_the_executor_is_within_the_bounds_and_the_value_is_the_rational_one(
    tmp_path: Path, seed: int
) -> None:
    path = random_model(tmp_path, seed, power_of_two=seed < 1000)
    graph, image = lower(path), pixels(lower(path), seed, 1)
    seen = qonnx_executor(graph, path).run(image)
    judge = Judge(graph, onnx.load(str(path)))
    bounds, _ = judge._evaluate(image[0], {n.source: seen[n.name][0] for n in graph.nodes if n.source})
    exact, compared = evaluate(path, image[0]), 0
    for node in graph.nodes:
        if node.source not in bounds:  # behind tanh and sigmoid nothing is known
            continue
        one, real = bounds[node.source], node.output.real(seen[node.name])
        slack = U * np.abs(real) + 1e-30
        assert (one.low.ravel() <= (real + slack).ravel()).all(), node.name
        assert (one.high.ravel() >= (real - slack).ravel()).all(), node.name
        assert seed >= 1000 or one.unit > 0 or node.kind == "globalavgpool2d", node.name
        if (judge._expected(image, seen)[node.name] == graph.trace(image)[node.name]).all():
            rational = exact.values[node.source].fractions().astype(float).ravel()
            same = np.isclose(one.value.ravel(), rational, rtol=1e-12, atol=1e-12)
            assert (same | (one.low != one.high).ravel()).all(), node.name
        compared += 1
    assert compared > 1


@pytest.mark.parametrize("seed", WITH_TIES)
def test_ties_are_counted_apart_with_their_distance(tmp_path: Path, seed: int) -> None:
    path = random_model(tmp_path, seed, power_of_two=False)
    graph = lower(path)
    result = against_the_executor(graph, path, seed)
    result.require_exact()
    assert result.mismatches == 0 < result.ties
    distances = [evaluate(path, image).distance for image in pixels(graph, seed, 3)]
    sources = {node.name: node.source for node in graph.nodes}
    behind = result.engines[1].behind_ties > 0
    for tie in result.engines[1].ties:
        assert tie.distance is not None and tie.distance < 1e-4
        whole = distances[tie.image][sources[tie.node]]
        assert behind or abs(whole[0, tie.channel, tie.y, tie.x] - tie.distance) < 1e-9
    with pytest.raises(MismatchError, match=r"ties.*--strict"):
        result.require_exact(strict=True)
    content = result.as_json()
    assert content["ties"] == result.ties == len(content["engines"]["qonnx"]["ties"])
    assert 'failures="0"' in junit(result, "n") and "<system-out>" in junit(result, "n")
    assert 'failures="1"' in junit(result, "n", strict=True)


def broken(graph: Graph, random: np.random.Generator, what: str) -> Graph | None:
    """`graph` with one number of one node changed by one."""
    places = [
        i
        for i, node in enumerate(graph.nodes)
        if isinstance(node, Conv2d)
        and (what != "rule" or isinstance(node.requantize, Requantize))
        and (what != "weight" or node.weight.any())
    ]
    if not places:
        return None
    index = int(random.choice(places))
    node = graph.nodes[index]
    assert isinstance(node, Conv2d)
    if what == "weight":
        at = tuple(random.choice(np.argwhere(node.weight)))
        weight = node.weight.copy()
        weight[at] -= np.sign(weight[at])  # so that no sum leaves its type
        node = replace(node, weight=frozen_array(weight))
    elif what == "bias":
        node = replace(node, bias=frozen_array(node.bias - np.sign(node.bias)))
    else:
        assert isinstance(node.requantize, Requantize)
        step = np.maximum(1, 1 << np.maximum(node.requantize.shift - 6, 0))
        node = replace(
            node, requantize=replace(node.requantize, add=frozen_array(node.requantize.add + step))
        )
    return Graph(graph.name, (*graph.nodes[:index], node, *graph.nodes[index + 1 :]))


@pytest.mark.parametrize("what", ["weight", "bias", "rule"])
@pytest.mark.parametrize("seed", [*range(1020, 1030), *WITH_TIES])
def test_a_fault_is_no_tie(tmp_path: Path, seed: int, what: str) -> None:
    path = random_model(tmp_path, seed, power_of_two=False)
    graph = lower(path)
    other = broken(graph, np.random.default_rng(seed), what)
    images = pixels(graph, seed, 3)
    if other is None:
        return
    before, after = graph.trace(images), other.trace(images)
    changed = any((before[node.name] != after[node.name]).any() for node in graph.nodes if node.source)
    result = against_the_executor(other, path, seed)
    assert (result.mismatches > 0) == changed
    if changed:
        with pytest.raises(MismatchError):
            result.require_exact()


def test_no_tie_is_excused_where_float32_is_exact(tmp_path: Path) -> None:
    """Half up in place of half to even differs at exact ties alone, and powers of two leave float32 no excuse."""
    caught = 0
    for seed in range(12):
        path = random_model(tmp_path, seed)
        graph = lower(path)
        nodes = tuple(
            replace(node, requantize=replace(node.requantize, add=frozen_array(node.requantize.add + 1)))
            if isinstance(node, Conv2d)
            and isinstance(node.requantize, Requantize)
            and node.requantize.shift.min() > 2
            and (node.requantize.mult == 1).all()
            else node
            for node in graph.nodes
        )
        other = Graph(graph.name, nodes)
        images = pixels(graph, seed, 3)
        before, after = graph.trace(images), other.trace(images)
        changed = any((before[node.name] != after[node.name]).any() for node in graph.nodes if node.source)
        result = against_the_executor(other, path, seed)
        assert (result.mismatches > 0) == changed and result.ties == 0
        caught += changed
    assert caught > 2
