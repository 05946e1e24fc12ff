"""Every preset's network through RTL: every tensor against the simulator, with and without stalls, and every cycle.

python -m tests.rtl_presets [--only TEXT]

Weights are random, quantizers calibrated on noise by Brevitas; SqueezeNet 1.0 and 1.1 see 224 x 224 pixels, the others
small images. The shipped CIFAR-10 networks are as they are. Prints a row of docs/explanation/rtl.md for each. Seconds
are those of one processor core, so that they do not tell what else runs.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fireline.codegen.lower.network import lower
from fireline.codegen.plan.cycles import lanes
from fireline.codegen.plan.options import Freedom
from fireline.codegen.rtl.project import write_project
from fireline.graph import Graph
from fireline.model.presets import PRESETS
from fireline.quant.export import export
from fireline.quant.pretrained import unpacked
from fireline.quant.run import MODEL
from fireline.sim import rtl
from fireline.sim.dataflow.planning import best_plan
from tests.preset_check import SIDE
from tests.quant.shared import twin_of

BITS = ("w8a8", "w4a4")
WHOLE = ("squeezenet1_1", "squeezenet1_0")
SHIPPED = ("cifar10_w4a4", "cifar10_w8a8", "cifar10_small_w4a4")
IMAGES = 3
RATE = 2_000  # frames/s that small images are planned for


@dataclass(frozen=True)
class Case:
    """A network as it is run."""

    name: str
    bits: str = ""  # as they are, if none are said
    device: str = "xczu7ev"
    rate: float | None = None  # as fast as can be, if none is said

    def graph(self, folder: Path) -> Graph:
        if not self.bits:
            return lower(unpacked(self.name) / MODEL)
        channels, *sides = PRESETS[self.name].input
        largest = max(sides) if self.name in WHOLE else SIDE
        config = replace(PRESETS[self.name], input=(channels, *(min(side, largest) for side in sides)))
        export(twin_of(config, self.bits)[1], folder / f"{self.name}.onnx")
        return lower(folder / f"{self.name}.onnx")


def cases() -> Iterator[Case]:
    """All of them, the large ones first."""
    yield from (Case(name, bits) for name in WHOLE for bits in BITS)
    yield from (Case(name, device="xc7z020") for name in SHIPPED)
    yield from (Case(name, bits, rate=RATE) for name in PRESETS if name not in WHOLE for bits in BITS)


def seconds() -> float:
    """Of a processor core, in all programs that were called and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(case: Case, folder: Path) -> tuple[str, bool]:
    """A row of the table, and whether no integer and no cycle differs."""
    plan = best_plan(case.graph(folder), case.device, target_fps=case.rate, freedom=Freedom(target="rtl"))
    write_project(plan, folder / "project")
    start = seconds()
    rtl.build(folder / "project")
    built = seconds()
    plain = rtl.cosimulate(folder / "project", IMAGES)
    ran = seconds()
    stalled = rtl.cosimulate(folder / "project", images=2, stall=1)
    differ = plain.mismatches + stalled.mismatches
    late = [
        s.name for s in plain.stages if (s.latency, s.interval) != (s.planned_latency, s.planned_interval)
    ]
    cells = [
        f"`{case.name}`",
        case.bits.upper() or "as shipped",
        "×".join(map(str, plan.graph.input.output.shape[1:])),
        f"{sum(map(lanes, plan.graph.nodes, plan.foldings)):,}",
        str(differ) if not differ else f"{differ}, first {plain.first or stalled.first}",
        f"{plain.interval:,} / {plain.planned_interval:,}",
        f"{plain.latency:,} / {plain.planned_latency:,}",
        f"{len(plain.stages) - len(late)} of {len(plain.stages)}"
        + "".join(f", {name} not" for name in late[:1]),
        f"{built - start:.0f}",
        f"{(ran - built) / IMAGES:.2f}",
    ]
    same = plain.interval == plain.planned_interval and plain.latency == plain.planned_latency
    return f"| {' | '.join(cells)} |", same and not differ and not late


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", default="", help="part of a network's name and bits, as in squeezenet1_1 w8a8"
    )
    only = parser.parse_args().only
    failed = 0
    for case in cases():
        name = f"{case.name} {case.bits}".strip()
        if only not in name:
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                line, good = row(case, Path(folder))
            except Exception as error:
                line, good = f"{name}: failed: {error!r:.2000}", False
        failed += not good
        print(line, flush=True)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{failed} of them not as simulated; the largest program had {largest / 1024:.0f} MiB")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
