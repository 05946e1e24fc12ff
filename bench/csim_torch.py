"""C-simulation and bit-accurate simulator against torch float32 eager, one thread each.

torch runs 16 images at once, in the layout that a network has by default and in channels last, which is faster here.

python -m bench.csim_torch
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import fireline
from bench.measure import Result, alternate, finish, one_thread, ratio, timed
from bench.networks import DEVICE, quantized, random_images
from fireline.model.network import Network
from fireline.model.presets import preset
from fireline.sim import csim
from fireline.sim.integer import Simulator, quantize

BATCH = 16


def eager(network: Network, images: torch.Tensor, form: torch.memory_format) -> Callable[[], object]:
    """torch in one memory format, all `images` in batches."""
    model = copy.deepcopy(network).to(memory_format=form)

    def run() -> object:
        with torch.inference_mode():
            return [model(part.contiguous(memory_format=form)) for part in images.split(BATCH)]

    return run


def compare(name: str, images: int, repeats: int, folder: Path) -> list[Result]:
    """All three on the same images."""
    network = quantized(preset(name), folder)
    pixels = random_images(network.graph.input.output.shape, images)
    project = folder / "project"
    fireline.generate(network.graph, device=DEVICE, out=project)
    csim.build(project)
    integers = quantize(network.graph.input, pixels)
    simulator = Simulator(network.graph)
    assert np.array_equal(csim.run(project, integers), simulator.outputs(pixels)), "the engines differ"
    floats = torch.from_numpy(pixels).float()
    ours, simulated, first, last = alternate(
        [
            timed(lambda: csim.run(project, integers, jobs=1), images),
            timed(lambda: simulator.outputs(pixels), images),
            timed(eager(network.float_network, floats, torch.contiguous_format), images),
            timed(eager(network.float_network, floats, torch.channels_last), images),
        ],
        repeats,
    )
    return [
        ratio(engine, name, peer, costs, theirs, goal)
        for peer, theirs in (("torch float32 eager", first), ("torch float32 channels-last", last))
        for engine, costs, goal in (("C-simulation", ours, 0.5), ("simulator", simulated, 1.0))
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
