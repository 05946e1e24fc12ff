"""The best plan of every preset on every device: the table of docs/plans.md.

python -m bench.plan_table > docs/plans.md
"""

from __future__ import annotations

from fireline.codegen.plan.choice import made_of
from fireline.codegen.plan.cycles import initiation_interval
from fireline.codegen.plan.devices import Device, devices
from fireline.codegen.plan.foldings import Storage
from fireline.codegen.plan.options import Freedom, Option, may_hold, node_options, weight_memories
from fireline.codegen.plan.refusal import narrowed
from fireline.graph import Graph
from fireline.model.presets import PRESETS
from tests.codegen.networks import network

INTRODUCTION = """# Plans of all presets

The highest frame rate that fits, at the default clock of each device, as `fireline plan` finds it; random weights, the
same number of bits for weights and activations. "loaded" needs `--load-weights`: the host sends weights to UltraRAM at
start. "no (n)": refused, but weights of n bits would fit. All are *planned*: for RTL on LFE5U, for HLS on the others.
`python -m bench.plan_table` makes this page, in a quarter of an hour.
"""


class Rates:
    """Frame rates of one network; options of nodes are the same for many devices."""

    def __init__(self, graph: Graph, bits: int) -> None:
        self.graph, self.bits = graph, bits
        self.known: dict[tuple[int, tuple[Storage, ...], str], list[list[Option]]] = {}

    def rate(self, part: Device, freedom: Freedom, bits: int) -> float:
        """Images a second with weights of `bits` bits; 0 where they do not fit."""
        cut = narrowed(self.graph, bits)
        if not may_hold(cut, part, freedom):
            return 0.0
        key = bits, weight_memories(part, freedom), "ecp5" if part.ebr else "xilinx"
        if key not in self.known:
            self.known[key] = node_options(cut, part, freedom)
        plan, _ = made_of(self.known[key], cut, part, part.clock_mhz, None, freedom.target)
        return part.clock_mhz * 1e6 / initiation_interval(plan) if plan else 0.0

    def cell(self, part: Device) -> str:
        """Frames a second, or why there is no plan."""
        freedom = Freedom(target="rtl") if part.ebr else Freedom()
        if rate := self.rate(part, freedom, self.bits):
            return f"{rate:.0f}"
        if part.uram and (rate := self.rate(part, Freedom(loaded=True), self.bits)):
            return f"{rate:.0f} loaded"
        fitting = [bits for bits in range(self.bits - 1, 1, -1) if self.rate(part, freedom, bits)][:1]
        return f"no ({fitting[0]})" if fitting else "no"


def main() -> None:
    print(INTRODUCTION)
    for bits in (8, 4):
        clocks = [f"{part.name} {part.clock_mhz:g} MHz" for part in devices().values()]
        print(f"## {bits} bits, frames a second\n")
        print(f"| preset | {' | '.join(clocks)} |\n| --- |{' ---: |' * len(clocks)}", flush=True)
        for name in PRESETS:
            rates = Rates(network(name, bits), bits)
            print(f"| {name} | {' | '.join(rates.cell(part) for part in devices().values())} |", flush=True)
        print(flush=True)


if __name__ == "__main__":
    main()
