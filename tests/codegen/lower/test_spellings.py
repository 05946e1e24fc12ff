"""One network in the words of many exporters: each is what onnxruntime, or QONNX' executor, makes of it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.codegen.lower.test_as_people_have_them import (
    assert_equal_to_onnxruntime,
    integer_conv,
    linear,
)
from tests.qonnx_models import QonnxBuilder

Layer = Callable[[QonnxBuilder, str], str]


def ints(b: QonnxBuilder, *values: int) -> str:
    return b.constant(list(values), dtype=np.int64)


def matrix(b: QonnxBuilder, rows: int, columns: int) -> str:
    codes = b.constant(b.random.integers(-7, 8, (rows, columns)), dtype=np.int8)
    return b.node("DequantizeLinear", [codes, b.constant(2.0**-4)])


def weight(b: QonnxBuilder, *sides: int, scale: Sequence[float] = (2.0**-4,), axis: int = 0) -> str:
    codes = b.constant(b.random.integers(-7, 8, sides), dtype=np.int8)
    parameters = [b.constant(scale), b.constant([0] * len(scale), dtype=np.int8)]
    return b.node("DequantizeLinear", [codes, *parameters], axis=axis)


def mean(b: QonnxBuilder, x: str) -> str:
    return linear(b, b.node("GlobalAveragePool", [x]), 1.0)


def gemm(**attributes: Any) -> Layer:
    def layer(b: QonnxBuilder, x: str) -> str:
        bias = b.constant([1, -2, 3, 4, 5])
        return b.node("Gemm", [b.node("Flatten", [x]), matrix(b, 3 * 36, 5), bias], **attributes)

    return layer


def pad_first(b: QonnxBuilder, x: str) -> str:
    """Behind the builder's own quantizer; the one in front of it is `test_an_image_may_be_padded…`."""
    return integer_conv(b, b.node("Pad", [x, ints(b, 0, 0, 0, 0, 0, 0, 0, 0)], mode="reflect"), 3, 4)


def rearranged(op: str, sides: tuple[int, ...], *arguments: int, axis: int = 0) -> Layer:
    """Weights that a node moves behind their DequantizeLinear."""

    def layer(b: QonnxBuilder, x: str) -> str:
        w = weight(b, *sides, scale=[2.0**-4, 2.0**-3, 2.0**-5, 2.0**-4], axis=axis)
        return b.node("Conv", [x, b.node(op, [w, ints(b, *arguments)] if arguments else [w])])

    return layer


def shape_of_weights(b: QonnxBuilder, x: str) -> str:
    w = weight(b, 4, 3, 1, 1)
    bias = b.node("Expand", [b.constant(3.0), b.node("Shape", [w], start=0, end=1)])
    return b.node("Conv", [x, w, b.node("CastLike", [bias, x])])


def pixels_as_rows(b: QonnxBuilder, x: str) -> str:
    last = b.node("Transpose", [x], perm=[0, 2, 3, 1])
    return b.node("Transpose", [b.node("MatMul", [last, matrix(b, 3, 5)])], perm=[0, 3, 1, 2])


def average(**attributes: Any) -> Layer:
    return lambda b, x: b.node(
        "AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], **attributes
    )


def read_otherwise(b: QonnxBuilder, x: str) -> str:
    """Codes that are dequantized by another scale and zero point."""
    grid = [b.constant(0.5), b.constant(100, dtype=np.uint8)]
    codes = b.node("QuantizeLinear", [integer_conv(b, x, 3, 4), *grid])
    x = b.node("DequantizeLinear", [codes, b.constant(0.25), b.constant(20, dtype=np.uint8)])
    return integer_conv(b, x, 4, 4)


def unlike_parts(b: QonnxBuilder, x: str) -> str:
    parts = [linear(b, integer_conv(b, x, 3, 2), scale, zero) for scale, zero in ((1.0, 100), (0.5, 31))]
    return integer_conv(b, b.concat(*parts), 4, 4, 3)


def signs_and_halves(b: QonnxBuilder, x: str) -> str:
    """A frame of zeros shows whether these are right."""
    held = b.node("Add", [linear(b, integer_conv(b, x, 3, 4), 1.0, 100), b.constant(0.5)])
    factor = b.constant(np.reshape([1.0, -2.0, 0.5, -1.0], (4, 1, 1)))
    return integer_conv(b, b.node("Mul", [held, factor]), 4, 4, 3)


def reduced(*axes: int, op: str = "ReduceMean", keepdims: int = 0, view: tuple[int, ...] = ()) -> Layer:
    """One axis after the other, perhaps of a view."""

    def layer(b: QonnxBuilder, x: str) -> str:
        x = integer_conv(b, x, 3, 4)
        if view:
            x = b.node("Reshape", [x, ints(b, *view)])
        for axis in axes:
            x = b.node(op, [x, ints(b, axis)], keepdims=keepdims)
        return x

    return layer


def viewed_and_back(b: QonnxBuilder, x: str) -> str:
    """Quantized, scaled and joined while the map has one axis."""
    rows = linear(b, b.node("Reshape", [integer_conv(b, x, 3, 4), ints(b, 1, 4, -1)]), 0.5, 3)
    rows = b.node("Mul", [rows, b.constant(np.reshape([1.0, 2.0, 0.5, 1.0], (4, 1)))])
    rows = b.node("Concat", [rows, rows], axis=-2)
    return integer_conv(b, b.node("Reshape", [rows, ints(b, 0, 8, 6, 6)]), 8, 4, 3)


def a_row_alone(b: QonnxBuilder, x: str) -> str:
    row = linear(b, reduced(-2, keepdims=1)(b, x), 0.5, 3)
    return b.node("MaxPool", [row], kernel_shape=[1, 2], strides=[1, 2])


def indices(b: QonnxBuilder, x: str) -> str:
    pooled = b.node("MaxPool", [x], kernel_shape=[2, 2])
    b.nodes[-1].output.append("places")
    return pooled


LAYERS: dict[str, Layer] = {
    "alpha and beta": gemm(alpha=0.5, beta=-2.0),
    "no beta": gemm(beta=0.0),
    "counted, nothing added by ceil mode": average(count_include_pad=1, ceil_mode=1),
    "indices that nothing reads": indices,
    "an empty frame": pad_first,
    "a flat axis from behind": lambda b, x: b.node("Flatten", [mean(b, x)], axis=-3),
    "one axis": lambda b, x: b.node("Reshape", [mean(b, x), ints(b, -1)]),
    "a side left open": lambda b, x: b.node("Reshape", [x, ints(b, 0, -1, 6, 6)]),
    "the batch squeezed": lambda b, x: b.node("Squeeze", [mean(b, x), ints(b, 0, 2, 3)]),
    "unsqueezed": lambda b, x: integer_conv(
        b, b.node("Unsqueeze", [b.node("Flatten", [mean(b, x)]), ints(b, 2, 3)]), 3, 4
    ),
    "a largest number": lambda b, x: b.node("ReduceMax", [x, ints(b, 2, 3)]),
    "means of rows, then of columns": reduced(3, 2),
    "means of columns, then of rows": reduced(-2, -1),
    "means that keep their axes": reduced(-1, -2, keepdims=1),
    "means that keep one": lambda b, x: b.node(
        "ReduceMean", [reduced(3, keepdims=1)(b, x), ints(b, 2)], keepdims=0
    ),
    "the sum of sums": reduced(2, 2, op="ReduceSum"),
    "the largest of the largest": reduced(3, 2, op="ReduceMax"),
    "the mean of a view": reduced(2, view=(1, 4, -1)),
    "the mean of a view from behind": reduced(-1, view=(0, 0, 36)),
    "a quantizer between two means": lambda b, x: b.node(
        "ReduceMean", [linear(b, reduced(3)(b, x), 0.5, 3), ints(b, -1)], keepdims=0
    ),
    "means of columns alone": a_row_alone,
    "a mean of windows that leave a rest": lambda b, x: b.node(
        "GlobalAveragePool", [b.node("AveragePool", [x], kernel_shape=[4, 4], strides=[4, 4])]
    ),
    "a view and back": viewed_and_back,
    "a sum of three": lambda b, x: b.node("Sum", [x, integer_conv(b, x, 3, 3), x]),
    "a sum of one": lambda b, x: integer_conv(b, b.node("Sum", [x]), 3, 4),
    "a difference": lambda b, x: b.node("Sub", [integer_conv(b, x, 3, 3), x]),
    "a product with each pixel": pixels_as_rows,
    "reshaped weights": rearranged("Reshape", (4, 3), 4, 3, 1, 1),
    "gathered weights": rearranged("Gather", (4, 3, 1, 1), 3, 1, 0, 2),
    "unsqueezed weights": rearranged("Unsqueeze", (4, 3), 2, 3),
    "weights turned round by default": rearranged("Transpose", (1, 1, 3, 4), axis=3),
    "the shape of weights": shape_of_weights,
    "codes of another scale": read_otherwise,
    "weights of a scale for each input channel": lambda b, x: b.node(
        "Conv", [x, weight(b, 4, 3, 1, 1, scale=[2.0**-4, 2.0**-3, 2.0**-5], axis=1)]
    ),
    "parts on grids of their own": unlike_parts,
    "half a step, and other signs": signs_and_halves,
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_spelling_is_what_onnxruntime_makes_of_it(tmp_path: Path, layer: Layer) -> None:
    b = QonnxBuilder((3, 6, 6))
    made = layer(b, linear(b, "input", 1.0))
    assert_equal_to_onnxruntime(b.save(linear(b, made, 2.0, 100), tmp_path))


@pytest.mark.parametrize("layer", [reduced(3, 2), reduced(2, view=(1, 4, -1)), reduced(2, 3, keepdims=1)])
def test_a_mean_of_means_is_one(tmp_path: Path, layer: Layer) -> None:
    b = QonnxBuilder((3, 6, 6))
    graph = lower(b.save(linear(b, layer(b, linear(b, "input", 1.0)), 2.0, 100), tmp_path))
    assert [node.kind for node in graph.nodes] == ["input", "conv2d", "globalavgpool2d", "rescale"]


def test_a_view_of_four_images_is_one_of_each(tmp_path: Path) -> None:
    """A file that fixes its batch says so in every shape."""
    graphs = []
    for batch in (1, 4):
        b = QonnxBuilder((3, 6, 6))
        made = reduced(2, view=(batch, 4, -1))(b, linear(b, "input", 1.0))
        graphs.append(lower(b.save(linear(b, made, 2.0, 100), tmp_path)))
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize("zero", [0, 5])
def test_an_image_may_be_padded_before_it_is_quantized(tmp_path: Path, zero: int) -> None:
    """Keras' ZeroPadding2D as the first layer."""
    b = QonnxBuilder((3, 6, 6))
    framed = b.node("Pad", ["input", ints(b, 0, 0, 1, 0, 0, 0, 2, 1)])
    x = integer_conv(b, linear(b, framed, 1.0, zero), 3, 4, 3)
    assert_equal_to_onnxruntime(b.save(linear(b, x, 2.0, 128), tmp_path))


def test_integer_images_have_a_zero_point_for_each_channel(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 6, 6))
    grid = [b.constant([2.0**-7, 2.0**-6, 2.0**-5]), b.constant([128, 100, 3], dtype=np.uint8)]
    x = integer_conv(b, b.node("DequantizeLinear", ["input", *grid], axis=1), 3, 4, 3)
    model = b.model(linear(b, x, 2.0**-5, 100))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert_equal_to_onnxruntime(tmp_path / "m.onnx", np.uint8)


def weights_along(*shape: int, scale: Sequence[float] = (2.0**-4, 2.0**-3, 2.0**-5)) -> Layer:
    def layer(b: QonnxBuilder, x: str) -> str:
        w = b.constant(b.random.integers(-7, 8, (4, 3, 3, 3)) / 16)
        return b.node("Conv", [x, b.quant(w, np.reshape(scale, shape), 4, True)])

    return layer


def quantized_scale(b: QonnxBuilder, x: str) -> str:
    scale = b.quant(b.constant([0.5]), 0.25, 8, True)
    quantizer = [b.conv(x, 3, 4), scale, b.constant(0.0), b.constant(8.0)]
    domain = "qonnx.custom_op.general"
    return b.node("Quant", quantizer, domain=domain, signed=1, narrow=0, rounding_mode="ROUND")


@pytest.mark.parametrize("layer", [weights_along(3), weights_along(1, 3, 1, 1), quantized_scale])
def test_scales_are_where_qonnx_has_them(tmp_path: Path, layer: Layer) -> None:
    """A scale of one axis is one of columns; scales may be quantized."""
    b = QonnxBuilder((3, 6, 6))
    path = b.save(b.quant(layer(b, b.quant("input", 1.0)), 2.0, 8, True), tmp_path)
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.uint8)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()


def random_bias(b: QonnxBuilder, x: str) -> str:
    noise = b.node("RandomNormalLike", [b.constant(np.zeros((1, 4, 1, 1)))])
    return b.node("Add", [integer_conv(b, x, 3, 4), noise])


def sorted_weights(b: QonnxBuilder, x: str) -> str:
    return b.node("Conv", [x, b.node("Softmax", [weight(b, 4, 3, 1, 1)])])


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (weights_along(3, scale=(0.1, 0.3, 0.7)), "varies inside an output channel"),
        (random_bias, "unsupported: RandomNormalLike"),
        (sorted_weights, "computes with a quantized constant"),
        (average(ceil_mode=1, count_include_pad=0), "windows of an average pool are of several sizes"),
        (gemm(alpha=-1.0), "alpha is -1.0"),
        (lambda b, x: b.node("Cast", [x], to=99), "type 99 is none of ONNX"),
    ],
)
def test_what_is_not_exact_is_refused(tmp_path: Path, layer: Layer, says: str) -> None:
    b = QonnxBuilder((3, 6, 6))
    made = layer(b, linear(b, "input", 1.0))
    with pytest.raises(FirelineError, match=says):
        lower(b.save(linear(b, made, 2.0, 100), tmp_path))


@pytest.mark.parametrize(
    ("op", "attributes", "says"),
    [
        ("QuantizeLinear", {"precision": TensorProto.FLOAT16}, "precision is float16, which rounds"),
        ("QuantizeLinear", {"output_dtype": TensorProto.FLOAT8E4M3FN}, "output_dtype is float8_e4m3fn"),
        ("DequantizeLinear", {"output_dtype": TensorProto.FLOAT16}, "output_dtype is float16, which rounds"),
    ],
)
def test_a_quantizer_of_other_floats_is_refused(
    tmp_path: Path, op: str, attributes: dict[str, int], says: str
) -> None:
    b = QonnxBuilder((3, 6, 6))
    scale, own = b.constant(1.0), {op: attributes}
    x = integer_conv(b, linear(b, "input", 1.0), 3, 4)
    for one in ("QuantizeLinear", "DequantizeLinear"):
        x = b.node(one, [x, scale], **own.get(one, {}))
    model = b.model(x)
    model.opset_import[0].version = 23
    onnx.save(model, str(tmp_path / "m.onnx"))
    with pytest.raises(FirelineError, match=says):
        lower(tmp_path / "m.onnx")


@pytest.mark.parametrize("kind", [np.float16, ml_dtypes.bfloat16])
def test_a_file_whose_real_numbers_are_narrow_is_refused(tmp_path: Path, kind: type) -> None:
    """Its executor rounds every sum to them: in this file up to a step away from the integers that the scales mean."""
    b = QonnxBuilder((3, 6, 6))
    model = b.model(linear(b, integer_conv(b, linear(b, "input", 1.0), 3, 4), 1.0))
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(kind), tensor.name))
    model.graph.input[0].type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    onnx.save(model, str(tmp_path / "m.onnx"))
    with pytest.raises(FirelineError, match=f"its scale is {kind.__name__}, which rounds.*to float32"):
        lower(tmp_path / "m.onnx")
