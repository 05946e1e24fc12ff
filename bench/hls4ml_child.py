"""hls4ml in a process of its own, with a Python that has it. Imports nothing of Fireline.

    python hls4ml_child.py MODEL.onnx FOLDER [IMAGES.npy OUTPUTS.npy]

Converts MODEL to a project in FOLDER. With images (N, C, H, W) it compiles the project's C-simulation and then
predicts them all each time a line arrives. Every step answers with one line of JSON: seconds wall and CPU.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from hls4ml.converters import convert_from_onnx_model
from hls4ml.utils import config_from_onnx_model
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.util.cleanup import cleanup_model


def cpu() -> float:
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in spent)


def step(work: Callable[[], Any], keep: Callable[[Any], None] = lambda value: None) -> Any:
    """The value of `work`, which `keep` may store, then its cost on the answering stream."""
    wall, before = time.perf_counter(), cpu()
    with contextlib.redirect_stdout(sys.stderr):
        value = work()
    spent = {"wall": time.perf_counter() - wall, "cpu": cpu() - before}
    keep(value)
    print(json.dumps(spent), file=sys.__stdout__, flush=True)
    return value


def convert(path: str, folder: str) -> Any:
    """As hls4ml's documentation has it for QONNX files; Resource, because Latency cannot unroll such layers."""
    model = cleanup_model(ModelWrapper(path))
    model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=True))
    model = cleanup_model(model.transform(GemmToMatMul()))
    config = config_from_onnx_model(
        model, granularity="name", backend="Vitis", default_precision="fixed<16,6>"
    )
    for layer in config["LayerName"].values():
        layer["Strategy"] = "Resource"
    # The default type truncates the pixels.
    config["LayerName"][model.graph.input[0].name]["Precision"] = {"result": "fixed<40,24>"}
    project = convert_from_onnx_model(
        model, output_dir=folder, io_type="io_stream", backend="Vitis", hls_config=config
    )
    project.write()
    return project


def main() -> None:
    path, folder, *arrays = sys.argv[1:]
    project = step(lambda: convert(path, folder))
    if not arrays:
        return
    step(project.compile)
    images, outputs = arrays
    pixels = np.ascontiguousarray(np.load(images).astype(np.float32).transpose(0, 2, 3, 1))
    for _ in sys.stdin:
        step(
            lambda: project.predict(pixels),
            lambda values: np.save(outputs, np.asarray(values).reshape(len(pixels), -1)),
        )


main()
