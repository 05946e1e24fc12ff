"""One option for every node of a network, together, so that the device holds them: a multiple-choice knapsack.

For a limit on the initiation interval, each node has the options whose cycles stay below the limit; choosing one for
each so that every resource fits is solved exactly as an integer program. Fewer cycles never cost less, so the shortest
interval that fits is found by bisection over the intervals that some option has.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, hstack

from fireline.codegen.plan.options import Counts, Option, pareto

# The integer program may stop this close to the cheapest choice. Whether a choice fits at all is always exact.
COST_GAP = 0.01

# Lanes that are worth a whole resource of the device.
LANES = 1000

# How often prices are adjusted before an integer program decides what fits, and the rounding errors left to them.
PRICE_TURNS = 100
PRICE_MARGIN = 1e-6


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
