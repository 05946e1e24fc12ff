"""Many random networks once through RTL: every tensor against the simulator, with and without stalls, and the cycles.

python -m tests.rtl_check --seed 30000 --count 500
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from fireline.codegen.lower.network import lower
from fireline.codegen.rtl.project import write_project
from fireline.errors import FirelineError
from fireline.sim import rtl
from fireline.sim.dataflow.depths import fitted
from tests.firmware.harness import drawn, plan
from tests.random_networks import random_model


def check(seed: int, folder: Path) -> str:
    """What became of one network: even seeds have power-of-two scales, odd ones any float32."""
    graph = lower(random_model(folder, seed, seed % 2 == 0))
    try:
        write_project(fitted(replace(plan(graph, drawn(seed)), target="rtl")), folder / "project")
    except FirelineError as error:
        return f"refused: {error}"
    rtl.build(folder / "project", "-O0", jobs=1)
    plain = rtl.cosimulate(folder / "project", images=3)
    stalled = rtl.cosimulate(folder / "project", images=2, stall=seed)
    if plain.mismatches or stalled.mismatches:
        return f"differs in {plain.first or stalled.first}"
    if abs(plain.interval - plain.planned_interval) > 0.005 * plain.planned_interval:
        return f"interval {plain.interval}, simulated {plain.planned_interval}"
    if abs(plain.latency - plain.planned_latency) > 0.02 * plain.planned_latency:
        return f"latency {plain.latency}, simulated {plain.planned_latency}"
    return "exact"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=30_000)
    parser.add_argument("--count", type=int, default=500)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                outcome = check(seed, Path(folder))
            except Exception as error:
                outcome = f"failed: {error!r:.500}"
        counts[outcome.split()[0].rstrip(":,")] += 1
        if outcome != "exact":
            print(f"seed {seed}: {outcome}", flush=True)
        if (seed + 1) % 10 == 0:
            print(seed + 1 - arguments.seed, dict(counts), flush=True)
    print(dict(counts))
    sys.exit(counts["exact"] + counts["refused"] < arguments.count)


if __name__ == "__main__":
    main()
