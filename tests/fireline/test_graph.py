import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fireline.errors import FirelineError
from fireline.fixed import IntType, frozen_array
from fireline.graph import Concat, Conv2d, Graph, Tensor, reachable_range
from fireline.graph_file import dump
from tests.graphs import Builder, fire_network, random_pixels


def with_node(graph: Graph, index: int, **changes: object) -> Graph:
    nodes = list(graph.nodes)
    nodes[index] = replace(nodes[index], **changes)  # type: ignore[arg-type]
    return Graph(graph.name, tuple(nodes))


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 5))
def test_the_accumulator_range_is_reached_and_never_left(seed: int, signed: bool, bits: int) -> None:
    random = np.random.default_rng(seed)
    weight, bias = random.integers(-7, 8, (3, 2, 2, 2)), random.integers(-50, 51, 3)
    x = IntType(bits, signed)
    low, high = reachable_range(weight, bias, x)
    rows = weight.reshape(3, -1)
    top = (rows * np.where(rows > 0, x.max, x.min)).sum(axis=1) + bias
    bottom = (rows * np.where(rows > 0, x.min, x.max)).sum(axis=1) + bias
    assert (low, high) == (bottom.min(), top.max())
    # Partial sums in any order stay inside.
    inputs = random.integers(x.min, x.max + 1, rows.shape)
    order = random.permutation(rows.shape[1])
    partial = bias[:, None] + (rows * inputs)[:, order].cumsum(axis=1)
    assert low <= partial.min() and partial.max() <= high


def test_a_saved_graph_loads_equal_and_has_equal_bytes(tmp_path: Path) -> None:
    graph = fire_network()
    graph.save(tmp_path / "graph.npz")
    assert Graph.load(tmp_path / "graph.npz") == graph
    assert dump("fire", fire_network().nodes) == dump("fire", graph.nodes)
    assert fire_network(seed=1) != graph


def test_simulate_is_the_last_tensor_of_the_trace_whatever_the_batch() -> None:
    from fireline.sim.integer import simulate

    graph = fire_network()
    images = random_pixels(graph, 5)
    outputs = graph.simulate(images)
    assert np.array_equal(outputs, graph.trace(images)[graph.output.name])
    assert np.array_equal(outputs, simulate(graph, images, batch=2))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a graph"])
def test_damaged_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "graph.npz").write_bytes(content)
    with pytest.raises(FirelineError, match="not a Fireline graph"):
        Graph.load(tmp_path / "graph.npz")
    with pytest.raises(FirelineError, match="no such file"):
        Graph.load(tmp_path / "missing.npz")


def test_another_version_is_refused(tmp_path: Path) -> None:
    text = json.dumps({"format": "fireline-graph", "version": 99, "name": "x", "nodes": []})
    np.savez(tmp_path / "graph.npz", graph=np.frombuffer(text.encode(), np.uint8))
    with pytest.raises(FirelineError, match="99"):
        Graph.load(tmp_path / "graph.npz")


def test_malformed_graphs_are_refused_by_node() -> None:
    graph = fire_network()
    conv = next(i for i, node in enumerate(graph.nodes) if isinstance(node, Conv2d))
    node = graph.nodes[conv]
    assert isinstance(node, Conv2d)
    wrong = {
        "does not hold": {"accumulator": IntType(4, True)},
        "where its inputs give": {"output": replace(node.output, shape=(8, 3, 3))},
        "biases": {"bias": frozen_array([1])},
        "do not come before": {"inputs": (conv,)},
        "is not a lower-case identifier": {"name": "../etc/passwd"},
        "groups do not fit": {"groups": 3},
        "cannot be": {"stride": (0, 1)},
    }
    for message, changes in wrong.items():
        with pytest.raises(FirelineError, match=message):
            with_node(graph, conv, **changes)


def test_a_concat_of_unequal_scales_is_refused() -> None:
    graph = fire_network()
    concat = next(node for node in graph.nodes if isinstance(node, Concat))
    part = concat.inputs[0]
    with pytest.raises(FirelineError, match="differ in size, type or scale"):
        with_node(graph, part, output=replace(graph.nodes[part].output, scale=(Fraction(1, 2),)))


def test_an_unread_node_is_refused() -> None:
    b = Builder((3, 6, 6), seed=0)
    x = b.rescale(0)
    b.conv(x, 4)
    b.conv(x, 4)
    with pytest.raises(FirelineError, match="nothing reads"):
        b.graph()


def test_images_that_do_not_fit_are_refused() -> None:
    graph = fire_network()
    with pytest.raises(FirelineError, match=r"images are \(N, 3, 15, 15\)"):
        graph.simulate(np.zeros((2, 3, 8, 8)))
    with pytest.raises(FirelineError, match="not finite"):
        graph.simulate(np.full((1, 3, 15, 15), np.nan))


def test_tensors_are_checked() -> None:
    with pytest.raises(FirelineError, match="above zero"):
        Tensor((1, 1, 1), IntType(8, False), (Fraction(0),))
    with pytest.raises(FirelineError, match="scales for"):
        Tensor((3, 1, 1), IntType(8, False), (Fraction(1), Fraction(2)))


def test_only_the_output_has_an_offset(tmp_path: Path) -> None:
    graph = fire_network()
    offset = tuple(Fraction(-i, 3) for i in range(graph.output.output.shape[0]))
    nodes = [replace(node, output=replace(node.output, offset=offset)) for node in graph.nodes[-1:]]
    read = Graph(graph.name, (*graph.nodes[:-1], *nodes))
    read.save(tmp_path / "graph.npz")
    assert Graph.load(tmp_path / "graph.npz") == read != graph
    first = replace(graph.input, output=replace(graph.input.output, offset=(Fraction(1, 2),)))
    with pytest.raises(FirelineError, match="only the output has an offset"):
        Graph(graph.name, (first, *graph.nodes[1:]))
