from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fireline.codegen.lower import lower
from fireline.errors import FirelineError
from fireline.graph import Concat, Conv2d, Graph, MaxPool2d
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import Verification, verify
from tests.qonnx_models import QonnxBuilder, fire_model


def check(path: Path, images: int = 3) -> tuple[Graph, Verification]:
    """Lower and compare every tensor with the QONNX executor."""
    graph = lower(path)
    pixels = np.random.default_rng(7).integers(0, 256, (images, *graph.input.output.shape)).astype(np.uint8)
    result = verify(graph, simulator(graph), [qonnx_executor(graph, path)], [pixels])
    result.require_exact()
    return graph, result


@pytest.mark.parametrize("seed", range(4))
def test_a_small_squeezenet_equals_the_executor_on_every_tensor(tmp_path: Path, seed: int) -> None:
    graph, result = check(fire_model(tmp_path, seed, size=11 + seed))
    assert sum(isinstance(node, Conv2d) for node in graph.nodes) == 8
    assert sum(isinstance(node, Concat) for node in graph.nodes) == 2
    # All but the four expand convolutions, which the file only holds behind their concat.
    assert result.engines[1].tensors == len(graph.nodes) - 4


def small(tmp_path: Path, body: Callable[[QonnxBuilder, str], str]) -> Path:
    b = QonnxBuilder((2, 6, 6))
    return b.save(body(b, b.pixels()), tmp_path)


def relu4(b: QonnxBuilder, x: str, scale: Any = 0.25) -> str:
    return b.quant(b.relu(x), scale, 4)


GOOD: dict[str, Callable[[QonnxBuilder, str], str]] = {
    "per channel weights": lambda b, x: relu4(
        b, b.conv(x, 2, 4, scale=2.0 ** -np.arange(1, 5).reshape(4, 1, 1, 1))
    ),
    "float weight scale": lambda b, x: relu4(b, b.conv(x, 2, 4, 3, scale=0.0437), 0.1713),
    "float bias": lambda b, x: relu4(
        b,
        b.node(
            "Conv",
            [x, b.quant(b.constant(np.ones((4, 2, 1, 1))), 0.5, 4, True), b.constant([0.3, -1.7, 0, 5])],
        ),
    ),
    "signed activation": lambda b, x: b.quant(b.conv(x, 2, 3), 0.125, 5, True),
    "relu into a signed quantizer": lambda b, x: b.quant(b.relu(b.conv(x, 2, 3)), 0.125, 5, True),
    "pool before the quantizer": lambda b, x: relu4(b, b.maxpool(b.conv(x, 2, 3))),
    "padded pool": lambda b, x: b.maxpool(relu4(b, b.conv(x, 2, 3)), padding=1, ceil=False),
    "two quantizers in series": lambda b, x: b.quant(relu4(b, b.conv(x, 2, 3)), 1.0, 2),
    "zero point": lambda b, x: b.conv(b.quant(b.conv(x, 2, 3), 0.5, 4, zero_point=5.0), 3, 2, 3, 1, 1),
    "accumulator as output": lambda b, x: b.conv(x, 2, 3, bias_scale=2.0**-11),
    "relu as output": lambda b, x: b.relu(b.conv(x, 2, 3)),
    "grouped": lambda b, x: relu4(b, b.conv(x, 2, 4, 3, groups=2)),
    "add of accumulators": lambda b, x: relu4(
        b, b.node("Add", [b.conv(x, 2, 3), b.conv(x, 2, 3, scale=2.0**-6)])
    ),
    "channel offsets": lambda b, x: relu4(
        b, b.node("Add", [b.conv(x, 2, 3), b.constant(np.array([0.5, -1, 2]).reshape(1, 3, 1, 1))])
    ),
    "negative factor": lambda b, x: relu4(b, b.node("Mul", [b.conv(x, 2, 3), b.constant(-0.375)])),
    "activation read twice": lambda b, x: b.concat(*([relu4(b, b.conv(x, 2, 3))] * 2)),
    "concat as output": lambda b, x: b.concat(
        b.quant(b.conv(x, 2, 3), 0.5, 4), b.quant(b.conv(x, 2, 2), 0.5, 4)
    ),
    "sum over the map": lambda b, x: b.node("ReduceSum", [x, b.constant([2, 3], dtype=np.int64)]),
    "dense": lambda b, x: b.node(
        "MatMul",
        [
            b.node("Flatten", [relu4(b, b.conv(x, 2, 1))]),
            b.quant(b.constant(b.random.normal(size=(36, 5))), 0.25, 4, True),
        ],
    ),
}


def batch_norm(b: QonnxBuilder, x: str) -> str:
    parameters = [b.constant(v) for v in ([1.5, -0.7, 0.2], [0.1, 0.2, -1], [0.5, 0, -0.5], [1.1, 0.3, 2])]
    return relu4(b, b.node("BatchNormalization", [b.conv(x, 2, 3), *parameters]))


GOOD["batch norm"] = batch_norm


@pytest.mark.parametrize("name", GOOD)
def test_equals_the_executor(tmp_path: Path, name: str) -> None:
    check(small(tmp_path, GOOD[name]))


def test_ceil_mode_becomes_padding(tmp_path: Path) -> None:
    graph, _ = check(small(tmp_path, lambda b, x: b.maxpool(relu4(b, b.conv(x, 2, 3)))))
    pool = next(node for node in graph.nodes if isinstance(node, MaxPool2d))
    assert pool.padding == (0, 0, 1, 1)
    assert pool.output.shape == (3, 3, 3)


def test_the_graph_is_saved_and_loaded_equal(tmp_path: Path) -> None:
    graph = lower(fire_model(tmp_path))
    graph.save(tmp_path / "graph.npz")
    loaded = Graph.load(tmp_path / "graph.npz")
    assert loaded == graph
    loaded.save(tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "graph.npz").read_bytes()


BAD: dict[str, tuple[Callable[[QonnxBuilder, str], str], str]] = {
    "weights that are not quantized": (
        lambda b, x: b.node("Conv", [x, b.constant(np.ones((3, 2, 1, 1)))]),
        r"Conv Conv_t\d+: the weight 'c\d+' is not quantized",
    ),
    "unsupported operators": (
        lambda b, x: b.node("Softmax", [b.node("Erf", [x])]),
        r"unsupported: Erf Erf_t\d+, Softmax Softmax_t\d+",
    ),
    "a NaN weight": (
        lambda b, x: b.node("Conv", [x, b.quant(b.constant(np.full((3, 2, 1, 1), np.nan)), 0.5, 4, True)]),
        r"Quant Quant_t\d+: 6 of 6 values are nan",
    ),
    "a zero scale": (lambda b, x: b.quant(x, 0.0), r"scale 0.0 cannot be represented"),
    "an infinite scale": (lambda b, x: b.quant(x, np.inf), r"scale inf cannot be represented"),
    "an extreme scale": (
        lambda b, x: relu4(b, b.conv(x, 2, 3), scale=1e-30),
        r"no exact multiplier|more than 62 bits|over 62 bits",
    ),
    "half a bit": (lambda b, x: b.quant(x, 0.5, 3.5), r"bit width \[3.5\] cannot be"),
    "unequal concat scales": (
        lambda b, x: b.conv(b.concat(b.quant(x, 0.5, 4, True), b.quant(x, 0.25, 4, True)), 4, 2),
        r"inputs of a concat differ in type or scale: .* 0.5; .* 0.25 \(give them one shared quantizer",
    ),
    "a rounding mode": (lambda b, x: b.quant(x, 0.5, rounding="FLOOR"), r"rounding mode FLOOR"),
    "weights of other channels": (lambda b, x: b.conv(x, 3, 4), r"do not fit 2 channels"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_networks_are_refused_by_node_and_value(tmp_path: Path, name: str) -> None:
    body, message = BAD[name]
    with pytest.raises(FirelineError, match=message) as error:
        lower(small(tmp_path, body))
    assert "\n" not in str(error.value)


def test_a_network_without_input_quantizer_is_refused(tmp_path: Path) -> None:
    b = QonnxBuilder((2, 6, 6))
    with pytest.raises(FirelineError, match="the network's input is not quantized"):
        lower(b.save(b.conv("input", 2, 3), tmp_path))


def test_files_that_are_not_onnx_are_refused(tmp_path: Path) -> None:
    for content in (b"", b"not onnx", bytes(range(256))):
        path = tmp_path / "model.onnx"
        path.write_bytes(content)
        with pytest.raises(FirelineError, match="not an ONNX model"):
            lower(path)
    with pytest.raises(FirelineError, match="cannot be read"):
        lower(tmp_path / "missing.onnx")


def test_a_dynamic_shape_is_refused(tmp_path: Path) -> None:
    path = fire_model(tmp_path)
    model = onnx.load(str(path))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, str(path))
    with pytest.raises(FirelineError, match="static"):
        lower(path)
