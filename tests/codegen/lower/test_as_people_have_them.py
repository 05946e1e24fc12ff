"""Files of public bug reports, in small: right, or refused for the true reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto

from fireline.codegen.lower.network import lower
from fireline.errors import EngineError, FirelineError
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.qonnx_models import QonnxBuilder


def linear(b: QonnxBuilder, x: str, scale: float, zero: int = 0, dtype: type = np.uint8) -> str:
    """QuantizeLinear and DequantizeLinear."""
    parameters = [b.constant(scale), b.constant(zero, dtype=dtype)]
    return b.node("DequantizeLinear", [b.node("QuantizeLinear", [x, *parameters]), *parameters])


def integer_conv(b: QonnxBuilder, x: str, depth: int, channels: int, kernel: int = 1) -> str:
    weight = b.random.integers(-7, 8, (channels, depth, kernel, kernel))
    parameters = [b.constant(2.0**-4), b.constant(0, dtype=np.int8)]
    w = b.node("DequantizeLinear", [b.constant(weight, dtype=np.int8), *parameters])
    return b.node("Conv", [x, w], kernel_shape=[kernel] * 2, pads=[kernel // 2] * 4)


def assert_equal_to_onnxruntime(path: Path, dtype: type = np.float32) -> None:
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (4, *graph.input.output.shape)).astype(dtype)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    truth = np.concatenate([session.run(None, {name: image[None]})[0] for image in images])
    got = graph.output.output.real(graph.simulate(images))
    assert np.array_equal(got.astype(np.float32).reshape(truth.shape), truth)


def test_codes_that_two_dequantizers_read_are_quantized_once(tmp_path: Path) -> None:
    """What onnxruntime makes of the squeeze of every Fire."""
    b = QonnxBuilder((3, 8, 8))
    squeezed = b.relu(integer_conv(b, linear(b, "input", 1.0), 3, 4))
    parameters = [b.constant(0.5), b.constant(0, dtype=np.uint8)]
    codes = b.node("QuantizeLinear", [squeezed, *parameters])
    left, right = (b.node("DequantizeLinear", [codes, *parameters]) for _ in range(2))
    joined = b.concat(integer_conv(b, left, 4, 4), integer_conv(b, right, 4, 4, 3))
    path = b.save(linear(b, b.relu(joined), 1.0), tmp_path)
    assert_equal_to_onnxruntime(path)
    assert sum(node.output.shape[0] == 4 and node.kind == "conv2d" for node in lower(path).nodes) == 3


@pytest.mark.parametrize("first", ["Cast", "DequantizeLinear"])
def test_codes_that_are_dequantized_and_cast_are_quantized_once(tmp_path: Path, first: str) -> None:
    b = QonnxBuilder((3, 8, 8))
    parameters = [b.constant(0.5), b.constant(7, dtype=np.uint8)]
    codes = b.node("QuantizeLinear", [integer_conv(b, linear(b, "input", 1.0), 3, 4), *parameters])
    made = {}
    for op in (first, *({"Cast", "DequantizeLinear"} - {first})):
        rest = ([codes], {"to": TensorProto.FLOAT}) if op == "Cast" else ([codes, *parameters], {})
        made[op] = b.node(op, rest[0], **rest[1])
    path = b.save(linear(b, b.node("Add", [made["Cast"], made["DequantizeLinear"]]), 2.0, 99), tmp_path)
    assert_equal_to_onnxruntime(path)
    assert_equal_to_executor(path)


@pytest.mark.parametrize(("zero", "dtype"), [(3, np.int8), (-5, np.int8), (4, np.int8), (7, np.uint8)])
def test_onnx_rounds_before_it_adds_the_zero_point(tmp_path: Path, zero: int, dtype: type) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = linear(b, linear(b, "input", 1.0), 2.0, zero, dtype)
    assert_equal_to_onnxruntime(b.save(linear(b, integer_conv(b, x, 3, 4), 1.0, zero, dtype), tmp_path))


def test_weights_through_quantize_linear_have_a_zero_point_for_each_channel(tmp_path: Path) -> None:
    """What torch's newer exporter makes of Brevitas' shifted weights; halves tell the order of the additions."""
    b = QonnxBuilder((3, 8, 8))
    values = b.constant(b.random.integers(-30, 31, (4, 3, 1, 1)) / 2**5)
    parameters = [b.constant([2.0**-4] * 4), b.constant([3, 4, 0, 255], dtype=np.uint8)]
    codes = b.node("QuantizeLinear", [values, *parameters], axis=0)
    w = b.node("DequantizeLinear", [codes, *parameters], axis=0)
    assert_equal_to_onnxruntime(
        b.save(linear(b, b.node("Conv", [linear(b, "input", 1.0), w]), 1.0, 128), tmp_path)
    )


@pytest.mark.parametrize("zero", [1, 2])
def test_the_input_is_rounded_before_the_zero_point_is_added(tmp_path: Path, zero: int) -> None:
    b = QonnxBuilder((3, 8, 8))
    assert_equal_to_onnxruntime(
        b.save(linear(b, integer_conv(b, linear(b, "input", 2.0, zero), 3, 4), 1.0), tmp_path)
    )


def test_qonnx_adds_an_odd_zero_point_first(tmp_path: Path) -> None:
    """Every odd pixel is halfway between two steps."""
    b = QonnxBuilder((3, 8, 8))
    path = b.save(b.quant(b.conv(b.quant("input", 2.0, zero_point=1.0), 3, 4), 0.5), tmp_path)
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.float32)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()


def test_a_type_may_be_named_by_output_dtype(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    scale, one = b.constant(2.0**-4), b.constant(1.0)
    values = b.constant(b.random.integers(-7, 8, (4, 3, 1, 1)) / 16)
    weight = b.node("QuantizeLinear", [values, scale], output_dtype=TensorProto.INT8)
    x = b.node("Conv", [linear(b, "input", 1.0), b.node("DequantizeLinear", [weight, scale])])
    codes = b.node("QuantizeLinear", [x, one], output_dtype=TensorProto.INT8)
    model = b.model(b.node("DequantizeLinear", [codes, one]))
    model.opset_import[0].version = 21
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert_equal_to_onnxruntime(tmp_path / "m.onnx")


def norm(b: QonnxBuilder, x: str, **attributes: int) -> str:
    parameters = [b.constant(np.linspace(low, 2.0, 4)) for low in (0.5, 0.0, 0.0, 1.0)]
    return b.node("BatchNormalization", [x, *parameters], **attributes)


def test_a_batch_norm_in_training_mode_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = norm(b, b.conv(b.pixels(), 3, 4), training_mode=1)
    with pytest.raises(FirelineError, match=r"training mode.*eval"):
        lower(b.save(b.quant(x, 0.5), tmp_path))


def test_a_batch_norm_over_the_rows_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((4, 4, 4))
    x = norm(b, b.node("Transpose", [b.pixels()], perm=[0, 2, 3, 1]))
    with pytest.raises(FirelineError, match="channels last"):
        lower(b.save(b.quant(b.node("Transpose", [x], perm=[0, 3, 1, 2]), 0.5), tmp_path))


def test_a_default_is_the_float32_that_the_standard_has(tmp_path: Path) -> None:
    graphs = []
    for name, attributes in (("default", {}), ("named", {"alpha": 0.01})):
        b = QonnxBuilder((3, 8, 8))
        path = b.save(
            b.quant(b.node("LeakyRelu", [b.conv(b.pixels(), 3, 4)], **attributes), 0.25), tmp_path, name
        )
        graphs.append(lower(path, "network"))
    assert graphs[0] == graphs[1]


def assert_equal_to_executor(path: Path) -> None:
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (2, *graph.input.output.shape))
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()


def test_two_quantizers_of_the_input_are_one_node(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    left, right = b.conv(b.quant("input", 1.0), 3, 4), b.conv(b.quant("input", 1.0), 3, 4, 3, 1, 1)
    assert_equal_to_executor(b.save(b.quant(b.relu(b.concat(left, right)), 1.0), tmp_path))
    left = b.conv(b.quant("input", 2.0), 3, 4)
    path = b.save(b.quant(b.relu(b.concat(left, right)), 1.0), tmp_path)
    with pytest.raises(FirelineError, match="quantized in two ways"):
        lower(path)


def test_a_transposition_before_the_first_quantizer(tmp_path: Path) -> None:
    b = QonnxBuilder((8, 9, 3))
    x = b.quant(b.node("Transpose", ["input"], perm=[0, 3, 1, 2]), 1.0)
    graph = lower(b.save(b.quant(b.relu(b.conv(x, 3, 4)), 1.0), tmp_path))
    assert graph.input.output.shape == (3, 8, 9)


def test_parts_of_a_concat_meet_one_quantizer_behind_a_batch_norm_and_a_pool(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.quant("input", 1.0)
    joined = b.concat(b.conv(x, 3, 4), b.conv(x, 3, 4, 3, 1, 1, scale=2.0**-5))
    factors = [1.0, -0.5, 0.0, 2.0, -1.0, 0.25, 1.0, 1.5]
    parameters = [factors, [0.0, 1.5, -1.0, 0.5] * 2, [1.0, -2.0, 3.0, 0.0] * 2, [1.0, 2.0, 0.5, 1.0] * 2]
    x = b.node("BatchNormalization", [joined, *map(b.constant, parameters)])
    x = b.maxpool(b.relu(x), 2, 2, False)
    assert_equal_to_executor(b.save(b.quant(x, 0.5), tmp_path))


def test_dilation_is_a_kernel_with_zeros(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.conv(b.quant("input", 1.0), 3, 4, 3, 1, 2)
    for attribute in b.nodes[-1].attribute:
        if attribute.name == "dilations":
            attribute.ints[:] = [2, 2]
    assert_equal_to_executor(b.save(b.quant(b.relu(x), 1.0), tmp_path))


@pytest.mark.parametrize("pads", [[0] * 4, [1, 0, 1, 3]])
def test_a_dilated_average_pool_is_a_kernel_with_zeros(tmp_path: Path, pads: list[int]) -> None:
    b = QonnxBuilder((3, 8, 9))
    shape = {"kernel_shape": [2, 4], "dilations": [3, 2], "strides": [1, 2], "pads": pads}
    x = b.node("AveragePool", [linear(b, "input", 1.0, 5)], count_include_pad=1, **shape)
    model = b.model(linear(b, x, 2.0))
    model.opset_import[0].version = 19
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert_equal_to_onnxruntime(tmp_path / "m.onnx")
    assert_equal_to_executor(tmp_path / "m.onnx")


def test_a_dilated_max_pool_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.node("MaxPool", [b.pixels()], kernel_shape=[2, 2], dilations=[2, 2])
    with pytest.raises(FirelineError, match=r"dilation \[2, 2\] of a max pool"):
        lower(b.save(b.quant(x, 0.5), tmp_path))


def test_constants_are_computed_and_shapes_are_constants(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.quant(b.relu(b.conv(b.quant("input", 1.0), 3, 4, 4, 4)), 1.0, 4)
    batch = b.node("Gather", [b.node("Shape", [x]), b.constant(0, dtype=np.int64)], axis=0)
    batch = b.node("Unsqueeze", [batch, b.constant([0], dtype=np.int64)])
    sides = b.node("Concat", [batch, b.constant([-1], dtype=np.int64)], axis=0)
    scale = b.node("Div", [b.constant(7 / 16), b.constant(7.0)])
    weight = b.node(
        "Quant",
        [b.constant(np.eye(16)), scale, b.constant(0.0), b.constant(4.0)],
        domain="qonnx.custom_op.general",
        signed=1,
        narrow=1,
    )
    x = b.node("MatMul", [b.node("Reshape", [x, sides]), weight])
    assert lower(b.save(b.quant(x, 1.0), tmp_path)).output.output.shape == (16, 1, 1)


def test_an_input_of_integers_is_the_images(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.node("DequantizeLinear", ["input", b.constant(1 / 128), b.constant(128, dtype=np.uint8)])
    model = b.model(linear(b, b.relu(integer_conv(b, x, 3, 4, 3)), 2.0**-5))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    onnx.save(model, str(tmp_path / "integers.onnx"))
    assert_equal_to_onnxruntime(tmp_path / "integers.onnx", np.uint8)
    assert_equal_to_executor(tmp_path / "integers.onnx")


def test_the_executor_is_given_no_number_that_the_input_cannot_hold(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.node("DequantizeLinear", ["input", b.constant(1.0), b.constant(-3, dtype=np.int8)])
    model = b.model(linear(b, integer_conv(b, x, 3, 4, 3), 1.0))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.INT8
    path = tmp_path / "integers.onnx"
    onnx.save(model, str(path))
    engine = qonnx_executor(lower(path), path)
    assert engine.run(np.full((1, 3, 8, 8), -128))
    with pytest.raises(EngineError, match="takes int8, the images hold other numbers"):
        engine.run(np.full((1, 3, 8, 8), 128))


def test_weights_of_four_bits(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    weight = onnx.helper.make_tensor("w", TensorProto.INT4, [4, 3, 1, 1], b.random.integers(-8, 8, 12))
    zero = onnx.helper.make_tensor("z", TensorProto.INT4, [4], [0] * 4)
    b.initializers += [weight, zero]
    scales = b.constant([0.0625, 0.03125, 0.0625, 0.125])
    x, w = linear(b, "input", 1.0), b.node("DequantizeLinear", ["w", scales, "z"], axis=0)
    model = b.model(linear(b, b.node("Conv", [x, w], kernel_shape=[1, 1]), 1.0, 128))
    model.opset_import[0].version = 21
    onnx.save(model, str(tmp_path / "four.onnx"))
    assert_equal_to_onnxruntime(tmp_path / "four.onnx")


def test_a_trunc_to_more_bits_multiplies(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    b.opset = 1
    parameters = [b.constant(float(value)) for value in (1.0, 0.0, 8, 10)]
    # QONNX' executor wants a rounding mode, though nothing is rounded.
    own = {"domain": "qonnx.custom_op.general", "rounding_mode": "FLOOR"}
    x = b.node("Trunc", [b.quant("input", 1.0), *parameters], **own)
    assert_equal_to_executor(b.save(b.quant(b.relu(b.conv(x, 3, 4)), 4.0), tmp_path))


def test_a_quantized_weight_times_a_number(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    w = b.quant(b.constant(b.random.integers(-7, 8, (4, 3, 1, 1)) / 16), 2.0**-4, 4, True, True)
    w = b.node("Mul", [w, b.constant(np.array([0.5, 2, 1, 0.25]).reshape(4, 1, 1, 1))])
    x = b.node("Conv", [b.quant("input", 1.0), w], kernel_shape=[1, 1])
    assert_equal_to_executor(b.save(b.quant(b.relu(x), 1.0), tmp_path))


def test_a_kernel_shape_that_is_not_the_weights_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    w = b.quant(b.constant(np.ones((4, 3, 1, 2))), 1.0, 2, True)
    path = b.save(b.node("Conv", [b.quant("input", 1.0), w], kernel_shape=[1, 1]), tmp_path)
    with pytest.raises(FirelineError, match=r"Conv Conv_t\d+: kernel_shape is \[1, 1\], its weights are 1x2"):
        lower(path)


@pytest.mark.parametrize(("op", "kinds"), [("Identity", []), ("Relu", ["rescale"])])
def test_a_second_quantizer_leaves_a_node_where_it_changes_integers(
    tmp_path: Path, op: str, kinds: list[str]
) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = linear(b, integer_conv(b, linear(b, "input", 1.0), 3, 4), 1.0, 0, np.int8)
    path = b.save(linear(b, b.node(op, [x]), 1.0, 0, np.int8), tmp_path)
    assert [node.kind for node in lower(path).nodes[2:]] == kinds
    assert_equal_to_onnxruntime(path)


@pytest.mark.parametrize("pool", ["global", "windows", "reduced", "maximum", "global maximum"])
def test_parts_of_unlike_scales_are_pooled_each_for_itself(tmp_path: Path, pool: str) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.pixels()
    x = b.concat(b.quant(b.conv(x, 3, 4), 0.25, signed=True), b.quant(b.conv(x, 3, 2), 0.5, signed=True))
    match pool:
        case "global":
            x = b.node("Flatten", [b.node("GlobalAveragePool", [x])])
        case "windows":
            x = b.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2])
        case "maximum":
            x = b.maxpool(x)
        case "global maximum":
            x = b.node("GlobalMaxPool", [x])
        case _:
            x = b.node("ReduceMean", [x, b.constant([2, 3], dtype=np.int64)], keepdims=0)
    assert_equal_to_executor(b.save(b.quant(x, 0.25, signed=True), tmp_path))


def test_integers_in_are_normalized_in_the_file(tmp_path: Path) -> None:
    """Cast, subtract the mean, divide: as exporters write what came before the first quantizer."""
    b = QonnxBuilder((3, 8, 8))
    x = b.node("Sub", [b.node("Cast", ["input"], to=TensorProto.FLOAT), b.constant(128.0)])
    x = linear(b, b.node("Div", [x, b.constant(64.0)]), 2.0**-4, 3, np.int8)
    model = b.model(linear(b, integer_conv(b, x, 3, 4), 0.5, 0, np.int8))
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    onnx.save(model, str(tmp_path / "m.onnx"))
    assert_equal_to_onnxruntime(tmp_path / "m.onnx", np.uint8)


def test_integers_cast_to_real_numbers_are_the_numbers_they_are(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    scale, zero = b.constant(2.0), b.constant(5, dtype=np.uint8)
    codes = b.node("QuantizeLinear", [integer_conv(b, linear(b, "input", 1.0), 3, 4), scale, zero])
    x = b.node("Sub", [b.node("Cast", [codes], to=TensorProto.FLOAT), b.constant(5.0)])
    assert_equal_to_onnxruntime(b.save(linear(b, b.node("Mul", [x, scale]), 4.0), tmp_path))


@pytest.mark.parametrize(("op", "number"), [("Max", 0.0), ("Min", 3.0)])
def test_a_bound_may_be_written_as_a_comparison(tmp_path: Path, op: str, number: float) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = integer_conv(b, linear(b, "input", 1.0), 3, 4)
    made = b.node(op, [b.constant(number), x] if op == "Max" else [x, b.constant(number)])
    assert_equal_to_onnxruntime(b.save(linear(b, made, 0.5, 0, np.int8), tmp_path))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda b, x: b.node("Cast", [x], to=TensorProto.FLOAT16), "cast to float16"),
        (lambda b, x: b.node("Max", [x, x]), "2 inputs, 0 of them constants"),
        (lambda b, x: b.node("Softmax", [x]), "end the network before it"),
        (
            lambda b, x: b.node("Mul", [x, b.node("Sigmoid", [x])]),
            "the factor .* depends on the image.*gates",
        ),
        (lambda b, x: b.node("MatMul", [x, b.quant(x, 0.5)]), "the weight .* depends on the image.*right"),
        (
            lambda b, x: b.node("Transpose", [b.quant(x, np.ones((1, 1, 1, 4)))], perm=[0, 2, 3, 1]),
            r"shape \(1, 1, 1, 4\), one number or \(1, 4, 1, 1\) expected",
        ),
        (
            lambda b, x: b.quant(b.node("Transpose", [x], perm=[0, 2, 3, 1]), np.ones((1, 4, 1, 1))),
            r"one number or \(1, 1, 1, 4\) expected",
        ),
    ],
)
def test_what_has_no_exact_form_is_refused_with_a_way_out(
    tmp_path: Path, make: Callable[[QonnxBuilder, str], str], says: str
) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = make(b, b.conv(b.pixels(), 3, 4))
    with pytest.raises(FirelineError, match=says):
        lower(b.save(b.quant(x, 0.5), tmp_path))
