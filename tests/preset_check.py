"""Every preset's network at small images: its C-simulation in every build, under the sanitizers.

python -m tests.preset_check [--only TEXT]

Weights are random, quantizers calibrated on noise by Brevitas; the graph is lowered from the exported file, folded at
random, and every stream is compared with the simulator's, whose last tensor is compared with the QONNX executor's. The
build with processes side by side has streams of the depths that the dataflow simulator finds.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from fireline.codegen.hls.project import write_project
from fireline.codegen.lower.network import lower
from fireline.codegen.plan.devices import device
from fireline.graph import Graph
from fireline.model.presets import PRESETS
from fireline.quant.export import export
from fireline.sim.dataflow.planning import best_plan
from fireline.sim.engines import ap_types, qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.firmware.harness import SANITIZED, drawn, expect_exact, plan, run
from tests.graphs import random_pixels
from tests.quant.shared import twin_of

RATE = 20_000  # frames/s of the plan whose streams are bounded
SIDE = 39  # of images of networks made for 224 x 224 pixels: the last Fires still see some pixels
BUILDS = {
    "native": f"-O1 {SANITIZED}",
    "checked": f"-O1 -DFL_CHECKED {SANITIZED}",
    "ap_int": "-O0 -DFL_AP_INT -isystem {ap_types}",
    "bounded": "-O2 -DFL_BOUNDED",
}


def small_graph(name: str, bits: str, folder: Path) -> Graph:
    """The preset `name`, its input cut to a small one, as an integer graph that equals the QONNX executor."""
    channels, *sides = PRESETS[name].input
    config = replace(PRESETS[name], input=(channels, *(min(side, SIDE) for side in sides)))
    _, twin = twin_of(config, bits)
    path = folder / f"{name}.onnx"
    export(twin, path)
    graph = lower(path)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [random_pixels(graph, 1)]).require_exact()
    return graph


def check(name: str, bits: str, folder: Path, builds: Iterable[str] = BUILDS) -> None:
    """The builds of one preset: of a drawn plan, but for streams of exactly their depth, which a device has to hold."""
    graph = small_graph(name, bits, folder)
    chosen = replace(plan(graph, drawn(len(name))), device=device("xcu250"))
    for build in builds:
        made = best_plan(graph, "xcu250", target_fps=RATE) if build == "bounded" else chosen
        write_project(made, folder / build)
        expect_exact(run(folder / build, BUILDS[build].format(ap_types=ap_types())))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of a preset's name")
    names = [name for name in PRESETS if parser.parse_args().only in name]
    failed = 0
    for number, name in enumerate(names):
        bits = ("w8a8", "w4a4")[number % 2]
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(name, bits, Path(folder))
                outcome = "clean"
            except Exception as error:
                failed += 1
                outcome = f"failed: {error!r:.2000}"
        print(f"{name} {bits}: {outcome}", flush=True)
    print(f"{len(names) - failed} of {len(names)} clean")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
