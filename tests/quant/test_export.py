from pathlib import Path

import numpy as np
import onnx
import pytest
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.base import Transformation
from qonnx.transformation.extract_conv_bias import ExtractBiasFromConv
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
from qonnx.transformation.qonnx_to_qcdq import QuantToQCDQ
from qonnx.util.cleanup import cleanup_model

from fireline.quant.export import INPUT, OUTPUT, export
from fireline.quant.twin import activations
from fireline.quant.witness import EXACT, accumulators, brevitas_trace, float_trace, tensor_name
from tests.quant.shared import noise, tiny_twin

OPTIONS = [
    {},
    {"bypass": "simple"},
    {"bypass": "complex", "batch_norm": "all"},
    {"classifier": "tanh"},
    {"classifier": "leaky_relu"},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("bits", ["w8a8", "w3a4"])
def test_the_file_computes_what_brevitas_does(options: dict[str, object], bits: str, tmp_path: Path) -> None:
    network, twin = tiny_twin(bits, **options)
    export(twin, tmp_path / "model.onnx")
    images = noise(2).read()
    ours = brevitas_trace(twin, images, batch=1)
    assert max(accumulators(twin).values()) < EXACT
    assert float_trace(network, images).keys() == ours.keys()
    model = ModelWrapper(str(tmp_path / "model.onnx"))
    for i, image in enumerate(images):
        theirs = execute_onnx(model, {INPUT: image[None].astype(np.float32)}, return_full_exec_context=True)
        for name, values in ours.items():
            if "average" in name or name == OUTPUT:
                continue  # the mean of 9 values is a float that is rounded as each library likes
            assert np.array_equal(values[i : i + 1], theirs[name]), name
        assert np.allclose(ours[OUTPUT][i : i + 1], theirs[OUTPUT], rtol=1e-6)


def test_every_activation_quantizer_is_traced() -> None:
    _, twin = tiny_twin(bypass="complex", classifier="tanh")
    trace = brevitas_trace(twin, noise(1).read())
    for path, module in activations(twin):
        assert tensor_name(path, module) in trace
    assert "/fire2/expand_act/act_quant/export_handler/Quant_output_0" in trace
    assert "/pool1/MaxPool_output_0" in trace


def test_the_same_twin_gives_the_same_bytes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _, twin = tiny_twin()
    for name in ("a", "b"):
        export(twin, tmp_path / name, {"fireline.preset": "tiny"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    model = onnx.load(tmp_path / "a")
    assert model.ir_version == 10
    assert {item.key: item.value for item in model.metadata_props} == {"fireline.preset": "tiny"}
    assert [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim] == [1, 3, 33, 33]
    output = capfd.readouterr()
    assert output.out == output.err == ""


def test_one_number_is_a_vector_of_one_in_the_file(tmp_path: Path) -> None:
    _, twin = tiny_twin()
    export(twin, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    shapes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    quants = [node for node in model.graph.node if node.op_type == "Quant"]
    assert {shapes[node.input[2]] for node in quants} == {(1,)}
    assert () not in {shapes[node.input[1]] for node in quants}


@pytest.mark.slow
@pytest.mark.parametrize("transformation", [QuantToQCDQ, ExtractBiasFromConv, LowerConvsToMatMul])
def test_what_qonnx_makes_of_the_file_computes_the_same(
    transformation: type[Transformation], tmp_path: Path
) -> None:
    _, twin = tiny_twin("w4a4")
    export(twin, tmp_path / "model.onnx")
    model = cleanup_model(ModelWrapper(str(tmp_path / "model.onnx")))
    made = model.transform(transformation()).transform(InferShapes())
    image = noise(1).read().astype(np.float32)
    before, after = (
        execute_onnx(one, {one.graph.input[0].name: image})[one.graph.output[0].name] for one in (model, made)
    )
    assert np.array_equal(before, after)
