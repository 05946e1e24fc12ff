"""The bit-accurate simulator against the QONNX reference executor, one thread each.

python -m bench.simulator_qonnx
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.infer_shapes import InferShapes

from bench.measure import Result, alternate, finish, one_thread, ratio, timed
from bench.networks import for_both, quantized, random_images
from fireline.model.presets import preset
from fireline.sim.engines import decode
from fireline.sim.integer import Simulator


def compare(name: str, images: int, repeats: int, folder: Path) -> Result:
    network = quantized(preset(name), folder)
    graph, pixels = network.graph, random_images(network.graph.input.output.shape, images)
    simulator = Simulator(graph)
    # Weights are quantized once and not for every image: the executor at its best.
    model = ModelWrapper(str(network.model)).transform(InferShapes()).transform(FoldConstants())
    first, last = model.graph.input[0].name, model.graph.output[0].name

    def execute() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.concatenate(
            [execute_onnx(model, {first: image[None].astype(np.float32)})[last] for image in pixels[:2]]
        )

    equal = np.array_equal(decode(graph.output, execute()), simulator.outputs(pixels[:2]))
    ours, theirs = alternate([timed(lambda: simulator.outputs(pixels), images), timed(execute, 2)], repeats)
    note = "outputs equal" if equal else "OUTPUTS DIFFER"
    return ratio("simulator", name, "qonnx executor", ours, theirs, 30, note)


def main() -> None:
    one_thread()
    onnxruntime.set_default_logger_severity(3)
    finish(for_both(compare))


if __name__ == "__main__":
    main()
