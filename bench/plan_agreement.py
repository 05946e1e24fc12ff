"""Every plan of every preset on every device: does it fit, and is the simulated interval the closed form's?

python -m bench.plan_agreement

The worst rows come last. Plans of more cycles than `AFFORDABLE` are only checked for what they need.
"""

from __future__ import annotations

from fireline.codegen.cycles import initiation_interval
from fireline.codegen.devices import devices
from fireline.codegen.folding import DEFAULT, Freedom, plan_for
from fireline.errors import DoesNotFitError
from fireline.model.presets import PRESETS
from fireline.sim.dataflow import simulate
from fireline.sim.depths import affordable, best_depths, check_fits
from tests.codegen.networks import network


def main() -> None:
    ratios = []
    for bits in (8, 4):
        for name in PRESETS:
            graph = network(name, bits)
            for part in devices():
                for freedom in (DEFAULT, Freedom(loaded=True)):
                    try:
                        plan = best_depths(plan_for(graph, part, freedom=freedom))
                    except DoesNotFitError:
                        continue
                    check_fits(plan)
                    row = f"{name} {bits} bits {part}{' loaded' if plan.loaded else ''}"
                    if affordable(plan):
                        ratio = simulate(plan).interval / initiation_interval(plan)
                        ratios.append((ratio, row))
                        print(f"{ratio:.4f} {row}", flush=True)
                    else:
                        print(f"fits   {row}", flush=True)
                    break
    print(*(f"{ratio:.4f} {row}" for ratio, row in sorted(ratios)[-5:]), sep="\n")


if __name__ == "__main__":
    main()
