"""How wide every accumulator is, and how much narrower than a bound that does not look at the weights."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.fixed import IntType
from fireline.graph import Add, Conv2d, GlobalAvgPool2d, Graph, Node, reachable_range
from fireline.nodes import add_range


@dataclass(frozen=True)
class Range:
    """The sums of one node: lowest and highest over all inputs, and the bits of two types that hold them."""

    node: str
    low: int
    high: int
    bits: int  # of the type that the node has
    naive_bits: int  # of one from the number of products, the types of their factors and the biases alone

    @property
    def saved(self) -> int:
        """Bits that the actual weights save."""
        return self.naive_bits - self.bits


def ranges(graph: Graph) -> tuple[Range, ...]:
    """The range of every node that sums, in the order of the graph."""
    found = (_range(graph, node) for node in graph.nodes)
    return tuple(one for one in found if one)


def _range(graph: Graph, node: Node) -> Range | None:
    x = [graph.nodes[i].output for i in node.inputs]
    match node:
        case Conv2d():
            low, high = reachable_range(node.weight, node.bias, x[0].type)
            naive = naive_accumulator(node, x[0].type)
            return Range(node.name, low, high, node.accumulator.bits, naive.bits)
        case Add():
            low, high = add_range(node.mult, x[0].type, x[1].type)
            return Range(node.name, low, high, node.accumulator.bits, IntType.holding(low, high).bits)
        case GlobalAvgPool2d():
            _, height, width = x[0].shape
            low, high = (end * height * width for end in _ends(x[0].type))
            return Range(node.name, low, high, node.output.type.bits, IntType.holding(low, high).bits)
        case _:
            return None


def naive_accumulator(node: Conv2d, x: IntType) -> IntType:
    """The accumulator that holds every sum for weights not known beforehand: any of their type, and these biases."""
    products = [w * v for w in _ends(node.weight_type) for v in _ends(x)]
    terms = int(node.weight[0].size)
    return IntType.holding(
        min(0, *products) * terms + int(node.bias.min()), max(0, *products) * terms + int(node.bias.max())
    )


def _ends(type: IntType) -> tuple[int, int]:
    return type.min, type.max
