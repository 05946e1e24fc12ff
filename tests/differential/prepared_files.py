"""QONNX files that went through qonnx's and hls4ml's preparations: cleaned up, channels last, QCDQ, Gemm as MatMul."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.channels_last import ConvertToChannelsLastAndClean
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.transformation.qcdq_to_qonnx import QCDQToQuant
from qonnx.util.cleanup import cleanup_model

from tests.differential.brevitas_files import exported, qonnx_values
from tests.differential.case import Case, NotMade
from tests.random_networks import random_model


def prepared(seed: int, folder: Path) -> Case:
    """A network of the tests' own builder or of Brevitas, prepared in one of the ways that qonnx's users have."""
    try:
        return _prepared(seed, folder)
    except (AssertionError, ValueError, RuntimeError) as error:
        raise NotMade(f"qonnx: {error}") from error


def _prepared(seed: int, folder: Path) -> Case:
    random = np.random.default_rng([seed, 2])

    def flag(share: float = 0.5) -> bool:
        return bool(random.random() < share)

    source = str(random.choice(["builder", "builder", "brevitas", "qcdq"]))
    if source == "builder":
        path = random_model(folder, seed, power_of_two=flag())
    else:
        path, images, _ = exported(seed, folder, "qcdq" if source == "qcdq" else "qonnx", dynamo=False)
    model = cleanup_model(ModelWrapper(str(path)))
    steps = [source, "cleanup"]
    if source == "qcdq":
        model, steps = cleanup_model(model.transform(QCDQToQuant())), [*steps, "QCDQToQuant"]
    shape = tuple(model.get_tensor_shape(model.graph.input[0].name)[1:])
    image = random.integers(0, 256, shape).astype(np.uint8) if source == "builder" else images[0]
    feed = image
    if flag(0.8):
        last = flag()
        model = model.transform(ConvertToChannelsLastAndClean(make_input_channels_last=last))
        steps.append(f"channels last, input too: {last}")
        feed = image.transpose(1, 2, 0) if last else image
    if flag():
        model, steps = cleanup_model(model.transform(GemmToMatMul())), [*steps, "GemmToMatMul"]
    made = folder / "prepared.onnx"
    model.save(str(made))
    return Case(made, image, partial(qonnx_values, made), ", ".join(steps), feed)
