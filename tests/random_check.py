"""Many random networks once: executor, rational arithmetic, simulator and C-simulation. For longer than tests may take.

python -m tests.random_check --seed 10000 --count 2000
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from fireline.codegen.lower import lower
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.random_networks import random_model
from tests.test_random_networks import check_exactly, check_firmware, pixels


def check(seed: int, folder: Path, counts: Counter[str]) -> None:
    """One network: even seeds have power-of-two scales, odd ones any float32."""
    power_of_two = seed % 2 == 0
    path = random_model(folder, seed, power_of_two)
    graph = lower(path)
    if power_of_two:
        verify(graph, simulator(graph), [qonnx_executor(graph, path)], [pixels(graph, seed)]).require_exact()
    else:
        elsewhere = check_exactly(path, graph, seed)
        counts["networks where float32 rounds elsewhere"] += elsewhere > 0
        counts["integers where float32 rounds elsewhere"] += elsewhere
    check_firmware(graph, seed, folder)
    counts["exact"] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=10_000)
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    counts: Counter[str] = Counter()
    for seed in range(arguments.seed, arguments.seed + arguments.count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(seed, Path(folder), counts)
            except Exception as error:
                counts["failed"] += 1
                print(f"seed {seed}: {error!r:.300}")
        if (seed + 1) % 100 == 0:
            print(seed + 1 - arguments.seed, dict(counts), flush=True)
    print(dict(counts))
    sys.exit(counts["failed"] > 0)


if __name__ == "__main__":
    main()
