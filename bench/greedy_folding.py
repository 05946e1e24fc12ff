"""The frame rate of Fireline's plans against a greedy folding of each layer by itself, on the same device.

    python -m bench.greedy_folding

The greedy rule is that of FINN's SetFolding: for a target number of cycles, every layer raises SIMD until it meets the
target or has no more, then PE. The target is the smallest for which the design fits. Both sides are counted with the
same cost model; "greedy" builds products in shared DSPs and weights in block RAM, or in LUTs where they are shallow,
"greedy+" lets Fireline choose what each greedily folded layer is built of.
"""

from __future__ import annotations

from collections.abc import Callable
from math import nan

from fireline.codegen.plan.choice import plan_for
from fireline.codegen.plan.devices import Device, device
from fireline.codegen.plan.options import Option, all_options, divisors, limits
from fireline.codegen.plan.program import choose
from fireline.codegen.plan.summary import summary
from fireline.graph import Conv2d, Graph, Node
from tests.codegen.networks import cifar_e4, squeezenet1_1

CASES: tuple[tuple[Callable[[], Graph], str], ...] = (
    (lambda: squeezenet1_1(8), "xczu7ev"),
    (lambda: squeezenet1_1(4), "xczu7ev"),
    (lambda: squeezenet1_1(8), "xczu9eg"),
    (lambda: squeezenet1_1(4), "xck26"),
    (lambda: cifar_e4(4), "xc7z020"),
    (lambda: cifar_e4(8), "xczu3eg"),
)


def greedy(options: list[Option], node: Node, target: int) -> list[Option]:
    """The options with the folding that SetFolding gives a node, whatever they are built of."""
    if not isinstance(node, Conv2d):
        return [option for option in options if option.cycles <= target][:1] or options[-1:]
    legal = [option for option in options if option.folding.rows == 1]
    pe = 1
    for simd in divisors(int(node.weight.shape[1])):
        found = [o for o in legal if (o.folding.pe, o.folding.simd) == (pe, simd)]
        if found and found[0].cycles <= target:
            return found
    simd = int(node.weight.shape[1])
    for pe in divisors(node.output.shape[0] // node.groups):
        found = [o for o in legal if (o.folding.pe, o.folding.simd) == (pe, simd)]
        if found and found[0].cycles <= target:
            return found
    return found


def plainly_built(options: list[Option]) -> list[Option]:
    """Products in DSPs, shared where they can be; weights in block RAM but for shallow ones."""
    most = max(option.folding.packed for option in options)
    deep = any(option.folding.rom == "bram" for option in options)
    return [
        o
        for o in options
        if o.folding.multiplier == "dsp"
        and o.folding.packed == most
        and o.folding.rom == ("bram" if deep else "lut")
    ]


def shortest(
    graph: Graph, part: Device, every: list[list[Option]], build: Callable[[list[Option]], list[Option]]
) -> int:
    """The smallest interval at which a greedy folding fits; 0 when none does."""
    foldings: dict[int, list[list[Option]]] = {}
    for target in sorted(
        {option.cycles for options in every for option in options}
    ):  # the laxest is cheapest
        chosen = [build(greedy(o, node, target)) for o, node in zip(every, graph.nodes, strict=True)]
        foldings[max(options[0].cycles for options in chosen)] = chosen
    fits = (t for t in sorted(foldings) if choose(foldings[t], t, limits(part)) is not None)
    return next(fits, 0)


def main() -> None:
    columns = ("network", "bits", "device", "greedy", "greedy+", "plan", "ratio", "ratio+", "lanes busy")
    print("".join(f"{column:>14}" for column in columns))
    for make, name in CASES:
        graph, part = make(), device(name)
        every = [sorted(o, key=lambda option: -option.cycles) for o in all_options(graph, part)]
        intervals = [shortest(graph, part, every, build) for build in (plainly_built, list)]
        rates = [part.clock_mhz * 1e6 / interval if interval else nan for interval in intervals]
        result = summary(plan_for(graph, name))
        rate = result.frames_per_second
        bits = next(node.weight_type.bits for node in graph.nodes if isinstance(node, Conv2d))
        figures = [f"{r:.0f}" for r in (*rates, rate)] + [f"{rate / r:.2f}" for r in rates]
        cells = (graph.name, bits, name, *figures, f"{result.utilisation:.1%}")
        print("".join(f"{cell!s:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
