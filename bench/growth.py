"""Time and memory of the whole line on networks from 0.02 to 5 million parameters, and on more and more images.

    python -m bench.growth

Each network is measured in a process of its own, so that the peak of memory is its own.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import fireline
from bench.compiler import compile_project
from bench.measure import Result, alone, cost, finish, one_thread
from bench.networks import SERIES, grown, quantized, random_images
from fireline.codegen.hls.project import write_project
from fireline.model.count import counts
from fireline.sim import csim
from fireline.sim.dataflow.planning import best_plan
from fireline.sim.integer import quantize, simulate

LARGE = "xcu250"  # holds the largest of them
IMAGES = (16, 64, 256)

Row = dict[str, float]


def measure(expand: int) -> Row:
    """CPU seconds of each step of one network, and peaks of memory in bytes."""
    one_thread()
    config = grown(expand)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The twin and its export belong to Brevitas: done elsewhere, so that their memory does not count.
        command = [sys.executable, "-W", "ignore", "-m", "bench.growth", "export", str(expand), name]
        subprocess.run(command, check=True)
        graphs = []
        row: Row = {"parameters": counts(config).parameters, "macs": counts(config).macs}
        row["lower"] = cost(lambda: graphs.append(fireline.lower(folder / "model.onnx"))).cpu
        graph = graphs[0]
        plans = []
        row["plan"] = cost(lambda: plans.append(best_plan(graph, LARGE))).cpu
        row["write"] = cost(lambda: write_project(plans[0], folder / "project")).cpu
        spent, row["compiler bytes"] = compile_project(folder / "project")
        row["compile"] = spent.cpu
        pixels = random_images(config.input, 16)
        row["C-simulation"] = (
            cost(lambda: csim.run(folder / "project", quantize(graph.input, pixels), jobs=1)).cpu / 16
        )
        row["simulator"] = cost(lambda: simulate(graph, pixels)).cpu / 16
        row["bytes"] = peak()
    return row


def measure_images(count: int) -> Row:
    """CPU seconds and memory of simulating `count` images."""
    one_thread()
    with tempfile.TemporaryDirectory() as name:
        network = quantized(grown(24), Path(name))
        pixels = random_images((3, 32, 32), count)
        before = peak()
        seconds = cost(lambda: simulate(network.graph, pixels)).cpu
    return {"images": count, "simulator": seconds, "grown bytes": peak() - before}


def peak() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of log y over log x: 1 if y grows linearly, below 1 while constant costs dominate."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def child(kind: str, size: int) -> Row:
    """What `kind` says of `size`, measured in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.growth", kind, str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    row: Row = json.loads(done.stdout.splitlines()[-1])
    print(row, flush=True)
    return row


def main() -> None:
    rows = [child("network", expand) for expand in SERIES]
    batches = [child("images", count) for count in IMAGES]
    large = rows[-4:]  # where constant costs no longer dominate
    results = []
    for step, size in (
        ("lower", "parameters"),
        ("plan", "parameters"),
        ("write", "parameters"),
        ("compile", "parameters"),
        ("C-simulation", "macs"),
        ("simulator", "macs"),
        ("bytes", "parameters"),
        ("compiler bytes", "parameters"),
    ):
        slope = exponent([row[size] for row in large], [row[step] for row in large])
        note = ", ".join(f"{row[size] / 1e6:.3g} M: {row[step]:.3g}" for row in rows)
        results.append(
            Result(f"growth of {step} with {size}", "series", "", alone(slope), "exponent", 1.1, note=note)
        )
    more = exponent([row["images"] for row in batches], [row["simulator"] for row in batches])
    note = ", ".join(f"{row['images']}: +{row['grown bytes'] / 2**20:.0f} MB" for row in batches)
    results.append(
        Result("growth of simulator with images", "series", "", alone(more), "exponent", 1.1, note=note)
    )
    finish(results)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["network", expand]:
            print(json.dumps(measure(int(expand))))
        case ["images", count]:
            print(json.dumps(measure_images(int(count))))
        case ["export", expand, folder]:
            quantized(grown(int(expand)), Path(folder))
        case _:
            main()
