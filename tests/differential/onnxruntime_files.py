"""Files that onnxruntime's `quantize_static` writes, in both of its formats, over its options."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from tests.differential.case import Case, Tensors
from tests.differential.float_networks import INPUT, float_network

LEVELS = ("none", "ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


class Images(CalibrationDataReader):  # type: ignore[misc]
    """Calibration with one image at a time."""

    def __init__(self, images: np.ndarray) -> None:
        self.left: Iterator[np.ndarray] = iter(images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        image = next(self.left, None)
        return None if image is None else {INPUT: image[None]}


def qdq(seed: int, folder: Path) -> Case:
    """QuantizeLinear and DequantizeLinear round float operations."""
    return _quantized(seed, folder, QuantFormat.QDQ)


def qoperator(seed: int, folder: Path) -> Case:
    """Operations on integers: QLinearConv and the like."""
    return _quantized(seed, folder, QuantFormat.QOperator)


def _quantized(seed: int, folder: Path, format: QuantFormat) -> Case:
    path, images = float_network(seed, folder)
    random = np.random.default_rng([seed, 1])

    def flag(share: float = 0.5) -> bool:
        return bool(random.random() < share)

    signed = flag()
    options: dict[str, Any] = {
        "per_channel": flag(),
        "reduce_range": flag(0.2),
        "activation_type": QuantType.QInt8 if signed else QuantType.QUInt8,
        "weight_type": QuantType.QInt8 if signed or flag(0.7) else QuantType.QUInt8,
        "extra_options": {
            "ActivationSymmetric": flag(0.3),
            "WeightSymmetric": flag(0.8),
            "ForceQuantizeNoInputCheck": flag(0.2),
            "DedicatedQDQPair": flag(0.3),
            "QDQKeepRemovableActivations": flag(0.3),
            "AddQDQPairToWeight": flag(0.2),
        },
    }
    prepared, level = flag(), LEVELS[int(random.integers(len(LEVELS)))]
    if prepared:
        quant_pre_process(str(path), str(folder / "prepared.onnx"))
        path = folder / "prepared.onnx"
    made = folder / "model.onnx"
    logging.disable(logging.WARNING)
    try:
        quantize_static(str(path), str(made), Images(images), quant_format=format, **options)
    finally:
        logging.disable(logging.NOTSET)
    if level != "none":
        made = _saved(made, level, folder)
    return Case(
        made, images[0], lambda image: onnxruntime_values(made, image), f"{level} {prepared} {options}"
    )


def _saved(path: Path, level: str, folder: Path) -> Path:
    """The file as onnxruntime saves it after its own optimizations."""
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(folder / "saved.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return folder / "saved.onnx"


def onnxruntime_values(path: Path, image: np.ndarray) -> Tensors:
    """Every tensor of a file as onnxruntime computes it, its optimizations off."""
    model = onnx.load(str(path))
    _without_saturation(model.graph)
    known = {value.name for value in model.graph.output}
    for node in model.graph.node:
        model.graph.output.extend(
            onnx.ValueInfoProto(name=name) for name in node.output if name and name not in known
        )
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    first = session.get_inputs()[0].name
    return dict(zip(names, session.run(None, {first: image[None]}), strict=True))


def _without_saturation(graph: onnx.GraphProto) -> None:
    """Signed weights become unsigned ones of the same values.

    On processors without VNNI onnxruntime saturates the sum of two products of unsigned by signed integers at 16 bits
    (its documentation, "Quantize ONNX models", when to use reduce_range). Of unsigned ones it does not.
    """
    held = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type not in ("QLinearConv", "QLinearMatMul", "QGemm"):
            continue
        names = [node.input[i] for i in (2, 3, 5)]
        if [held[name].data_type if name in held else None for name in names] != [
            onnx.TensorProto.UINT8,
            onnx.TensorProto.INT8,
            onnx.TensorProto.INT8,
        ]:
            continue
        for position in (3, 5):
            values = numpy_helper.to_array(held[node.input[position]]).astype(np.int64) + 128
            node.input[position] = f"{node.name}/{node.input[position]}"
            graph.initializer.append(numpy_helper.from_array(values.astype(np.uint8), node.input[position]))
