"""C-simulation against that of hls4ml 1.3: the same CIFAR SqueezeNet, weights and images, one core each.

HLS4ML_PYTHON=... python -m bench.csim_hls4ml
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import fireline
from bench.hls4ml_network import write_model
from bench.hls4ml_peer import hls4ml
from bench.measure import Result, alone, alternate, finish, ratio, timed
from bench.networks import DEVICE, HLS4ML_CIFAR, random_images
from fireline.sim import csim
from fireline.sim.engines import decode
from fireline.sim.integer import quantize

OURS, THEIRS = 128, 2  # images a round


def compare(folder: Path, repeats: int = 5) -> None:
    model = write_model(HLS4ML_CIFAR, folder)
    pixels = random_images(HLS4ML_CIFAR.input, OURS)
    images, outputs = folder / "images.npy", folder / "outputs.npy"
    np.save(images, pixels[:THEIRS])
    with hls4ml(model, folder, (images, outputs)) as peer:
        graph = fireline.lower(model)
        project = folder / "project"
        fireline.generate(graph, device=DEVICE, out=project)
        converted, compiled = peer.answer(), peer.answer()
        build = timed(lambda: csim.build(project))()
        integers = quantize(graph.input, pixels)
        ours, theirs = alternate(
            [
                timed(lambda: csim.run(project, integers, jobs=1), OURS),
                lambda: peer.predict() / THEIRS,
            ],
            repeats,
        )
        equal = np.array_equal(decode(graph.output, np.load(outputs)), csim.run(project, integers[:THEIRS]))
    name = "cifar_e4, conv1 2x2/2, 2x2 pools"
    note = "outputs equal" if equal else "OUTPUTS DIFFER"
    finish(
        [
            ratio("C-simulation", name, "hls4ml 1.3", ours, theirs, 200, note),
            Result(
                "hls4ml's own conversion", name, "", alone(converted.cpu), "s", wall=alone(converted.wall)
            ),
            ratio("compile of the C-simulation", name, "hls4ml 1.3", [build], [compiled]),
        ]
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder))


if __name__ == "__main__":
    main()
