"""Why a network does not fit a device, and what would make it fit."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np

from fireline.codegen.plan.cost.fabric import Fabric, fabric_of
from fireline.codegen.plan.cost.memory import Resources
from fireline.codegen.plan.devices import Device, devices
from fireline.codegen.plan.foldings import Storage
from fireline.codegen.plan.options import (
    Counts,
    Freedom,
    Option,
    limits,
    may_hold,
    node_options,
    weight_memories,
)
from fireline.codegen.plan.program import fits, least_overrun, shortest_interval
from fireline.errors import DoesNotFitError
from fireline.fixed import IntType, frozen_array
from fireline.graph import Conv2d, Graph, Node

UNITS = {
    "lut": "LUT",
    "lutram": "LUT as memory",
    "ff": "FF",
    "dsp": "DSP",
    "bram18": "RAMB18",
    "uram": "URAM",
}


def refusal(
    graph: Graph, part: Device, clock_mhz: float, target_fps: float | None, freedom: Freedom, room: Counts
) -> DoesNotFitError:
    """The error for a network that does not fit in `room` on `part`, or not at `target_fps` frames a second."""
    choices = node_options(graph, part, freedom)
    slowest = max(options[-1].cycles for options in choices)
    fastest = max(options[0].cycles for options in choices)
    best = shortest_interval(choices, room)
    if best is None or target_fps is None:
        interval, wish = slowest, f"{graph.name} does not fit {part.name}"
    else:
        interval = int(clock_mhz * 1e6 / target_fps)
        wish = (
            f"{graph.name} cannot reach {target_fps:g} frames/s on {part.name} at {clock_mhz:g} MHz, "
            f"the best is {clock_mhz * 1e6 / best:.4g}"
        )
    if interval < fastest:
        slow = max(range(len(choices)), key=lambda i: choices[i][0].cycles)
        return DoesNotFitError(
            f"{wish}: {graph.nodes[slow].name} takes {fastest} cycles an image however it is folded",
            hint=f"ask for at most {int(clock_mhz * 1e6 / fastest)} frames/s, or raise the clock",
        )
    least = least_overrun(choices, interval, room)
    assert least is not None, "every node has an option within the interval"
    used = Resources.sum([Resources(*option.counts) for option in least]).counts()
    units = UNITS | {"bram18": "EBR"} if part.ebr else UNITS
    over = ", ".join(
        f"{count} {units[field.name]} where {available} are free"
        for field, count, available in zip(fields(Resources), used, room, strict=True)
        if count > available
    )
    ways = [f"weights of {bits} bits" for bits in _enough_bits(graph, part, interval, freedom)]
    loaded = replace(freedom, loaded=True)
    new_place = weight_memories(part, loaded) != weight_memories(part, freedom)
    if new_place and fits(node_options(graph, part, loaded), interval, room):
        ways.append("weights loaded into URAM at start (--load-weights)")
    ways += [f"device {other.name}" for other in _enough_device(graph, part, interval, freedom)]
    return DoesNotFitError(
        f"{wish}: at least {over}", hint=f"would fit: {' or '.join(ways)}" if ways else None
    )


def _enough_bits(graph: Graph, part: Device, interval: int, freedom: Freedom) -> list[int]:
    """The widest weights, narrower than they are, with which the network fits; none or one."""
    widest = max(node.weight_type.bits for node in graph.nodes if isinstance(node, Conv2d))
    enough, room = 1, limits(part)
    low, high = 2, widest - 1
    while low <= high:
        bits = (low + high) // 2
        cut = narrowed(graph, bits)
        if not may_hold(cut, part, freedom) or not fits(node_options(cut, part, freedom), interval, room):
            high = bits - 1
        else:
            enough, low = bits, bits + 1
    return [enough] if enough > 1 else []


def _enough_device(graph: Graph, part: Device, interval: int, freedom: Freedom) -> list[Device]:
    """The smallest larger device of the same vendor on which the network fits; none or one."""
    options: dict[tuple[Fabric, tuple[Storage, ...]], list[list[Option]]] = {}
    for other in devices().values():
        same_vendor = bool(other.ebr) == bool(part.ebr)
        if other.lut <= part.lut or not same_vendor or not may_hold(graph, other, freedom):
            continue
        built_of = fabric_of(other, freedom.target), weight_memories(other, freedom)
        if built_of not in options:
            options[built_of] = node_options(graph, other, freedom)
        if fits(options[built_of], interval, limits(other)):
            return [other]
    return []


def narrowed(graph: Graph, bits: int) -> Graph:
    """The same network with weights cut to `bits` bits: what it would cost, not what it would compute."""
    return Graph(graph.name, tuple(_narrowed_node(node, bits) for node in graph.nodes))


def _narrowed_node(node: Node, bits: int) -> Node:
    if not isinstance(node, Conv2d) or node.weight_type.bits <= bits:
        return node
    weight = np.right_shift(node.weight, node.weight_type.bits - bits)
    return replace(node, weight=frozen_array(weight), weight_type=IntType(bits, node.weight_type.signed))
