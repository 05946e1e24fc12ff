"""Many random networks once: executor, rational arithmetic, simulator and C-simulation. For longer than tests may take.

python -m tests.random_check --seed 10000 --count 2000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from fireline.codegen.lower.network import lower
from fireline.graph import Graph
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.random_networks import random_model
from tests.test_random_networks import check_exactly, check_firmware, pixels

TOGETHER = 10  # networks that are compiled as one program


def check(seed: int, folder: Path, counts: Counter[str]) -> Graph:
    """One network in Python: even seeds have power-of-two scales, odd ones any float32."""
    power_of_two = seed % 2 == 0
    path = random_model(folder, seed, power_of_two)
    graph = lower(path)
    if power_of_two:
        verify(graph, simulator(graph), [qonnx_executor(graph, path)], [pixels(graph, seed)]).require_exact()
    else:
        elsewhere = check_exactly(path, graph, seed)
        counts["networks where float32 rounds elsewhere"] += elsewhere > 0
        counts["integers where float32 rounds elsewhere"] += elsewhere
    counts["exact in Python"] += 1
    return graph


def check_together(seeds: Sequence[int], folder: Path, counts: Counter[str]) -> None:
    """Some networks in Python, then their C-simulations."""
    graphs: dict[int, Graph] = {}
    for seed in seeds:
        try:
            graphs[seed] = check(seed, folder, counts)
        except Exception as error:
            counts["failed"] += 1
            print(f"seed {seed}: {error!r:.300}", flush=True)
    try:
        check_firmware(graphs, folder)
        counts["exact in C++"] += len(graphs)
    except Exception as error:
        counts["failed"] += 1
        print(f"one of seeds {seeds}: {error!r:.2000}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    for first in range(arguments.seed, arguments.seed + arguments.count, TOGETHER):
        seeds = range(first, min(first + TOGETHER, arguments.seed + arguments.count))
        with tempfile.TemporaryDirectory() as folder:
            check_together(seeds, Path(folder), counts)
        if seeds.stop % 100 == 0:
            print(seeds.stop - arguments.seed, dict(counts), flush=True)
    print(dict(counts))
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main()
