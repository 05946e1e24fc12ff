"""A twin as a QONNX file, which onnx and qonnx can read."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

import onnx
import torch
from brevitas.export import export_qonnx

from fireline.files import write_whole
from fireline.model.network import Network

INPUT, OUTPUT = "pixels", "logits"  # names of the file's input and output tensors
IR_VERSION = 10  # onnx writes the newest, onnxruntime reads no newer than its own


def export(twin: Network, path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write the QONNX file of a calibrated twin; batch size 1, raw pixels in.

    `metadata` goes into the file's own properties. The same twin gives the same bytes.

    Raises:
        FirelineError: the file cannot be written.
    """
    write_whole(path, to_onnx(twin, metadata or {}).SerializeToString(deterministic=True))


def to_onnx(twin: Network, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """The QONNX model of a calibrated twin."""
    with _silence(), torch.no_grad():
        model: onnx.ModelProto = export_qonnx(
            twin.eval(),
            args=torch.zeros(1, *twin.config.input),
            export_path=None,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamo=False,
        )
    _scalars_as_vectors(model)
    shapes = _shapes(model)
    del model.graph.value_info[:]
    model.graph.value_info.extend(shapes)
    model.ir_version = IR_VERSION
    onnx.helper.set_model_props(model, dict(metadata))
    return model


def _scalars_as_vectors(model: onnx.ModelProto) -> None:
    """Scale and zero point of every `Quant` that are one number get the shape (1,): FINN takes no scalar there."""
    names = {name for node in model.graph.node if node.op_type == "Quant" for name in node.input[1:3]}
    for tensor in model.graph.initializer:
        if tensor.name in names and not tensor.dims:
            tensor.dims.append(1)


def _shapes(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Type and shape of every tensor; onnx itself does not know `Quant`, which has the shape of its input."""
    known = onnx.ModelProto()
    known.CopyFrom(model)
    for node in known.graph.node:
        if node.op_type == "Quant":
            node.CopyFrom(onnx.helper.make_node("Identity", [node.input[0]], [node.output[0]]))
    inferred = onnx.shape_inference.infer_shapes(known, strict_mode=True)
    return sorted(inferred.graph.value_info, key=lambda info: info.name)


@contextmanager
def _silence() -> Iterator[None]:
    """Exporting prints what torch and brevitas think of their own internals; none of it is the user's concern."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        logger = logging.getLogger("torch.onnx")
        level = logger.level
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)
