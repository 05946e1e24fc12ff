"""Verify a QONNX file from Python: lower it, generate a project, compare three engines on every integer.

python examples/verify_qonnx.py [MODEL.onnx IMAGES.npy]

Without a file, a small SqueezeNet with random weights is made for the handwritten digits.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np

import fireline
from fireline.model.data import load
from fireline.quant.run import Source, quantize
from fireline.sim import engines
from fireline.sim.verify import verify


def small_model(folder: Path) -> tuple[Path, Path]:
    """A QONNX file and images for it."""
    quantize("digits", folder, data="digits", bits="w4a4", source=Source(random=True))
    np.save(folder / "images.npy", load("digits", "test").read(range(16)))
    return folder / "model.onnx", folder / "images.npy"


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, inputs = map(Path, sys.argv[1:]) if len(sys.argv) > 1 else small_model(folder)
        graph, images = fireline.lower(model), np.load(inputs)
        fireline.generate(graph, device="xcu250", out=folder / "project")
        witnesses = [engines.qonnx_executor(graph, model), engines.csim(graph, folder / "project")]
        result = verify(graph, engines.simulator(graph), witnesses, [images])
    for engine in result.engines:
        print(
            f"{engine.name:10} {engine.tensors:3} tensors {engine.values:10,} integers {engine.mismatches} differ"
        )
    result.require_exact()


if __name__ == "__main__":
    main()
