"""The best plan of every preset on every device: the table of docs/plans.md.

python -m bench.plan_table > docs/plans.md
"""

from __future__ import annotations

from fireline.codegen.devices import devices
from fireline.codegen.folding import Freedom, plan_for
from fireline.codegen.summary import summary
from fireline.errors import DoesNotFitError
from fireline.model.presets import PRESETS
from tests.codegen.networks import network

INTRODUCTION = """# Plans of all presets

The highest frame rate that fits, at the default clock of each device, from `fireline plan`; random weights, the same
number of bits for weights and activations. "loaded" needs weights that are streamed into UltraRAM at start. A dash and
a number of bits: does not fit, but weights of so many bits would. `python -m bench.plan_table` makes this page.
"""


def cell(name: str, bits: int, part: str) -> str:
    """Frames a second, or why there is no plan."""
    graph = network(name, bits)
    try:
        return f"{summary(plan_for(graph, part)).frames_per_second:.0f}"
    except DoesNotFitError as error:
        refused = error
    try:
        loaded = plan_for(graph, part, freedom=Freedom(loaded=True))
        return f"{summary(loaded).frames_per_second:.0f} loaded"
    except DoesNotFitError:
        fewer = (refused.hint or "").partition("weights of ")[2].partition(" ")[0]
        return f"- {fewer} bits" if fewer else "-"


def main() -> None:
    print(INTRODUCTION)
    for bits in (8, 4):
        clocks = [f"{part.name} {part.clock_mhz:g} MHz" for part in devices().values()]
        print(f"## {bits} bits, frames a second\n")
        print(f"| preset | {' | '.join(clocks)} |\n| --- |{' ---: |' * len(clocks)}", flush=True)
        for name in PRESETS:
            print(f"| {name} | {' | '.join(cell(name, bits, part) for part in devices())} |", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
