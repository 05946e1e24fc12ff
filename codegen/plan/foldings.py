"""The folded plan: how parallel every node is, on which device. With the graph, all that the project writer needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fireline.codegen.plan.devices import Device
from fireline.errors import FirelineError
from fireline.graph import Conv2d, Graph, Node

# What a stream holds when the plan says nothing: the default of an HLS stream.
DEFAULT_DEPTH = 2

# Where a memory lies: registers, look-up tables, block RAM or UltraRAM.
Storage = Literal["registers", "lut", "bram", "uram"]

Target = Literal["hls", "rtl"]

Depths = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Folding:
    """Parallelism of one node, and what it is built of.

    A convolution computes `pe` output channels from `simd` input channels of `rows` kernel positions, one below the
    other, every cycle; `rows` is 1 or the height of the kernel. Any other node handles `pe == simd` channels every
    cycle. The stream behind a node carries `pe` channels a token.

    `multiplier`, `packed` (output channels that share one DSP) and `rom` say where a convolution's products and
    weights go; they change no integer.
    """

    pe: int
    simd: int
    multiplier: Literal["dsp", "lut"] = "dsp"
    rom: Storage = "bram"
    rows: int = 1
    packed: int = 1


@dataclass(frozen=True)
class Plan:
    """A graph folded for a device.

    `depths` holds the depth of the stream in front of every input of every node: `depths[i][k]` is that of input k of
    node i, in tokens of its `simd` channels, so behind any width adapter. `adapter_depths[i][k]` is that of the stream
    in front of the adapter, where there is one outside a Fire module, in tokens of its producer's `pe` channels. Empty
    means `DEFAULT_DEPTH` everywhere; any other stream has `DEFAULT_DEPTH`, and room for what its producer's pipeline
    holds.

    `target` is what the plan is written as: it says how deep the pipelines are, and so how deep the streams.
    """

    graph: Graph
    device: Device
    clock_mhz: float
    foldings: tuple[Folding, ...]  # one per node of the graph, in its order
    depths: Depths = ()
    adapter_depths: Depths = ()
    target: Target = "hls"

    def __post_init__(self) -> None:
        for node, folding in zip(self.graph.nodes, self.foldings, strict=True):
            check_folding(self.graph, node, folding)
        for chosen in (self.depths, self.adapter_depths):
            if chosen and [len(depths) for depths in chosen] != [
                len(node.inputs) for node in self.graph.nodes
            ]:
                raise FirelineError("a plan has one stream depth for each input of each node")
            if any(depth < 1 for depths in chosen for depth in depths):
                raise FirelineError("a stream holds at least one token")

    @property
    def loaded(self) -> tuple[int, ...]:
        """Nodes whose weights lie in UltraRAM without initial content: they are streamed in before the first image."""
        return tuple(index for index, folding in enumerate(self.foldings) if folding.rom == "uram")

    def depth(self, index: int, position: int) -> int:
        """Tokens that the stream in front of input `position` of node `index` holds."""
        return self.depths[index][position] if self.depths else DEFAULT_DEPTH

    def adapter_depth(self, index: int, position: int) -> int:
        """Tokens that the stream in front of the width adapter there holds."""
        return self.adapter_depths[index][position] if self.adapter_depths else DEFAULT_DEPTH


def check_folding(graph: Graph, node: Node, folding: Folding) -> None:
    """Raise `FirelineError` unless `pe` divides the output channels and `simd` the input channels of `node`."""
    sources = [graph.nodes[i].output.shape[0] for i in node.inputs] or [node.output.shape[0]]
    inputs = node.weight.shape[1] if isinstance(node, Conv2d) else min(sources)
    groups = node.groups if isinstance(node, Conv2d) else 1
    legal_pe = node.output.shape[0] // groups % folding.pe == 0 and all(
        isinstance(node, Conv2d) or channels % folding.pe == 0 for channels in sources
    )
    if not legal_pe or inputs % folding.simd or not (isinstance(node, Conv2d) or folding.pe == folding.simd):
        raise FirelineError(
            f"pe={folding.pe}, simd={folding.simd} do not divide its channels {node.output.shape[0]} and {sources}",
            node=node.name,
        )
    if folding.rows != 1 and not (isinstance(node, Conv2d) and folding.rows == node.weight.shape[2]):
        raise FirelineError(f"rows={folding.rows} is neither 1 nor the height of its kernel", node=node.name)
