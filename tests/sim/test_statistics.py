from math import inf

import numpy as np
import pytest

from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.sim.integer import Simulator, batches
from fireline.sim.statistics import NodeStatistics, Statistics, clamp_of, decibels
from tests.graphs import Builder, fire_network, random_pixels


def named(nodes: tuple[NodeStatistics, ...], name: str) -> NodeStatistics:
    return next(node for node in nodes if node.name == name)


def test_parts_give_what_the_whole_gives() -> None:
    graph = fire_network()
    images = random_pixels(graph, 7)
    simulator = Simulator(graph)
    whole, parts = Statistics(graph), Statistics(graph)
    whole.update(simulator.trace(images))
    for part in batches(images, 3):
        parts.update(simulator.trace(part))
    assert parts.nodes() == whole.nodes()
    assert [node.name for node in whole.nodes()] == [node.name for node in graph.nodes]


def test_ranges_and_clamps_are_those_of_the_integers() -> None:
    graph = fire_network()
    images = random_pixels(graph, 5)
    trace = graph.trace(images)
    statistics = Statistics(graph)
    statistics.update(trace)
    for node in graph.nodes:
        one, values = named(statistics.nodes(), node.name), trace[node.name]
        low, high = clamp_of(node)
        assert (one.low, one.high) == (values.min(), values.max())
        assert one.at_low == pytest.approx((values == low).mean())
        assert one.at_high == pytest.approx((values == high).mean())
        assert one.zeros == pytest.approx((values == 0).mean())
        assert one.sqnr is None


def input_only() -> Graph:
    b = Builder((1, 2, 2), 0)
    b.rescale(0)
    return b.graph()


def test_sqnr_adds_up_power_over_parts() -> None:
    graph = input_only()
    integers = np.arange(8, dtype=np.int64).reshape(2, 1, 2, 2)
    floats = (integers + 0.25).reshape(2, 4).astype(np.float32)
    statistics = Statistics(graph)
    for i in range(2):
        statistics.update({"pixels": integers[i : i + 1]}, {"pixels": floats[i : i + 1]})
    expected = 10 * np.log10((floats.astype(float) ** 2).sum() / (8 * 0.25**2))
    assert statistics.nodes()[0].sqnr == pytest.approx(expected, abs=1e-12)


def test_no_noise_and_no_signal() -> None:
    assert decibels(1.0, 0.0) == inf == decibels(0.0, 0.0)
    assert decibels(0.0, 1.0) == -inf


def test_float_activations_of_another_shape_are_refused() -> None:
    graph = input_only()
    with pytest.raises(FirelineError, match="float network gave"):
        Statistics(graph).update(
            {"pixels": np.zeros((1, 1, 2, 2), np.int64)}, {"pixels": np.zeros((1, 5), np.float32)}
        )
