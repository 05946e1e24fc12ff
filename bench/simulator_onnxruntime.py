"""Simulator and C-simulation against onnxruntime, float32 and statically quantized int8, one thread each.

onnxruntime quantizes with its own float scales: about the same work, not the same integers.

    python -m bench.simulator_onnxruntime
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

import fireline
from bench.measure import Result, alternate, finish, one_thread, ratio, timed
from bench.networks import DEVICE, quantized, random_images
from fireline.model.presets import preset
from fireline.sim import csim
from fireline.sim.integer import Simulator, quantize


class Pixels(CalibrationDataReader):  # type: ignore[misc]
    """A few images to calibrate on, one at a time."""

    def __init__(self, images: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        self.images = iter(images)

    def get_next(self) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] | None:
        image = next(self.images, None)
        return None if image is None else {"pixels": image[None]}


def session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def export_float(network: torch.nn.Module, shape: tuple[int, int, int], path: Path) -> None:
    torch.onnx.export(
        network,
        (torch.zeros(1, *shape),),
        str(path),
        input_names=["pixels"],
        dynamic_axes={"pixels": {0: "images"}},
        dynamo=False,
    )


def compare(name: str, images: int, repeats: int, folder: Path) -> list[Result]:
    network = quantized(preset(name), folder)
    shape = network.graph.input.output.shape
    pixels = random_images(shape, images)
    floats = pixels.astype(np.float32)
    float_path, prepared, int8_path = (folder / f"{part}.onnx" for part in ("float", "prepared", "int8"))
    export_float(network.float_network, shape, float_path)
    quant_pre_process(str(float_path), str(prepared))
    quantize_static(
        str(prepared), str(int8_path), Pixels(floats[:4]), per_channel=True, weight_type=QuantType.QInt8
    )
    project = folder / "project"
    fireline.generate(network.graph, device=DEVICE, out=project)
    csim.build(project)
    integers, simulator = quantize(network.graph.input, pixels), Simulator(network.graph)
    float_session, int8_session = session(float_path), session(int8_path)
    simulated, compiled, in_float, in_int8 = alternate(
        [
            timed(lambda: simulator.outputs(pixels), images),
            timed(lambda: csim.run(project, integers, jobs=1), images),
            timed(lambda: float_session.run(None, {"pixels": floats}), images),
            timed(lambda: int8_session.run(None, {"pixels": floats}), images),
        ],
        repeats,
    )
    return [
        ratio(engine, name, peer, ours, theirs)
        for peer, theirs in (("onnxruntime float32", in_float), ("onnxruntime int8", in_int8))
        for engine, ours in (("simulator", simulated), ("C-simulation", compiled))
    ]


def main() -> None:
    one_thread()
    logging.getLogger().setLevel(logging.ERROR)
    results = []
    for name in ("cifar_e4", "squeezenet1_1"):
        with tempfile.TemporaryDirectory() as folder:
            results += compare(name, 16, 5, Path(folder))
    finish(results)


if __name__ == "__main__":
    main()
