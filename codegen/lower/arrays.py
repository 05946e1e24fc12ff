"""The numbers of a file's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

from fireline.errors import FirelineError

NARROW = ("int4", "uint4")  # numpy has them of ml_dtypes


def array_of(tensor: onnx.TensorProto) -> npt.NDArray[Any]:
    """The numbers of a tensor; never from another file, whose name a model could choose.

    Raises:
        FirelineError: they are in another file, or are no numbers.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise FirelineError(f"tensor {tensor.name!r} is in another file", hint="save the model as one file")
    array = np.asarray(numpy_helper.to_array(tensor))
    if array.dtype.kind not in "biuf" and array.dtype.name not in NARROW:
        raise FirelineError(f"tensor {tensor.name!r} holds {array.dtype}, numbers expected")
    return array
