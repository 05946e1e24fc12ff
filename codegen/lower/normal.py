"""One form of a file for all who read it, lowering and the QONNX executor: what ONNX leaves open is settled here."""

from __future__ import annotations

from graphlib import TopologicalSorter

import numpy as np
import onnx
from onnx import inliner, numpy_helper

from fireline.codegen.lower.arrays import NARROW, array_of, written_out
from fireline.codegen.lower.order import all_nodes, needed
from fireline.codegen.lower.qoperator import as_qdq
from fireline.errors import FirelineError


def normal(
    model: onnx.ModelProto, product: type[np.float32] | type[np.float64] = np.float64
) -> onnx.ModelProto:
    """`model`, which may be changed, for one image, with nothing said twice and with operations on real numbers.

    Constants among the inputs and shapes of outputs are legal, and so is another number of images, or none; and so are
    functions of the file's own, sparse constants, nodes in any order, and what nothing reads.

    Args:
        model: the file; each node has an output.
        product: how scales of biases are written, as `as_qdq` says.

    Raises:
        FirelineError: operations on integers have inputs that cannot be, or a tensor is made twice.
    """
    model = as_qdq(_whole(model), product)
    graph = model.graph
    _widen(graph)
    constants = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    read = outputs.union(*(node.input for node in graph.node))
    entries = [value for value in graph.input if value.name not in constants]
    # An input that nothing reads is none, unless there is no other.
    inputs = [value for value in entries if value.name in read] or entries
    shapes = [value for value in graph.value_info if value.name not in outputs]
    batches = [value.type.tensor_type.shape.dim[0] for value in inputs if value.type.tensor_type.shape.dim]
    if any(batch.dim_value != 1 for batch in batches):
        made, images = {value.name for value in inputs}, {batch.dim_value for batch in batches} - {0, 1}
        for batch in batches:
            batch.dim_value = 1
        for node in graph.node:
            made.update(node.output if made.intersection(node.input) else ())
        _reshape_one(graph, made, images)
        shapes = [value for value in shapes if value.name not in made]
        for value in graph.output:
            value.type.tensor_type.ClearField("shape")
    for kept, field in ((inputs, graph.input), (shapes, graph.value_info)):
        copies = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in kept]
        del field[:]
        field.extend(copies)
    read = outputs.union(*(node.input for node in graph.node))
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    if len(kept) < len(graph.initializer):
        tensors = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
        del graph.initializer[:]
        graph.initializer.extend(tensors)
    return model


def _constants(graph: onnx.GraphProto) -> dict[str, onnx.TensorProto]:
    """Constants by name, those of nodes among them."""
    nodes = [node for node in graph.node if node.op_type == "Constant"]
    own = {node.output[0]: a.t for node in nodes for a in node.attribute if a.name == "value"}
    return {**own, **{tensor.name: tensor for tensor in graph.initializer}}


def _widen(graph: onnx.GraphProto) -> None:
    """Integers of less than a byte that are dequantized become bytes, which numpy has, and qonnx with it."""
    held = _constants(graph)
    kinds = {
        getattr(onnx.TensorProto, name.upper()) for name in NARROW if hasattr(onnx.TensorProto, name.upper())
    }
    for node in graph.node:
        names = [name for name in node.input[::2] if name]
        if (
            node.op_type != "DequantizeLinear"
            or {held[n].data_type if n in held else 0 for n in names} - kinds
        ):
            continue
        for position, name in zip((0, 2), names, strict=False):
            values = array_of(held[name])
            widened = values.astype(np.uint8 if values.dtype.name.startswith("u") else np.int8)
            node.input[position] = f"{name}/{node.output[0]}"
            graph.initializer.append(numpy_helper.from_array(widened, node.input[position]))


def _reshape_one(graph: onnx.GraphProto, made: set[str], images: set[int]) -> None:
    """A reshape of what is `made` of the `images` for which the file is fixed names one."""
    held = _constants(graph)
    for node in graph.node:
        if node.op_type != "Reshape" or len(node.input) < 2:
            continue
        data, shape = node.input[:2]
        if data not in made or shape not in held:
            continue
        sides = array_of(held[shape]).ravel()
        if len(sides) and sides[0] in images:
            node.input[1] = f"{shape}/{node.output[0]}"
            one = np.array([1, *sides[1:]], dtype=np.int64)
            graph.initializer.append(numpy_helper.from_array(one, node.input[1]))


def _whole(model: onnx.ModelProto) -> onnx.ModelProto:
    """`model` with its functions written out where they are called, its constants dense and its nodes in order."""
    if model.functions:
        calls = {f.name: {node.op_type for node in all_nodes(f.node)} for f in model.functions}
        try:
            TopologicalSorter(calls).prepare()
            model = inliner.inline_local_functions(model)
        except Exception as error:  # whatever a library raises over a file is the file's fault
            raise FirelineError(
                f"its functions cannot be written out: {str(error).splitlines()[0]:.200}"
            ) from None
    graph = model.graph
    graph.initializer.extend(map(written_out, graph.sparse_initializer))
    del graph.sparse_initializer[:]
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "Constant" and attribute.name == "sparse_value":
                attribute.CopyFrom(onnx.helper.make_attribute("value", written_out(attribute.sparse_tensor)))
    moving = {value.name for value in graph.input} - {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        moving.update(node.output if moving.intersection(node.input) else ())
    outputs = [value for value in graph.output if value.name in moving]
    if 0 < len(outputs) < len(graph.output):  # the others are constants, as those of Brevitas' QuantTensor
        kept = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in outputs]
        del graph.output[:]
        graph.output.extend(kept)
    nodes = needed(graph)
    if nodes != list(graph.node):
        copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(copies)
    return model
