"""Every way to build each node of a network on a device: its folding, what it is built of, what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Literal

import numpy as np
import numpy.typing as npt

from fireline.codegen.geometry.axi import input_beat
from fireline.codegen.plan.cost.conv2d import weight_rom
from fireline.codegen.plan.cost.fabric import Fabric, fabric_of
from fireline.codegen.plan.cost.memory import RAMB18_SHAPES, URAM_SHAPE, WIDEST_WORD, Resources
from fireline.codegen.plan.cost.node import chosen_parts, core_parts, narrow_side, wide_side
from fireline.codegen.plan.cost.parts import INSIDE_DEPTH, stream_part
from fireline.codegen.plan.cycles import lanes, node_cycles
from fireline.codegen.plan.devices import Device
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Storage, Target
from fireline.codegen.plan.skew import Slack, slack_pixels, stream_depth
from fireline.graph import Conv2d, Graph, Input, Node
from fireline.progress import track

# Placement and routing rarely close above this share of the logic. A twentieth of the DSPs is left for what a tool
# builds of them unasked, and because columns that are full to the last DSP do not route at the clock. Memory is used
# but for what streams may turn out to need beyond their estimate.
LOGIC_SHARE = 0.8
DSP_SHARE = 0.95
MEMORY_SHARE = 0.98

# Bits of a constant memory in one LUT and in one RAMB18 or EBR, at most.
LUT_BITS, BLOCK_BITS = 64, max(depth * width for depth, width in RAMB18_SHAPES)

# Weight memories of no more words than a LUT holds are always in LUTs.
LUT_ROM_WORDS = 64

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Freedom:
    """What a plan may use, and what it is written as.

    `loaded`: weights may lie in UltraRAM without initial content, and are streamed in once before the first image.
    `target`: in HLS output channels may share a DSP, two 8-bit or three 4-bit products in one multiplication.
    """

    loaded: bool = False
    target: Target = "hls"


DEFAULT = Freedom()


@dataclass(frozen=True)
class Option:
    """One way to build a node."""

    folding: Folding
    cycles: int
    lanes: int
    counts: tuple[int, ...]  # of Resources, streams and width adapters at its sides included


def budget(part: Device) -> Resources:
    """What a design may use of `part`, the shell around the network included."""
    lut, lutram, ff = (int(LOGIC_SHARE * count) for count in (part.lut, part.lutram, part.ff))
    dsp, bram18 = int(DSP_SHARE * part.dsp), int(MEMORY_SHARE * part.bram18)
    return Resources(lut, lutram, ff, dsp, bram18, part.uram)


def limits(part: Device) -> Counts:
    """What the nodes of a network may use of `part` together, in the order of the fields of `Resources`."""
    free = zip(budget(part).counts(), fabric_of(part).shell.counts(), strict=True)
    return np.array([have - shell for have, shell in free], dtype=np.int64)


def may_hold(graph: Graph, part: Device, freedom: Freedom = DEFAULT) -> bool:
    """False where the weights alone are more than all of `part` holds, so that no folding needs to be looked at.

    A bit of a weight takes one of a memory, or of the wide operand of a DSP whose weight never changes. A product in
    LUTs takes more of them than its weight has 64ths.
    """
    bits = sum(n.weight.size * n.weight_type.bits for n in graph.nodes if isinstance(n, Conv2d))
    room = Resources(*map(int, limits(part)))
    held = LUT_BITS * room.lut + BLOCK_BITS * room.bram18 + max(fabric_of(part).dsp_operands) * room.dsp
    if "uram" in weight_memories(part, freedom):
        held += prod(URAM_SHAPE) * room.uram
    return bits <= held


def node_options(graph: Graph, part: Device, freedom: Freedom = DEFAULT) -> list[list[Option]]:
    """Every way worth considering to build each node: none is worse than another in cycles and all resources."""
    return [pareto(options) for options in all_options(graph, part, freedom)]


def all_options(graph: Graph, part: Device, freedom: Freedom = DEFAULT) -> list[list[Option]]:
    """Every way to build each node."""
    slack = slack_pixels(graph)
    # `track` stands in the loop itself, so that an exception ends it.
    return [_options(graph, slack, index, part, freedom) for index in track("fold", range(len(graph.nodes)))]


def foldings(graph: Graph, node: Node, part: Device, freedom: Freedom = DEFAULT) -> Iterator[Folding]:
    """Every legal folding of a node without words that are too wide, with every choice of multipliers and memory."""
    if isinstance(node, Input):
        yield Folding(input_beat(node).channels, input_beat(node).channels)
        return
    if not isinstance(node, Conv2d):
        channels = [graph.nodes[i].output.shape[0] for i in node.inputs] + [node.output.shape[0]]
        types = [graph.nodes[i].output.type for i in node.inputs] + [node.output.type]
        bits = max(type.bits for type in types)
        lanes = divisors(int(np.gcd.reduce(channels)))
        yield from (Folding(pe, pe) for pe in lanes if pe * bits <= WIDEST_WORD)
        return
    x = graph.nodes[node.inputs[0]].output.type
    fabric = fabric_of(part, freedom.target)
    shared = fabric.packed_products(x, node.weight_type)
    products: list[tuple[Literal["dsp", "lut"], int]] = [("lut", 1)]
    if fabric.in_dsps(x, node.weight_type):
        products.insert(0, ("dsp", 1))
    if freedom.target == "hls" and shared > 1:
        products.append(("dsp", shared))
    heights = sorted({1, int(node.weight.shape[2])})
    for pe in divisors(node.output.shape[0] // node.groups):
        for simd, rows in product(divisors(int(node.weight.shape[1])), heights):
            shape = Folding(pe, simd, rows=rows)
            depth, row = weight_rom(node, shape)
            if max(row // pe, pe * node.output.type.bits, simd * rows * x.bits) > WIDEST_WORD:
                continue
            memories = weight_memories(part, freedom) if depth > LUT_ROM_WORDS else ("lut",)
            if row > WIDEST_WORD:  # a row that is loaded is one word
                memories = tuple(memory for memory in memories if memory != "uram")
            for (multiplier, count), rom in product(products, memories):
                yield Folding(pe, simd, multiplier, rom, rows, count)


def weight_memories(part: Device, freedom: Freedom) -> tuple[Storage, ...]:
    """Where weights may lie. What is in UltraRAM is loaded, on Versal too: the HLS tool has no ROM there."""
    if part.uram and freedom.loaded:
        return "bram", "lut", "uram"
    return "bram", "lut"


def pareto(options: Sequence[Option]) -> list[Option]:
    """The options that no other beats in cycles and every resource, fastest first."""
    table = np.array([(option.cycles, *option.counts) for option in options])
    order = np.lexsort(table.T[::-1])
    columns = [column for column in table[order].T if (column != column[0]).any()]
    # Who beats an option comes before it in this order; being beaten by one that is beaten itself is no different.
    beaten = np.tri(len(order), k=-1, dtype=bool)
    for column in columns:
        beaten &= column <= column[:, None]
    return [options[i] for i in order[~beaten.any(axis=1)]]


def divisors(number: int) -> list[int]:
    """All divisors, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def _options(graph: Graph, slack: Slack, index: int, part: Device, freedom: Freedom) -> list[Option]:
    """All foldings of a node. Most of the cost of a convolution is the same for all choices of what it is built of."""
    node, common, result = graph.nodes[index], {}, []
    fabric = fabric_of(part, freedom.target)
    for folding in foldings(graph, node, part, freedom):
        shape = folding.pe, folding.simd, folding.rows
        if shape not in common:
            common[shape] = _common(graph, slack, index, folding, fabric)
        counts = common[shape]
        if isinstance(node, Conv2d):
            counts = Resources.sum(
                [counts, *(p.resources for p in chosen_parts(graph, node, folding, fabric))]
            )
        cycles = node_cycles(graph, node, folding)
        result.append(Option(folding, cycles, lanes(node, folding), counts.counts()))
    return result


def _common(graph: Graph, slack: Slack, index: int, folding: Folding, fabric: Fabric) -> Resources:
    """A node with its streams and its halves of the width adapters, but for what a convolution chooses.

    An adapter is counted at both sides even where the widths turn out equal, and its stream as the dearer of what it
    can be, so that nodes are independent. A plan therefore needs no more than its options say, but for the inside of
    adapters neither of whose widths divides the other.
    """
    node = graph.nodes[index]
    own = core_parts(graph, index, folding, fabric, chosen=False)
    pieces = [part.resources for part in own]
    for position, source in enumerate(node.inputs):
        bits = graph.nodes[source].output.type.bits
        depth = stream_depth(graph, slack, index, position, folding)
        pieces.append(stream_part(depth, folding.simd * bits, fabric).resources)
        pieces.append(wide_side(folding.simd, bits))
    bits = node.output.type.bits
    short, long = (stream_part(d, folding.pe * bits, fabric).resources for d in (DEFAULT_DEPTH, INSIDE_DEPTH))
    users = len(graph.users(index))
    if not users:  # the results
        return Resources.sum([*pieces, long])
    behind = Resources(*map(max, short.counts(), long.counts())) + narrow_side(folding.pe, bits, fabric)
    return Resources.sum([*pieces, *[behind] * users])
