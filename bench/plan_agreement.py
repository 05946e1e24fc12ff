"""Every plan of every preset on every device: does it fit, and is the simulated interval the closed form's?

The interval is simulated with the modelled latencies of all pipelines; behind it is the range of those with none, with
twice as long ones, and with random ones between.

python -m bench.plan_agreement [PRESET ...]

Rows that do not fit are left out. Plans of more cycles than `AFFORDABLE` are only checked for what they need.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from fireline.codegen.design.latency import MARGIN
from fireline.codegen.plan.cycles import initiation_interval
from fireline.codegen.plan.devices import devices
from fireline.codegen.plan.foldings import Plan
from fireline.codegen.plan.options import DEFAULT, Freedom, limits, node_options
from fireline.codegen.plan.program import shortest_interval
from fireline.model.presets import PRESETS
from fireline.sim.dataflow.depths import FRAMES, check_fits, timing_of
from fireline.sim.dataflow.planning import best_plan
from fireline.sim.dataflow.simulator import run
from fireline.sim.dataflow.steps import Network
from fireline.sim.dataflow.steps import network as simulated
from tests.codegen.networks import network


def main(names: list[str]) -> None:
    for name in names or PRESETS:
        for bits in (8, 4):
            graph = network(name, bits)
            for part in devices().values():
                freedoms = (DEFAULT, Freedom(loaded=True)) if part.uram else (DEFAULT,)
                fitting = (
                    f for f in freedoms if shortest_interval(node_options(graph, part, f), limits(part))
                )
                freedom = next(fitting, None)
                if freedom is None:
                    continue
                plan = best_plan(graph, part.name, freedom=freedom)
                check_fits(plan)
                row = f"{name} {bits} bits {part.name}{' loaded' if plan.loaded else ''}"
                if timing := timing_of(plan):
                    others = [run(changed, FRAMES).interval for changed in other_latencies(plan)]
                    least, own, most = (
                        interval / initiation_interval(plan)
                        for interval in (min(others), timing.interval, max(others))
                    )
                    print(f"{own:.4f} ({least:.4f} to {most:.4f}) {row}", flush=True)
                else:
                    print(f"fits   {row}", flush=True)


def other_latencies(plan: Plan) -> Iterator[Network]:
    """The design of `plan` with no pipelines, with those its streams have room for, and with some between."""
    design, random = simulated(plan), np.random.default_rng(0)
    processes = design.processes
    longest = np.array([MARGIN[plan.target] * process.latency for process in processes])
    for latencies in (0 * longest, longest, *(random.integers(longest + 1) for _ in range(2))):
        pairs = zip(processes, latencies.tolist(), strict=True)
        yield Network(tuple(replace(p, latency=latency) for p, latency in pairs), design.fifos)


if __name__ == "__main__":
    main(sys.argv[1:])
