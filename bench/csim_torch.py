"""C-simulation and bit-accurate simulator against torch float32 eager, one thread each.

python -m bench.csim_torch
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import fireline
from bench.measure import Result, alternate, cost, finish, one_thread, ratio, timed
from bench.networks import DEVICE, quantized, random_images
from fireline.model.network import Network
from fireline.model.presets import preset
from fireline.sim import csim
from fireline.sim.integer import Simulator, batches, quantize

BATCH = 16


def eager(network: Network, images: torch.Tensor) -> Callable[[], object]:
    """torch at its best: channels last or first, whichever is faster here, 16 images at once."""

    def run(form: torch.memory_format) -> object:
        model = network.to(memory_format=form)
        with torch.inference_mode():
            return [model(part.contiguous(memory_format=form)) for part in images.split(BATCH)]

    sides = [lambda form=form: run(form) for form in (torch.contiguous_format, torch.channels_last)]
    for side in sides:
        side()
    return min(sides, key=lambda side: cost(side).cpu)


def compare(name: str, images: int, repeats: int, folder: Path) -> list[Result]:
    """All three on the same images."""
    network = quantized(preset(name), folder)
    pixels = random_images(network.graph.input.output.shape, images)
    project = folder / "project"
    fireline.generate(network.graph, device=DEVICE, out=project)
    csim.build(project)
    integers = quantize(network.graph.input, pixels)
    simulator = Simulator(network.graph)
    expected = np.concatenate([simulator.outputs(part) for part in batches(pixels, BATCH)])
    assert np.array_equal(csim.run(project, integers), expected), "the engines differ"
    floats = eager(network.float_network, torch.from_numpy(pixels).float())
    ours, simulated, theirs = alternate(
        [
            timed(lambda: csim.run(project, integers), images),
            timed(lambda: [simulator.outputs(part) for part in batches(pixels, BATCH)], images),
            timed(floats, images),
        ],
        repeats,
    )
    return [
        ratio("C-simulation", name, "torch float32 eager", ours, theirs, 0.5),
        ratio("simulator", name, "torch float32 eager", simulated, theirs, 1.0),
    ]


def main() -> None:
    one_thread()
    results = []
    for name, images, repeats in (("cifar_e4", 64, 7), ("squeezenet1_1", 16, 7)):
        with tempfile.TemporaryDirectory() as folder:
            results += compare(name, images, repeats, Path(folder))
    finish(results)


if __name__ == "__main__":
    main()
