"""onnxruntime's operations on integers, node by node: what they mean is written out with numpy."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.codegen.lower.test_as_people_have_them import assert_equal_to_onnxruntime
from tests.qonnx_models import QonnxBuilder

MICROSOFT = "com.microsoft"


def grid(b: QonnxBuilder, scale: float, zero: int = 0, dtype: type = np.uint8) -> list[str]:
    return [b.constant(scale), b.constant(zero, dtype=dtype)]


def codes(b: QonnxBuilder, scale: float = 1.0, zero: int = 0) -> list[str]:
    """The quantized input: its integers, scale and zero point."""
    parameters = grid(b, scale, zero)
    return [b.node("QuantizeLinear", ["input", *parameters]), *parameters]


def convolved(b: QonnxBuilder, x: list[str], output: list[str], depth: int) -> list[str]:
    """Three by three, four channels with a scale each, and a bias."""
    weight = b.constant(b.random.integers(-7, 8, (4, depth, 3, 3)), dtype=np.int8)
    scales, zeros = b.constant([0.1, 0.2, 0.3, 0.4]), b.constant([1] * 4, dtype=np.int8)
    bias = b.constant(b.random.integers(-999, 1000, 4), dtype=np.int32)
    inputs = [*x, weight, scales, zeros, *output, bias]
    return [b.node("QLinearConv", inputs, kernel_shape=[3, 3], pads=[1] * 4), *output]


def finished(b: QonnxBuilder, x: list[str], folder: Path) -> Path:
    return b.save(b.node("DequantizeLinear", x), folder)


def images(graph: Graph) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, *graph.input.output.shape)).astype(np.float32)


def integers(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The input's integers and the output's."""
    graph = lower(path)
    traced = graph.trace(images(graph))
    return traced[graph.input.name].astype(np.int64), traced[graph.output.name].astype(np.int64)


def test_a_bias_has_the_exact_product_of_two_scales(tmp_path: Path) -> None:
    """0.3 * 0.1 is no float32: the bias is added to the accumulator all the same."""
    b = QonnxBuilder((3, 8, 8))
    path = finished(b, convolved(b, codes(b, 0.3), grid(b, 0.7, 3), 3), tmp_path)
    conv = lower(path).nodes[1]
    assert conv.kind == "conv2d"
    stored = [t for t in onnx.load(str(path)).graph.initializer if t.data_type == TensorProto.INT32]
    assert np.array_equal(conv.bias, onnx.numpy_helper.to_array(stored[0]))


@pytest.mark.parametrize("zero", [0, 5])
def test_values_move_as_integers_and_leave_nothing_behind(tmp_path: Path, zero: int) -> None:
    b = QonnxBuilder((3, 8, 8))
    x, *parameters = convolved(b, codes(b), grid(b, 0.7, zero), 3)
    x = b.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("Transpose", [b.node("Transpose", [x], perm=[0, 2, 3, 1])], perm=[0, 3, 1, 2])
    path = finished(b, [b.node("Flatten", [x]), *parameters], tmp_path)
    graph = lower(path)
    assert [node.kind for node in graph.nodes] == ["input", "conv2d", "maxpool2d"]
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images(graph)]).require_exact()


def test_a_sum_is_quantized_once(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = codes(b)
    y = b.node("QLinearAdd", [*x, *x, *grid(b, 4.0, 6)], domain=MICROSOFT)
    source, made = integers(finished(b, [y, *grid(b, 4.0, 6)], tmp_path))
    assert np.array_equal(made, np.rint(2 * source / 4) + 6)


@pytest.mark.parametrize("last", [0, 1])
def test_an_average_may_have_the_channels_last(tmp_path: Path, last: int) -> None:
    b = QonnxBuilder((3, 4, 8))
    x, *parameters = codes(b)
    x = b.node("Transpose", [x], perm=[0, 2, 3, 1]) if last else x
    y = b.node(
        "QLinearGlobalAveragePool", [x, *parameters, *grid(b, 0.5)], domain=MICROSOFT, channels_last=last
    )
    source, made = integers(finished(b, [y, *grid(b, 0.5)], tmp_path))
    assert np.array_equal(made.ravel(), np.clip(np.rint(source.sum(axis=(2, 3)) / 16), 0, 255).ravel())


def test_a_concat_brings_its_parts_to_one_grid(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 4, 4))
    x = codes(b)
    parts = [*convolved(b, x, grid(b, 2.0), 3), *convolved(b, x, grid(b, 3.0), 3)]
    y = b.node("QLinearConcat", [*grid(b, 5.0), *parts], domain=MICROSOFT, axis=1)
    path = finished(b, [y, *grid(b, 5.0)], tmp_path)
    graph = lower(path)
    traced = graph.trace(images(graph))
    first, second = (traced[n.name].astype(np.int64) for n in graph.nodes if n.kind == "conv2d")
    expected = np.concatenate([np.rint(first * 2 / 5), np.rint(second * 3 / 5)], axis=1)
    assert np.array_equal(traced[graph.output.name], expected)


def test_a_matrix_product_with_a_scale_for_every_column(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 2, 2))
    x, *parameters = codes(b)
    matrix = b.random.integers(-7, 8, (5, 12))
    weight = [
        b.constant(matrix, dtype=np.int8),
        b.constant([1.0, 2, 3, 4, 5]),
        b.constant([0] * 5, dtype=np.int8),
    ]
    y = b.node(
        "QGemm",
        [b.node("Flatten", [x]), *parameters, *weight, "", *grid(b, 64.0, 128)],
        domain=MICROSOFT,
        transB=1,
    )
    source, made = integers(finished(b, [y, *grid(b, 64.0, 128)], tmp_path))
    sums = source.reshape(len(source), -1) @ matrix.T * np.arange(1, 6)
    assert np.array_equal(made.reshape(sums.shape), np.clip(np.rint(sums / 64) + 128, 0, 255))


def test_a_scale_that_is_computed_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = codes(b)
    dynamic = [b.node("ReduceMax", ["input"], keepdims=0), b.constant(0, dtype=np.uint8)]
    with pytest.raises(FirelineError, match=r"QLinearConv .*scale 't\d' is no constant.*statically"):
        lower(finished(b, convolved(b, [x[0], *dynamic], grid(b, 1.0), 3), tmp_path))


def test_a_missing_input_is_named(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    y = b.node("QLinearSigmoid", [codes(b)[0]], domain=MICROSOFT)
    with pytest.raises(FirelineError, match=r"QLinearSigmoid .*input 1 is missing"):
        lower(b.save(y, tmp_path))


def test_integers_may_be_the_output(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x, *_ = convolved(b, codes(b), grid(b, 300.0, 7), 3)
    model = b.model(x)
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info(x, TensorProto.UINT8, None))
    onnx.save(model, str(tmp_path / "integers.onnx"))
    by_hand = finished(b, [x, *grid(b, 300.0, 7)], tmp_path)
    whole, real = lower(tmp_path / "integers.onnx"), lower(by_hand)
    assert (whole.output.output.scale, whole.output.output.zero_point) == ((1,), 0)
    assert np.array_equal(whole.simulate(images(whole)), real.simulate(images(real)))


def test_a_frame_of_zero_points_becomes_padding(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x, *parameters = codes(b, 2.0, 9)
    sides = b.constant([0, 0, 1, 0, 0, 0, 2, 1], dtype=np.int64)
    padded = b.node("Pad", [x, sides, b.constant(9, dtype=np.uint8)])
    path = finished(b, convolved(b, [padded, *parameters], grid(b, 9.0), 3), tmp_path)
    assert [getattr(node, "padding", None) for node in lower(path).nodes] == [None, (2, 1, 3, 2)]
    assert_equal_to_onnxruntime(path)
    padded = b.node("Pad", [x, sides])
    with pytest.raises(FirelineError, match="zero point 9 get a frame of 0"):
        lower(finished(b, convolved(b, [padded, *parameters], grid(b, 9.0), 3), tmp_path))


def added(b: QonnxBuilder) -> list[str]:
    x, output = codes(b, 1.0, 3), grid(b, 4.0, 7)
    return [b.node("QLinearAdd", [*x, *x, *output], domain=MICROSOFT), *output]


def scaled(b: QonnxBuilder) -> list[str]:
    factor, output = [b.constant([3], dtype=np.uint8), *grid(b, 1.0)], grid(b, 2.0, 7)
    return [b.node("QLinearMul", [*codes(b, 1.0, 3), *factor, *output], domain=MICROSOFT), *output]


def average(b: QonnxBuilder, op: str, **window: list[int]) -> list[str]:
    output = grid(b, 0.5, 7)
    return [b.node(op, [*codes(b, 1.0, 3), *output], domain=MICROSOFT, **window), *output]


def leaky(b: QonnxBuilder) -> list[str]:
    output = grid(b, 2.0, 7)
    return [b.node("QLinearLeakyRelu", [*codes(b, 1.0, 130), *output], domain=MICROSOFT, alpha=0.25), *output]


def joined(b: QonnxBuilder) -> list[str]:
    output, x = grid(b, 2.0, 7), codes(b, 1.0, 3)
    return [b.node("QLinearConcat", [*output, *x, *x], domain=MICROSOFT, axis=1), *output]


def product(b: QonnxBuilder) -> list[str]:
    """A bias' integers are what alpha multiplies."""
    x, *parameters = codes(b)
    weight = [b.constant(b.random.integers(-9, 9, (192, 5)), dtype=np.int8), *grid(b, 2.0**-4, 0, np.int8)]
    bias, output = b.constant([900, -800, 70, 60, 5000], dtype=np.int32), grid(b, 4.0, 101)
    inputs = [b.node("Flatten", [x]), *parameters, *weight, bias, *output]
    return [b.node("QGemm", inputs, domain=MICROSOFT, alpha=0.5), *output]


@pytest.mark.parametrize(
    "make",
    [
        scaled,
        lambda b: average(b, "QLinearAveragePool", kernel_shape=[2, 2], strides=[2, 2]),
        lambda b: average(b, "QLinearGlobalAveragePool"),
        added,
        leaky,
        joined,
        product,
    ],
)
def test_an_odd_zero_point_is_added_where_onnxruntime_adds_it(
    tmp_path: Path, make: Callable[[QonnxBuilder], list[str]]
) -> None:
    """Some of its kernels round before, some after; halves tell."""
    b = QonnxBuilder((3, 8, 8))
    path = finished(b, make(b), tmp_path)
    assert_equal_to_onnxruntime(path)
    graph = lower(path)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images(graph)]).require_exact()
