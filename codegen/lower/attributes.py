"""What the ONNX standard says of an attribute that a node does not have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import onnx

# QONNX's operations with channels last are ONNX's own but for the layout.
CHANNELS_LAST = "qonnx.custom_op.channels_last"


@cache
def standard(op: str, domain: str, opset: int) -> Mapping[str, Any]:
    """Every attribute of an operation of ONNX that has a default, and that default, as of `opset`.

    Source: the operators' schemas, https://onnx.ai/onnx/operators, as the package `onnx` has them.
    """
    if domain not in ("", "ai.onnx", CHANNELS_LAST) or not onnx.defs.has(op):
        return MappingProxyType({})
    try:
        schema = onnx.defs.get_schema(op, opset)
    except onnx.defs.SchemaError:  # the operation is younger than the opset, as in many a file
        schema = onnx.defs.get_schema(op)
    return MappingProxyType(
        {
            name: onnx.helper.get_attribute_value(attribute.default_value)
            for name, attribute in schema.attributes.items()
            if attribute.default_value.name
        }
    )
