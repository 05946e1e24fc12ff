from xml.etree import ElementTree

import numpy as np
import pytest

from fireline.codegen.lower.network import lower
from fireline.fixed import IntType
from fireline.graph import Conv2d, Graph
from fireline.sim.engines import Engine, simulator
from fireline.sim.explain import explain, image_region
from fireline.sim.junit import junit
from fireline.sim.ranges import naive_accumulator, ranges
from fireline.sim.verify import verify
from tests.graphs import Builder, fire_network, random_pixels
from tests.random_networks import random_model


@pytest.mark.parametrize("seed", range(4))
def test_pixels_outside_the_region_do_not_matter(seed: int) -> None:
    graph = fire_network(seed, size=15)
    random = np.random.default_rng(seed)
    index = int(random.integers(1, len(graph.nodes) - 1))
    node = graph.nodes[index]
    y, x = (int(random.integers(0, side)) for side in node.output.shape[1:])
    region = image_region(graph, index, y, x)
    images = random_pixels(graph, 2, seed)
    inside = slice(region.top, region.bottom + 1), slice(region.left, region.right + 1)
    images[1][:, inside[0], inside[1]] = images[0][:, inside[0], inside[1]]
    value = graph.trace(images)[node.name][:, :, y, x]
    assert np.array_equal(value[0], value[1])


def test_the_region_of_a_first_layer_is_its_window() -> None:
    graph = fire_network(size=15)  # rescale, then 3x3/2 with padding 1
    assert str(image_region(graph, 2, 3, 0)) == "rows 5 to 7, columns 0 to 1"


@pytest.mark.parametrize("seed", range(12))
def test_an_expression_ends_in_the_integer(tmp_path, seed: int) -> None:  # type: ignore[no-untyped-def]
    graph = lower(random_model(tmp_path, seed))
    trace = graph.trace(random_pixels(graph, 1))
    for node in graph.nodes:
        text = explain(graph, trace, node.name, 0, node.output.shape[0] - 1, 0, 0)
        value = trace[node.name][0, -1, 0, 0]
        assert f"= {value}" in text or text.startswith(f"{value}:"), text


def test_a_convolution_is_written_out() -> None:
    graph = fire_network()
    node = next(node for node in graph.nodes if isinstance(node, Conv2d) and node.weight.shape[2:] == (1, 1))
    trace = graph.trace(random_pixels(graph, 1))
    text = explain(graph, trace, node.name, 0, 0, 0, 0)
    assert text.startswith(f"bias {node.bias[0]} + ")


def test_ranges_hold_the_sums_and_save_bits() -> None:
    graph = fire_network(size=15)
    for one in ranges(graph):
        assert one.saved >= 0
        assert (1 << one.bits) > one.high - one.low >= (1 << (one.bits - 2)) - 1, one
    assert sum(one.saved for one in ranges(graph)) > 0


def test_naive_accumulator_holds_the_derived_one() -> None:
    graph = fire_network()
    for node in graph.nodes:
        if isinstance(node, Conv2d):
            naive = naive_accumulator(node, graph.nodes[node.inputs[0]].output.type)
            assert naive.min <= node.accumulator.min and node.accumulator.max <= naive.max


def test_naive_accumulator_by_hand() -> None:
    b = Builder((4, 3, 3), 0, bits=4)
    node = b.nodes[b.conv(0, 2, (3, 3))]
    assert isinstance(node, Conv2d)
    # 36 products of uint8 and int4: -8 * 255 * 36 to 7 * 255 * 36, and a bias of at most 200.
    assert naive_accumulator(node, IntType(8, signed=False)) == IntType(18, signed=True)


def test_junit_counts_failures() -> None:
    graph = fire_network()

    def broken(images: np.ndarray) -> dict[str, np.ndarray]:
        return {name: value + (name == "conv10") for name, value in graph.trace(images).items()}

    def outcome(graph: Graph) -> ElementTree.Element:
        witnesses = [Engine("good", graph.trace), Engine("<broken>", broken)]
        return ElementTree.fromstring(
            junit(verify(graph, simulator(graph), witnesses, [random_pixels(graph, 1)]), "a & b")
        )

    suite = outcome(graph)
    assert suite.attrib["tests"] == "2" and suite.attrib["failures"] == "1"
    failures = suite.findall("testcase/failure")
    assert len(failures) == 1 and "node conv10" in (failures[0].text or "")
