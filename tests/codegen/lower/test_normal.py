"""What ONNX leaves open is settled once, and what a file damages in operations on integers is one line."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fireline.codegen.lower.network import lower
from fireline.codegen.lower.normal import normal
from fireline.errors import FirelineError
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.qonnx_models import QonnxBuilder


def model() -> onnx.ModelProto:
    b = QonnxBuilder((3, 8, 8))
    x = b.known(b.conv(b.pixels(), 3, 4), 4, 8, 8)
    return b.model(b.quant(x, 0.5))


def test_the_normal_form_is_its_own() -> None:
    once = normal(model())
    again = onnx.ModelProto.FromString(once.SerializeToString())
    assert normal(again) == once


@pytest.mark.parametrize("batch", [0, 4])
def test_another_number_of_images_becomes_one_and_no_shape_contradicts(batch: int) -> None:
    given = model()
    given.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    known = [value.name for value in normal(model()).graph.value_info]
    made = normal(given)
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    # The convolution's shape holds the number of images, its weight's does not.
    assert [node.op_type for node in made.graph.node if node.output[0] in known] == ["Quant", "Conv"]
    kept = {value.name for value in made.graph.value_info}
    assert [node.op_type for node in made.graph.node if node.output[0] in kept] == ["Quant"]
    assert not made.graph.output[0].type.tensor_type.HasField("shape")


@pytest.mark.parametrize("sides", [(2, 256), (2, -1), (2, 2, 2, 8, 8)])
@pytest.mark.parametrize("as_node", [False, True])
def test_a_reshape_names_one_image_where_the_file_has_several(
    tmp_path: Path, sides: tuple[int, ...], as_node: bool
) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.quant(b.conv(b.quant("input", 1.0), 3, 4), 0.5)
    shape = b.constant(sides, dtype=np.int64)
    given = b.model(b.node("Reshape", [x, shape]))
    given.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    if as_node:
        tensor = given.graph.initializer.pop()
        assert tensor.name == shape
        given.graph.node.insert(0, helper.make_node("Constant", [], [shape], value=tensor))
    onnx.save(given, str(tmp_path / "m.onnx"))
    assert_equal_to_the_executor(tmp_path / "m.onnx")


def test_a_reshape_without_a_shape_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    given = b.model(b.node("Reshape", [b.quant("input", 1.0)]))
    given.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(given, str(tmp_path / "m.onnx"))
    with pytest.raises(FirelineError, match="1 inputs where 2 belong"):
        lower(tmp_path / "m.onnx")


@pytest.mark.parametrize("kind", [TensorProto.INT4, TensorProto.UINT4])
def test_the_executor_is_given_bytes_for_less(tmp_path: Path, kind: int) -> None:
    b = QonnxBuilder((3, 8, 8))
    for name, sides, values in (("weight", (4, 3, 1, 1), range(12)), ("zero", (), [3])):
        values = [v % 8 for v in values]
        b.initializers.append(helper.make_tensor(name, kind, sides, values))
    weight = b.node("DequantizeLinear", ["weight", b.constant(0.25), "zero"])
    given = b.model(b.quant(b.node("Conv", [b.quant("input", 1.0), weight]), 1.0))
    given.opset_import[0].version = 21
    onnx.save(given, str(tmp_path / "m.onnx"))
    assert_equal_to_the_executor(tmp_path / "m.onnx")


def assert_equal_to_the_executor(path: Path) -> None:
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()


def test_constants_are_no_inputs_and_outputs_are_named_once() -> None:
    given = model()
    kinds = [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in given.graph.initializer]
    given.graph.input.extend(kinds)
    given.graph.value_info.append(given.graph.output[0])
    made = normal(given)
    assert [value.name for value in made.graph.input] == ["input"]
    assert made.graph.output[0].name not in {value.name for value in made.graph.value_info}


def test_a_scale_of_an_operation_on_integers_is_read_with_care(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    zero = b.constant(0, dtype=np.int8)
    x = [b.node("QuantizeLinear", ["input", *(g := [b.constant(1.0), zero])]), *g]
    weight = [b.constant(np.ones((4, 3, 1, 1)), dtype=np.int8), b.constant(1.0), zero]
    y = b.node("QLinearConv", [*x, *weight, *g, b.constant([1] * 4, dtype=np.int32)])
    given = b.model(b.node("DequantizeLinear", [y, *g]))
    scale = next(t for t in given.graph.initializer if t.name == weight[1])
    scale.CopyFrom(helper.make_tensor(scale.name, TensorProto.STRING, [1], [b"1"]))
    onnx.save(given, str(tmp_path / "m.onnx"))
    with pytest.raises(FirelineError, match="numbers expected"):
        lower(tmp_path / "m.onnx")


@pytest.mark.parametrize("fill", [[], [1.0]])
def test_a_frame_of_integers_is_their_zero_point(tmp_path: Path, fill: list[float]) -> None:
    b = QonnxBuilder((3, 8, 8))
    g = [b.constant(1.0), b.constant(0, dtype=np.uint8)]
    sides = b.constant([0, 0, 1, 1] * 2, dtype=np.int64)
    x = b.node("QuantizeLinear", ["input", *g])
    x = b.node("Pad", [x, sides, b.constant(fill, dtype=np.uint8)])
    with pytest.raises(FirelineError, match="pad with the zero point"):
        lower(b.save(b.node("DequantizeLinear", [x, *g]), tmp_path))


@pytest.mark.parametrize("op", ["Constant", "MaxPool", "QuantizeLinear"])
def test_a_node_without_an_output_is_refused(tmp_path: Path, op: str) -> None:
    given = model()
    given.graph.node.append(helper.make_node(op, ["input"], [], value=numpy_helper.from_array(np.zeros(1))))
    onnx.save(given, str(tmp_path / "m.onnx"))
    with pytest.raises(FirelineError, match="a node has no output"):
        lower(tmp_path / "m.onnx")
