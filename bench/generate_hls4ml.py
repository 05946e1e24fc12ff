"""QONNX to a written project, against hls4ml's conversion of the same 224x224 SqueezeNet 1.1 (2x2 pools).

HLS4ML_PYTHON=... python -m bench.generate_hls4ml
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import fireline
from bench.hls4ml_network import write_model
from bench.hls4ml_peer import hls4ml
from bench.measure import Result, alone, cost, finish, ratio
from bench.networks import DEVICE, HLS4ML_CIFAR, HLS4ML_SQUEEZENET


def generate(model: Path, out: Path) -> None:
    fireline.generate(fireline.lower(model), device=DEVICE, out=out)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Imports happen on first use; hls4ml's are not counted either.
        generate(write_model(HLS4ML_CIFAR, folder), folder / "first")
        model = write_model(HLS4ML_SQUEEZENET, folder)
        ours = cost(lambda: generate(model, folder / "project"))
        network = "squeezenet1_1, 2x2 pools"
        results = [Result("QONNX to project", network, "", alone(ours.cpu), "s", 8, alone(ours.wall))]
        with hls4ml(model, folder) as peer:
            results.append(ratio("QONNX to project", network, "hls4ml 1.3", [ours], [peer.answer()], 20))
        finish(results)


if __name__ == "__main__":
    main()
