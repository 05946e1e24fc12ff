"""Fire modules in a graph: squeeze, two expansions of it, and their concatenation."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.graph import Concat, Conv2d, Graph, Node

# Pairs of a node and one of its readers.
Edges = frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Fire:
    """Node indices of one Fire module."""

    squeeze: int
    expand1x1: int
    expand3x3: int
    concat: int

    @property
    def nodes(self) -> tuple[int, int, int, int]:
        """All four, in the graph's order of meaning."""
        return self.squeeze, self.expand1x1, self.expand3x3, self.concat


def is_pointwise(node: Node) -> bool:
    """Whether a convolution's windows are its input pixels: 1x1, stride 1, no padding."""
    return (
        isinstance(node, Conv2d)
        and node.weight.shape[2:] == (1, 1)
        and node.stride == (1, 1)
        and not any(node.padding)
    )


def find_fires(graph: Graph) -> tuple[Fire, ...]:
    """Every Fire module; no node is in two of them."""
    found = (_fire_at(graph, index) for index, node in enumerate(graph.nodes) if isinstance(node, Concat))
    return tuple(fire for fire in found if fire)


def inner_edges(graph: Graph) -> Edges:
    """Where a node and its reader are both in one Fire module."""
    return frozenset(
        pair
        for fire in find_fires(graph)
        for expand in (fire.expand1x1, fire.expand3x3)
        for pair in ((fire.squeeze, expand), (expand, fire.concat))
    )


def _fire_at(graph: Graph, concat: int) -> Fire | None:
    if len(graph.nodes[concat].inputs) != 2:
        return None
    first, second = graph.nodes[concat].inputs
    a, b = graph.nodes[first], graph.nodes[second]
    if first == second or not (isinstance(a, Conv2d) and isinstance(b, Conv2d)):
        return None
    if not is_pointwise(a) or is_pointwise(b) or a.inputs != b.inputs or max(a.groups, b.groups) > 1:
        return None
    squeeze = a.inputs[0]
    if not is_pointwise(graph.nodes[squeeze]) or graph.users(squeeze) != tuple(sorted((first, second))):
        return None
    if graph.users(first) != (concat,) or graph.users(second) != (concat,):
        return None
    return Fire(squeeze, first, second, concat)
