"""The best folding of every node of a network together, for one device."""

from __future__ import annotations

from math import inf

import numpy as np

from fireline.codegen.plan.cost.node import total
from fireline.codegen.plan.devices import Device, device
from fireline.codegen.plan.foldings import Plan, Target
from fireline.codegen.plan.options import DEFAULT, Counts, Freedom, Option, budget, limits, node_options
from fireline.codegen.plan.program import choose, shortest_interval
from fireline.codegen.plan.refusal import refusal
from fireline.codegen.plan.skew import stream_depths
from fireline.errors import FirelineError
from fireline.graph import Graph


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
    choices = node_options(graph, part, freedom)
    plan, room = made_of(choices, graph, part, clock, target_fps, freedom.target)
    if plan is None:
        raise refusal(graph, part, clock, target_fps, freedom, room)
    return plan


def made_of(
    choices: list[list[Option]],
    graph: Graph,
    part: Device,
    clock_mhz: float,
    target_fps: float | None,
    target: Target,
) -> tuple[Plan | None, Counts]:
    """The plan made of one of the `choices` for every node, if one fits, and the room that it was looked for in."""
    room = limits(part)
    while True:
        interval = (
            shortest_interval(choices, room) if target_fps is None else int(clock_mhz * 1e6 / target_fps)
        )
        chosen = None if interval is None else choose(choices, interval, room, cheapest=True)
        if chosen is None:
            return None, room
        foldings = tuple(option.folding for option in chosen)
        plan = Plan(graph, part, clock_mhz, foldings, stream_depths(graph, foldings), target=target)
        over = np.array(total(plan).counts()) - budget(part).counts()
        if (over <= 0).all():
            return plan, room
        # What two nodes need together is not among the options of either: leave room for it.
        room = room - np.maximum(over, 0)
