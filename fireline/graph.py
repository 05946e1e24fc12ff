"""The integer graph: what the hardware computes, no more and no less.

A `Graph` is a list of nodes in topological order (`fireline.nodes` has their kinds). This is the one contract between
the stages: lowering makes it (`fireline.codegen.lower`), the simulators run it (`fireline.sim`), and code generation
writes it down for a target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fireline.check import check_nodes
from fireline.files import write_whole
from fireline.graph_file import dump, load
from fireline.nodes import (
    MAX_CHANNELS,
    MAX_VALUES,
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Input,
    Lookup,
    MaxPool2d,
    Node,
    Padding,
    Pair,
    Requantize,
    Rescale,
    Rule,
    Shape,
    Tensor,
    Thresholds,
    channel_ranges,
    node_macs,
    per_channel,
    reachable_range,
    window_count,
)

__all__ = [
    "MAX_CHANNELS",
    "MAX_VALUES",
    "Add",
    "Concat",
    "Conv2d",
    "GlobalAvgPool2d",
    "Graph",
    "Input",
    "Lookup",
    "MaxPool2d",
    "Node",
    "Padding",
    "Pair",
    "Requantize",
    "Rescale",
    "Rule",
    "Shape",
    "Tensor",
    "Thresholds",
    "channel_ranges",
    "macs",
    "node_macs",
    "per_channel",
    "reachable_range",
    "weight_bytes",
    "window_count",
]


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in topological order. The first is the only `Input`; the last is the only output.

    Two graphs are equal when their files are.
    """

    name: str
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        check_nodes(self.name, self.nodes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and dump(self.name, self.nodes) == dump(other.name, other.nodes)

    __hash__ = None  # type: ignore[assignment]

    @property
    def input(self) -> Input:
        first = self.nodes[0]
        assert isinstance(first, Input)
        return first

    @property
    def output(self) -> Node:
        return self.nodes[-1]

    def users(self, index: int) -> tuple[int, ...]:
        """The nodes that read node `index`, once for each time they read it."""
        return tuple(i for i, node in enumerate(self.nodes) for j in node.inputs if j == index)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the graph, weights included, to one file; the same graph gives the same bytes."""
        write_whole(Path(path), dump(self.name, self.nodes))

    @staticmethod
    def load(path: str | PathLike[str]) -> Graph:
        """Read a graph that `save` wrote.

        Raises:
            FirelineError: the file is missing, damaged, of another version, or not a graph.
        """
        return Graph(*load(path))

    def simulate(self, images: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Output integers `(N, C, H, W)` for real-valued `images` `(N, C, H, W)`, bit-exact."""
        from fireline.sim.integer import simulate

        return simulate(self, np.asarray(images))

    def trace(self, images: npt.ArrayLike) -> Mapping[str, npt.NDArray[np.int64]]:
        """Integers `(N, C, H, W)` of every node, by node name."""
        from fireline.sim.integer import Simulator

        return Simulator(self).trace(np.asarray(images))


def macs(graph: Graph) -> int:
    """Multiply-accumulates per image."""
    return sum(node_macs(node) for node in graph.nodes)


def weight_bytes(graph: Graph) -> int:
    """Bytes of all weights, each packed at the bits of its type."""
    bits = sum(n.weight.size * n.weight_type.bits for n in graph.nodes if isinstance(n, Conv2d))
    return -(-bits // 8)
