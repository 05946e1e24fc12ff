"""The folded plan: how parallel every node is, on which device. Everything the project writer needs beside the graph."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.codegen.devices import Device
from fireline.errors import FirelineError
from fireline.graph import Conv2d, Graph, Node


@dataclass(frozen=True)
class Folding:
    """Parallelism of one node.

    A convolution computes `pe` output channels from `simd` input channels of one kernel position every cycle. Any
    other node handles `pe == simd` channels every cycle. The stream behind a node carries `pe` channels a token.
    """

    pe: int
    simd: int


@dataclass(frozen=True)
class Plan:
    """A graph folded for a device."""

    graph: Graph
    device: Device
    clock_mhz: float
    foldings: tuple[Folding, ...]  # one per node of the graph, in its order

    def __post_init__(self) -> None:
        for node, folding in zip(self.graph.nodes, self.foldings, strict=True):
            check_folding(self.graph, node, folding)


def check_folding(graph: Graph, node: Node, folding: Folding) -> None:
    """Raise `FirelineError` unless `pe` divides the output channels and `simd` the input channels of `node`."""
    sources = [graph.nodes[i].output.shape[0] for i in node.inputs] or [node.output.shape[0]]
    inputs = node.weight.shape[1] if isinstance(node, Conv2d) else min(sources)
    legal_pe = node.output.shape[0] % folding.pe == 0 and all(
        isinstance(node, Conv2d) or channels % folding.pe == 0 for channels in sources
    )
    if not legal_pe or inputs % folding.simd or not (isinstance(node, Conv2d) or folding.pe == folding.simd):
        raise FirelineError(
            f"pe={folding.pe}, simd={folding.simd} do not divide its channels {node.output.shape[0]} and {sources}",
            node=node.name,
        )
