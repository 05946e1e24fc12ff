"""Operations whose inputs are all constants are computed as ONNX's own reference computes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.values import QuantizedConstant
from fireline.errors import FirelineError

# What gives a constant its integers and its exact scale stays for lowering, and so does what is no arithmetic.
KEPT = ("QuantizeLinear", "DequantizeLinear", "Constant", "Transpose", "Dropout")
# Another number each time, or graphs of their own.
NO_CONSTANT = (
    *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    *("If", "Loop", "Scan", "SequenceMap"),
)
# What moves numbers does so to integers and their scales alike.
MOVING = ("Expand", "Flatten", "Gather", "Reshape", "Slice", "Split", "Squeeze", "Unsqueeze")


def foldable(node: OnnxNode) -> bool:
    """Whether a node over constants is ONNX's own and is computed here."""
    return bool(node.inputs) and node.domain in ("", "ai.onnx") and node.op not in KEPT + NO_CONSTANT


def moved(
    node: OnnxNode, value: QuantizedConstant, others: Sequence[npt.NDArray[Any]], opset: int
) -> list[QuantizedConstant]:
    """The outputs of a node of `MOVING` on quantized numbers; its other inputs are `others`.

    Raises:
        FirelineError: ONNX's reference cannot compute it.
    """
    integers = value.integers
    scale = np.broadcast_to(value.scale, integers.shape).ravel()
    places = fold(node, [np.arange(integers.size).reshape(integers.shape), *others], opset)
    one = value.scale.reshape(1) if value.scale.size == 1 else None
    return [
        replace(value, integers=integers.ravel()[at], scale=scale[at] if one is None else one)
        for at in places
    ]


def fold(node: OnnxNode, inputs: Sequence[npt.NDArray[Any]], opset: int) -> list[npt.NDArray[Any]]:
    """The outputs of a node whose inputs, but those left out, are `inputs`.

    Raises:
        FirelineError: ONNX's reference cannot compute it.
    """
    feeds = dict(zip(filter(None, node.inputs), inputs, strict=True))
    proto = onnx.helper.make_node(node.op, node.inputs, node.outputs, **node.attributes)
    graph = onnx.helper.make_graph(
        [proto],
        "constants",
        [
            onnx.helper.make_tensor_value_info(
                name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in feeds.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in node.outputs if name],
    )
    try:
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)])
        made = ReferenceEvaluator(model).run(None, feeds)
    except Exception as error:  # whatever a library's arithmetic raises over a file is the file's fault
        raise FirelineError(
            f"its inputs are constants, but it cannot be computed: {str(error).strip().splitlines()[0]:.200}",
            hint="fold the file's constants (onnxruntime, onnx-simplifier or qonnx-cleanup do)",
        ) from None
    return [np.asarray(array) for array in made]
