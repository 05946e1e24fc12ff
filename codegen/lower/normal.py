"""One form of a file for all who read it, lowering and the QONNX executor: what ONNX leaves open is settled here."""

from __future__ import annotations

import numpy as np
import onnx

from fireline.codegen.lower.qoperator import as_qdq


def normal(
    model: onnx.ModelProto, product: type[np.float32] | type[np.float64] = np.float64
) -> onnx.ModelProto:
    """`model`, which may be changed, for one image, with nothing said twice and with operations on real numbers.

    Constants among the inputs and shapes of outputs are legal, and so is another number of images, or none.

    Args:
        model: the file; each node has an output.
        product: how scales of biases are written, as `as_qdq` says.

    Raises:
        FirelineError: operations on integers have inputs that cannot be.
    """
    model = as_qdq(model, product)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    inputs = [value for value in graph.input if value.name not in constants]
    shapes = [value for value in graph.value_info if value.name not in outputs]
    batches = [value.type.tensor_type.shape.dim[0] for value in inputs if value.type.tensor_type.shape.dim]
    if any(batch.dim_value != 1 for batch in batches):
        for batch in batches:
            batch.dim_value = 1
        made = {value.name for value in inputs}
        for node in graph.node:
            made.update(node.output if made.intersection(node.input) else ())
        shapes = [value for value in shapes if value.name not in made]
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")
    for kept, field in ((inputs, graph.input), (shapes, graph.value_info)):
        copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
        del field[:]
        field.extend(copies)
    return model
