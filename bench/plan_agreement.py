"""Every plan of every preset on every device: does it fit, and is the simulated interval the closed form's?

python -m bench.plan_agreement [PRESET ...]

Rows that do not fit are left out. Plans of more cycles than `AFFORDABLE` are only checked for what they need.
"""

from __future__ import annotations

import sys

from fireline.codegen.plan.cycles import initiation_interval
from fireline.codegen.plan.devices import devices
from fireline.codegen.plan.options import DEFAULT, Freedom, limits, node_options
from fireline.codegen.plan.program import shortest_interval
from fireline.model.presets import PRESETS
from fireline.sim.dataflow.depths import check_fits, timing_of
from fireline.sim.dataflow.planning import best_plan
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
                    print(f"{timing.interval / initiation_interval(plan):.4f} {row}", flush=True)
                else:
                    print(f"fits   {row}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
