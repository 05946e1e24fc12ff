"""As many images as CIFAR-10's test set has through C-simulation, and through `verify`, on two cores.

`verify` compares the simulator, Brevitas and C-simulation on all images and the QONNX executor on one in 100, as
`fireline verify RUN --data CIFAR10 --jobs 2 --sample 100` does.

    python -m bench.cifar10_set [RESULTS.json] [IMAGES]

Fewer IMAGES than 10 000 are measured and scaled up; the note says so. Random pixels: the work is the same.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

import fireline
from bench.measure import Result, alone, cost, finish
from bench.networks import DEVICE, quantized, random_images
from fireline.model.presets import preset
from fireline.quant.witness import brevitas_trace
from fireline.sim import csim
from fireline.sim.engines import csim as csim_engine
from fireline.sim.engines import qonnx_executor, real_valued, simulator
from fireline.sim.integer import batches, quantize
from fireline.sim.verify import verify

SET, CORES, BATCH, SAMPLE = 10_000, 2, 8, 100


def main() -> None:
    count = int(sys.argv[2]) if len(sys.argv) > 2 else SET
    name = "cifar_e4"
    with tempfile.TemporaryDirectory() as folder:
        network = quantized(preset(name), Path(folder))
        graph = network.graph
        project = Path(folder) / "project"
        fireline.generate(graph, device=DEVICE, out=project)
        csim.build(project)
        pixels = random_images((3, 32, 32), count)
        integers = quantize(graph.input, pixels)
        simulated = cost(lambda: csim.run(project, integers, jobs=CORES))
        torch.set_num_threads(1)  # of each engine, for two run at the same time
        engines = [
            real_valued(
                graph, "brevitas", network.model, lambda images: brevitas_trace(network.twin, images)
            ),
            replace(qonnx_executor(graph, network.model), every=SAMPLE),
            csim_engine(graph, project, 1),
        ]
        parts = batches(pixels, BATCH)
        verified = cost(lambda: verify(graph, simulator(graph), engines, parts, jobs=CORES).require_exact())
    results = []
    for what, spent, limit in (
        ("C-simulation of 10 000 images", simulated, 300),
        ("verify 10 000 images with all engines, the qonnx executor on 100", verified, 360),
    ):
        scaled = spent / count
        note = f"{count} images measured; CPU s for 10 000: {scaled.cpu * SET:.0f}"
        results.append(Result(what, name, "", alone(scaled.wall * SET), "s", limit, note=note))
    finish(results)


if __name__ == "__main__":
    main()
