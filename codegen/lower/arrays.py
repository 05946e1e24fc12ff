"""The numbers of a file's tensors."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import external_data_helper, numpy_helper

from fireline.errors import FirelineError

NARROW = ("int2", "uint2", "int4", "uint4")  # numpy has them of ml_dtypes
MAX_DENSE = 1 << 26  # numbers of a sparse tensor, zeros included


def array_of(tensor: onnx.TensorProto) -> npt.NDArray[Any]:
    """The numbers of a tensor; those of another file only where `bring_in` has read it.

    Raises:
        FirelineError: they are in another file, or are no numbers.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise FirelineError(f"tensor {tensor.name!r} is in another file", hint="save the model as one file")
    array = np.asarray(numpy_helper.to_array(tensor))
    if array.dtype.kind not in "biuf" and array.dtype.name not in (*NARROW, "bfloat16"):
        raise FirelineError(f"tensor {tensor.name!r} holds {array.dtype}, numbers expected")
    return array


def bring_in(model: onnx.ModelProto, folder: Path) -> None:
    """Put the numbers that lie in other files into `model`, which was read from `folder`.

    ONNX's own reader takes regular files in that folder or below it only, whatever a model names.

    Raises:
        FirelineError: such a file cannot be read.
    """
    for tensor in _tensors(model.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        try:
            external_data_helper.load_external_data_for_tensor(tensor, str(folder))
            tensor.data_location = onnx.TensorProto.DEFAULT
            numpy_helper.to_array(tensor)  # there are as many bytes as the tensor has
        except Exception as error:  # whatever a library raises over a file is the file's fault
            named = next((e.value for e in tensor.external_data if e.key == "location"), "")
            raise FirelineError(
                f"tensor {tensor.name!r} is in another file, {named!r:.100}, which cannot be read: "
                f"{str(error).strip().splitlines()[0]:.300}",
                hint="keep it beside the model, or save the model as one file",
            ) from None
        del tensor.external_data[:]


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def written_out(sparse: onnx.SparseTensorProto) -> onnx.TensorProto:
    """A sparse tensor with its zeros.

    Raises:
        FirelineError: it is too large, or its places are not in it.
    """
    name, sides = sparse.values.name, tuple(sparse.dims)
    values, places = array_of(sparse.values), array_of(sparse.indices)
    if min(sides, default=0) < 1 or prod(sides) > MAX_DENSE:
        raise FirelineError(
            f"sparse tensor {name!r} has sides {list(sides)}", hint="save it as a dense tensor"
        )
    if places.ndim == 1:
        places = np.stack(np.unravel_index(places, sides), axis=1)
    if places.shape != (values.size, len(sides)) or ((places < 0) | (places >= sides)).any():
        raise FirelineError(
            f"sparse tensor {name!r} has places outside of it", hint="save it as a dense tensor"
        )
    dense = np.zeros(sides, dtype=values.dtype)
    dense[tuple(places.T)] = values
    return numpy_helper.from_array(dense, name)
