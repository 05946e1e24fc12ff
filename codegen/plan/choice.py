"""The best folding of every node of a network together, for one device.

For a limit on the initiation interval, each node has a list of options (a folding and what it is built of) whose
cycles stay below the limit; choosing one for each node so that every resource fits is a multiple-choice knapsack,
solved exactly as an integer program. Fewer cycles never cost less, so the shortest interval that fits is found by
bisection over the intervals that some option has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from fireline.codegen.geometry.axi import input_beat
from fireline.codegen.plan.cost.conv2d import chosen_parts, weight_rom
from fireline.codegen.plan.cost.fabric import Fabric, fabric_of
from fireline.codegen.plan.cost.memory import WIDEST_WORD, Resources, Storage
from fireline.codegen.plan.cost.node import core_parts, narrow_side, wide_side
from fireline.codegen.plan.cost.parts import stream_part
from fireline.codegen.plan.cycles import lanes, node_cycles
from fireline.codegen.plan.devices import Device, device
from fireline.codegen.plan.foldings import DEFAULT_DEPTH, Folding, Plan
from fireline.codegen.plan.skew import Slack, slack_pixels, stream_depth, stream_depths
from fireline.errors import FirelineError
from fireline.graph import Conv2d, Graph, Input, Node
from fireline.progress import track

# Placement and routing rarely close above this share of the logic. A twentieth of the DSPs is left for what a tool
# builds of them unasked, and because columns that are full to the last DSP do not route at the clock. Memory is used
# but for what streams may turn out to need beyond their estimate.
LOGIC_SHARE = 0.8
DSP_SHARE = 0.95
MEMORY_SHARE = 0.98

# The integer program may stop this close to the cheapest choice. Whether a choice fits at all is always exact.
COST_GAP = 0.01

# Weight memories of no more words than a LUT holds are always in LUTs.
LUT_ROM_WORDS = 64

# Lanes that are worth a whole resource of the device.
LANES = 1000

# How often prices are adjusted before an integer program decides what fits, and the rounding errors left to them.
PRICE_TURNS = 100
PRICE_MARGIN = 1e-6

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Freedom:
    """What a plan may use.

    `packed`: output channels may share a DSP, two 8-bit or three 4-bit products in one multiplication. `loaded`:
    weights may lie in UltraRAM without initial content, and are streamed in once before the first image.
    """

    packed: bool = True
    loaded: bool = False


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


def plan_for(
    graph: Graph,
    device_name: str,
    *,
    clock_mhz: float | None = None,
    target_fps: float | None = None,
    freedom: Freedom = DEFAULT,
) -> Plan:
    """The plan with the highest frame rate that fits, or the cheapest that reaches `target_fps` frames a second.

    Raises:
        DoesNotFitError: no folding fits, or none that reaches the target; the hint says what would.
        FirelineError: the device is unknown, or the clock or target is not above zero.
    """
    part = device(device_name)
    clock = part.clock_mhz if clock_mhz is None else clock_mhz
    for name, value in (("the clock in MHz", clock), ("the target in frames/s", target_fps)):
        if value is not None and not 0 < value < inf:
            raise FirelineError(f"{name} is {value:g}, a number above zero expected")
    choices, room = node_options(graph, part, freedom), limits(part)
    interval = shortest_interval(choices, room) if target_fps is None else int(clock * 1e6 / target_fps)
    chosen = None if interval is None else choose(choices, interval, room, cheapest=True)
    if chosen is None:
        from fireline.codegen.plan.refusal import refusal

        raise refusal(graph, part, clock, target_fps, freedom)
    foldings = tuple(option.folding for option in chosen)
    return Plan(graph, part, clock, foldings, stream_depths(graph, foldings))


def limits(part: Device) -> Counts:
    """What the nodes of a network may use of `part` together, in the order of the fields of `Resources`."""
    free = zip(budget(part).counts(), fabric_of(part).shell.counts(), strict=True)
    return np.array([have - shell for have, shell in free], dtype=np.int64)


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
    shared = fabric_of(part).packed_products(x, node.weight_type)
    products: list[tuple[Literal["dsp", "lut"], int]] = [("dsp", 1), ("lut", 1)]
    if freedom.packed and shared > 1:
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
                yield replace(shape, multiplier=multiplier, packed=count, rom=rom)


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


def choose(
    choices: list[list[Option]], interval: int, room: Counts, *, cheapest: bool = False
) -> list[Option] | None:
    """One option for each node, none slower than `interval`, within `room`; None when there is no such choice."""
    flat, one_each, share = _knapsack(choices, interval, room)
    if not flat:
        return None
    # Of two choices alike in resources, the one with fewer idle lanes.
    price = share.sum(axis=1) + np.array([option.lanes for option in flat]) / LANES
    solution = milp(
        price if cheapest else np.zeros(len(flat)),
        integrality=np.ones(len(flat)),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(one_each, 1, 1), LinearConstraint(share.T, -np.inf, 1)],
        options={"mip_rel_gap": COST_GAP if cheapest else np.inf},
    )
    return None if solution.x is None else [flat[i] for i in np.flatnonzero(solution.x > 0.5)]


def fits(choices: list[list[Option]], interval: int, room: Counts) -> bool:
    """Whether `choose` finds something.

    Mostly prices for the resources tell without an integer program: where every node takes its cheapest option, either
    the choice fits, or its price is above that of all of `room`, which then no choice is below.
    """
    legal = [[option.counts for option in options if option.cycles <= interval] for options in choices]
    if not all(legal):
        return False
    counts = np.array([row for rows in legal for row in rows], dtype=np.int64)
    share = counts / np.where(room > 0, room, 1e-3)
    starts = np.cumsum([0, *map(len, legal[:-1])])
    price = np.ones(len(room))
    for turn in range(PRICE_TURNS):
        cost = share @ price
        least = np.minimum.reduceat(cost, starts)
        if least.sum() > price.sum() * (1 + PRICE_MARGIN):
            return False
        node = np.repeat(least, np.diff([*starts, len(cost)]))
        cheapest = np.flatnonzero(cost == node)
        chosen = cheapest[np.searchsorted(cheapest, starts)]
        if (counts[chosen].sum(axis=0) <= room).all():
            return True
        price *= np.exp(np.clip(share[chosen].sum(axis=0) - 1, -1, 1) / (1 + turn / 8))
    return choose(choices, interval, room) is not None


def least_overrun(choices: list[list[Option]], interval: int, room: Counts) -> list[Option] | None:
    """Like `choose`, but over `room` by the smallest factor where nothing fits; None when a node is too slow."""
    flat, one_each, share = _knapsack(choices, interval, room)
    if not flat:
        return None
    factor = np.ones((share.shape[1], 1))
    solution = milp(
        np.append(share.sum(axis=1) * 1e-6, 1),
        integrality=np.append(np.ones(len(flat)), 0),
        bounds=Bounds(0, np.append(np.ones(len(flat)), np.inf)),
        constraints=[
            LinearConstraint(hstack([one_each, csr_array((len(choices), 1))]), 1, 1),
            LinearConstraint(np.hstack([share.T, -factor]), -np.inf, 0),
        ],
        options={"mip_rel_gap": COST_GAP},
    )
    return [flat[i] for i in np.flatnonzero(solution.x[:-1] > 0.5)]


def _knapsack(
    choices: list[list[Option]], interval: int, room: Counts
) -> tuple[list[Option], csr_array, npt.NDArray[np.float64]]:
    """All options within `interval`, the matrix that picks one for each node, and their shares of `room`.

    There are no options when some node has none. A share of nothing is made prohibitive.
    """
    legal = [[option for option in options if option.cycles <= interval] for options in choices]
    legal = (
        [pareto([replace(option, cycles=0) for option in options]) for options in legal] if all(legal) else []
    )
    flat = [option for options in legal for option in options]
    nodes = np.repeat(np.arange(len(legal)), [len(options) for options in legal])
    one_each = csr_array((np.ones(len(flat)), (nodes, np.arange(len(flat)))), shape=(len(legal), len(flat)))
    counts = np.array([option.counts for option in flat], dtype=float)
    return flat, one_each, counts / np.where(room > 0, room, 1e-3) if flat else counts


def shortest_interval(choices: list[list[Option]], room: Counts) -> int | None:
    """The shortest initiation interval that fits; None when even the slowest choice does not."""
    slowest = max(options[-1].cycles for options in choices)
    fastest = max(options[0].cycles for options in choices)
    every = sorted({option.cycles for options in choices for option in options if option.cycles >= fastest})
    if not fits(choices, slowest, room):
        return None
    low, high = 0, len(every) - 1  # every[high] fits
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(choices, every[middle], room) else (middle + 1, high)
    return every[high]


def divisors(number: int) -> list[int]:
    """All divisors, ascending."""
    return [d for d in range(1, number + 1) if number % d == 0]


def _options(graph: Graph, slack: Slack, index: int, part: Device, freedom: Freedom) -> list[Option]:
    """All foldings of a node. Most of the cost of a convolution is the same for all choices of what it is built of."""
    node, common, result = graph.nodes[index], {}, []
    fabric = fabric_of(part)
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

    An adapter is counted at both sides even where the widths turn out equal, so that nodes are independent; a plan
    therefore never needs more than its options say.
    """
    node = graph.nodes[index]
    own = core_parts(graph, node, folding, fabric, chosen=False)
    pieces = [part.resources for part in own]
    for position, source in enumerate(node.inputs):
        bits = graph.nodes[source].output.type.bits
        depth = stream_depth(graph, slack, index, position, folding)
        pieces.append(stream_part(depth, folding.simd * bits, fabric).resources)
        pieces.append(wide_side(folding.simd, bits))
    bits = node.output.type.bits
    behind = stream_part(DEFAULT_DEPTH, folding.pe * bits, fabric).resources
    behind += narrow_side(folding.pe, bits, fabric)
    return Resources.sum([*pieces, *[behind] * len(graph.users(index))])
