"""The same network in every form that a file may have: the same integers."""

from collections.abc import Callable
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.qonnx_models import QonnxBuilder

Change = Callable[[onnx.ModelProto], onnx.ModelProto | None]


def model() -> onnx.ModelProto:
    """A quantizer, a convolution with quantized weights, a quantizer."""
    b = QonnxBuilder((3, 8, 8))
    b.opset = 1
    grid = [b.constant(1.0), b.constant(0, dtype=np.uint8)]
    x = b.node("DequantizeLinear", [b.node("QuantizeLinear", ["input", *grid]), *grid])
    small = [b.constant(2.0**-4), b.constant(0, dtype=np.int8)]
    weight = b.constant(b.random.integers(-7, 8, (4, 3, 1, 1)), "weight", np.int8)
    x = b.node("Relu", [b.node("Conv", [x, b.node("DequantizeLinear", [weight, *small])])])
    return b.model(b.node("DequantizeLinear", [b.node("QuantizeLinear", [x, *grid]), *grid]))


def _weight(model: onnx.ModelProto) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == "weight")


def _sparse(model: onnx.ModelProto, flat: bool) -> onnx.SparseTensorProto:
    values = numpy_helper.to_array(_weight(model))
    places = np.flatnonzero(values) if flat else np.argwhere(values)
    model.graph.initializer.remove(_weight(model))
    return helper.make_sparse_tensor(
        numpy_helper.from_array(values[values != 0], "weight"),
        numpy_helper.from_array(places.astype(np.int64), "places"),
        values.shape,
    )


def sparse_initializer(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.append(_sparse(model, flat=False))


def sparse_constant(model: onnx.ModelProto) -> None:
    tensor = _sparse(model, flat=True)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["weight"], sparse_value=tensor))


def backwards(model: onnx.ModelProto) -> None:
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def unused(model: onnx.ModelProto) -> None:
    """What nothing reads may be of any kind."""
    graph = model.graph
    graph.node.insert(1, helper.make_node("Softmax", [graph.node[0].output[0]], ["beside"]))
    graph.initializer.append(helper.make_tensor("words", TensorProto.STRING, [1], [b"word"]))
    graph.input.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 5]))


def a_function(model: onnx.ModelProto) -> None:
    quantize, dequantize = model.graph.node[:2]
    imports = [helper.make_opsetid("", 20)]
    made = helper.make_function(
        "of.mine", "Grid", ["input", *quantize.input[1:]], dequantize.output, [quantize, dequantize], imports
    )
    call = helper.make_node("Grid", quantize.input, dequantize.output, domain="of.mine")
    rest = list(model.graph.node)[2:]
    del model.graph.node[:]
    model.graph.node.extend([call, *rest])
    model.functions.append(made)
    model.opset_import.append(helper.make_opsetid("of.mine", 1))


def its_scale_too(model: onnx.ModelProto) -> None:
    """Outputs that are constants, as those of a Brevitas QuantTensor."""
    scale = model.graph.initializer[0]
    model.graph.output.append(helper.make_tensor_value_info(scale.name, TensorProto.FLOAT, []))


def narrow_floats(model: onnx.ModelProto) -> None:
    """A scale in bfloat16, cast back."""
    scale = next(t for t in model.graph.initializer if numpy_helper.to_array(t).size == 1)
    array = numpy_helper.to_array(scale).astype(ml_dtypes.bfloat16)
    model.graph.initializer.append(numpy_helper.from_array(array, "narrow"))
    name = scale.name
    model.graph.initializer.remove(scale)
    model.graph.node.insert(0, helper.make_node("Cast", ["narrow"], [name], to=TensorProto.FLOAT))


def integers_of_two_bits(model: onnx.ModelProto) -> None:
    """Of opset 25: they cannot hold the weights, so that both files get others."""
    values = np.clip(numpy_helper.to_array(_weight(model)), -2, 1)
    model.graph.initializer.remove(_weight(model))
    model.graph.initializer.append(
        helper.make_tensor("weight", TensorProto.INT2, values.shape, values.ravel().tolist())
    )
    zero = next(n for n in model.graph.node if n.input[0] == "weight")
    del zero.input[2]


@pytest.mark.parametrize(
    "change", [sparse_initializer, sparse_constant, backwards, unused, a_function, its_scale_too]
)
def test_another_form_is_the_same_network(tmp_path: Path, change: Change) -> None:
    plain, other = tmp_path / "plain.onnx", tmp_path / "other.onnx"
    onnx.save(model(), str(plain))
    made = model()
    change(made)
    onnx.save(made, str(other))
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)
    graph = lower(other)
    assert np.array_equal(graph.simulate(images), lower(plain).simulate(images))
    verify(graph, simulator(graph), [qonnx_executor(graph, other)], [images]).require_exact()


@pytest.mark.parametrize(("change", "same"), [(narrow_floats, True), (integers_of_two_bits, False)])
def test_numbers_that_numpy_has_not_are_read(tmp_path: Path, change: Change, same: bool) -> None:
    made, plain = model(), model()
    change(made)
    if not same:
        values = np.clip(numpy_helper.to_array(_weight(plain)), -2, 1)
        _weight(plain).CopyFrom(numpy_helper.from_array(values, "weight"))
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)
    for one, name in ((made, "made"), (plain, "plain")):
        onnx.save(one, str(tmp_path / f"{name}.onnx"))
    graphs = [lower(tmp_path / f"{name}.onnx") for name in ("made", "plain")]
    assert np.array_equal(graphs[0].simulate(images), graphs[1].simulate(images))


@pytest.mark.parametrize("one_file", [True, False])
def test_weights_in_files_beside_the_model_are_read(tmp_path: Path, one_file: bool) -> None:
    """What torch's newer exporter writes unless it is told not to."""
    path, plain = tmp_path / "model.onnx", tmp_path / "plain.onnx"
    onnx.save(model(), str(plain))
    onnx.save_model(
        model(), str(path), save_as_external_data=True, all_tensors_to_one_file=one_file, size_threshold=0
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8)).astype(np.uint8)
    graph = lower(path)
    assert np.array_equal(graph.simulate(images), lower(plain).simulate(images))
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()


def twice(model: onnx.ModelProto) -> None:
    made = model.graph.node[1]
    model.graph.node.insert(2, helper.make_node("Identity", [made.output[0]], [made.output[0]]))


def a_constant_again(model: onnx.ModelProto) -> None:
    made = model.graph.node[3]
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), made.output[0]))


def two_outputs(model: onnx.ModelProto) -> None:
    model.graph.output.append(helper.make_tensor_value_info(model.graph.node[1].output[0], 1, None))


def outside(model: onnx.ModelProto) -> None:
    tensor = _sparse(model, flat=False)
    tensor.dims[0] = 1
    model.graph.sparse_initializer.append(tensor)


def a_call_of_itself(model: onnx.ModelProto) -> None:
    a_function(model)
    call = helper.make_node("Grid", ["input", "a", "b"], ["inner"], domain="of.mine")
    model.functions[0].node.append(call)
    model.functions[0].opset_import.append(helper.make_opsetid("of.mine", 1))


def too_few_bytes(model: onnx.ModelProto) -> None:
    """The file beside the model is there, but of another model."""
    _weight(model).data_location = TensorProto.EXTERNAL
    _weight(model).ClearField("raw_data")
    _weight(model).external_data.add(key="location", value="m.onnx")
    _weight(model).external_data.add(key="offset", value="100000")


def no_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = 99
    model.graph.node.append(helper.make_node("Erf", [model.graph.output[0].name], ["erf"]))
    model.graph.output[0].name = "erf"


def noise(model: onnx.ModelProto) -> None:
    """Random numbers are no constant, also where they are made of constants."""
    maker = helper.make_node("RandomNormal", [], ["noise"], shape=[1])
    relu = next(node for node in model.graph.node if node.op_type == "Relu")
    added = helper.make_node("Add", [relu.input[0], "noise"], ["noisy"])
    relu.input[0] = "noisy"
    model.graph.node.extend([maker, added])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (twice, "tensor 't1' is made twice"),
        (a_constant_again, "tensor 't3' is made twice"),
        (two_outputs, "1 and 2 arrived.*extract_model"),
        (outside, "sparse tensor 'weight' has places outside"),
        (noise, "unsupported: RandomNormal"),
        (a_call_of_itself, "functions cannot be written out: .*cycle"),
        (too_few_bytes, "'weight' is in another file, 'm.onnx', which cannot be read"),
        (no_type, "unsupported: Erf"),
    ],
)
def test_what_says_two_things_is_refused(tmp_path: Path, change: Change, says: str) -> None:
    made = model()
    change(made)
    (tmp_path / "m.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(FirelineError, match=says):
        lower(tmp_path / "m.onnx")
