"""Axes that are split, swapped and joined: a map again, its channels in another order, or refused."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.codegen.lower.test_as_people_have_them import integer_conv, linear
from tests.qonnx_models import QonnxBuilder

Layer = Callable[[QonnxBuilder, str], str]


def reshape(b: QonnxBuilder, x: str, *sides: int) -> str:
    return b.node("Reshape", [x, b.constant(sides, dtype=np.int64)])


def shuffle(b: QonnxBuilder, x: str, groups: int, between: Layer = lambda b, x: x) -> str:
    """The six channels of a map 5x4, taken in turn from each of `groups`."""
    x = between(b, reshape(b, x, 1, groups, 6 // groups, 5, 4))
    return reshape(b, between(b, b.node("Transpose", [x], perm=[0, 2, 1, 3, 4])), 1, 6, 5, 4)


def six(b: QonnxBuilder, x: str) -> str:
    return linear(b, b.relu(integer_conv(b, x, 3, 6)), 0.5)


def halves(b: QonnxBuilder, x: str) -> str:
    """A concatenation of three scales, which a quantizer joins later."""
    other = linear(b, integer_conv(b, x, 3, 2), 2.0, 128)
    return b.concat(integer_conv(b, x, 3, 2), other, b.node("Mul", [other, b.constant(0.3)]))


def batch_first(b: QonnxBuilder, x: str) -> str:
    """As ShuffleNet's first implementations have it: groups in the batch's axis."""
    x = b.node("Transpose", [reshape(b, x, -1, 3, 20)], perm=[1, 0, 2])
    return reshape(b, x, 1, -1, 5, 4)


def channels_last(b: QonnxBuilder, x: str) -> str:
    x = b.node("Transpose", [x], perm=[0, 2, 3, 1])
    x = b.node("Transpose", [reshape(b, x, 0, 5, 4, 2, 3)], perm=[0, 1, 2, 4, 3])
    return reshape(b, x, 1, 5, 4, 6)


def there_and_back(b: QonnxBuilder, x: str) -> str:
    """Rows and columns change places twice, axes of one come and go."""
    x = b.node("Unsqueeze", [b.node("Transpose", [x], perm=[0, 1, 3, 2]), b.constant([1], dtype=np.int64)])
    x = b.node("Squeeze", [b.node("Transpose", [x], perm=[0, 1, 2, 4, 3]), b.constant([-4], dtype=np.int64)])
    return b.node("Transpose", [x], perm=[0, 1, 2, 3])


def again(b: QonnxBuilder, x: str) -> str:
    """The same quantizer once more, as onnxruntime puts one behind everything."""
    return linear(b, x, 0.5)


def matrix(b: QonnxBuilder, x: str) -> str:
    parameters = [b.constant(2.0**-4), b.constant(0, dtype=np.int8)]
    weight = b.constant(b.random.integers(-7, 8, (120, 4)), dtype=np.int8)
    return b.node("Gemm", [x, b.node("DequantizeLinear", [weight, *parameters])])


LAYERS: dict[str, Layer] = {
    "two groups": lambda b, x: integer_conv(b, shuffle(b, six(b, x), 2), 6, 4, 3),
    "three groups": lambda b, x: integer_conv(b, shuffle(b, six(b, x), 3), 6, 4, 3),
    "before a quantizer": lambda b, x: shuffle(b, integer_conv(b, x, 3, 6), 2),
    "of a concatenation": lambda b, x: shuffle(b, halves(b, x), 2),
    "quantized between": lambda b, x: integer_conv(b, shuffle(b, six(b, x), 2, again), 6, 4),
    "groups in the batch": lambda b, x: integer_conv(b, batch_first(b, six(b, x)), 6, 4),
    "channels last": lambda b, x: integer_conv(
        b, b.node("Transpose", [channels_last(b, six(b, x))], perm=[0, 3, 1, 2]), 6, 4
    ),
    "flattened with channels last": lambda b, x: matrix(b, b.node("Flatten", [channels_last(b, six(b, x))])),
    "read twice": lambda b, x: b.node("Add", [y := shuffle(b, six(b, x), 2), b.maxpool(y, 1, 1)]),
    "flattened": lambda b, x: matrix(b, b.node("Flatten", [shuffle(b, six(b, x), 3)])),
    "flattened at once": lambda b, x: matrix(
        b, reshape(b, b.node("Transpose", [reshape(b, six(b, x), 1, 2, 3, 20)], perm=[0, 2, 1, 3]), 1, -1)
    ),
    "a scale each": lambda b, x: b.quant(
        shuffle(b, integer_conv(b, x, 3, 6), 2), 2.0 ** np.arange(6).reshape(1, 6, 1, 1), 6, True
    ),
    "there and back": lambda b, x: integer_conv(b, there_and_back(b, six(b, x)), 6, 4, 3),
    "rows": lambda b, x: b.node("Flatten", [integer_conv(b, x, 3, 6)], axis=3),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_a_view_is_the_map_that_onnx_makes_of_it(tmp_path: Path, layer: Layer) -> None:
    b = QonnxBuilder((3, 5, 4))
    made = layer(b, linear(b, "input", 1.0))
    path = b.save(linear(b, made, 1.0, 100), tmp_path)
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 5, 4)).astype(np.uint8)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()
    if not any(node.domain for node in b.nodes):
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        truth = [session.run(None, {"input": image[None].astype(np.float32)})[0].ravel() for image in images]
        assert np.array_equal(graph.output.output.real(graph.simulate(images)).reshape(3, -1), truth)


def test_a_shuffle_behind_a_convolution_costs_nothing(tmp_path: Path) -> None:
    """It is the order of the rows of weights."""
    b = QonnxBuilder((3, 5, 4))
    x = integer_conv(b, shuffle(b, six(b, linear(b, "input", 1.0)), 2), 6, 4)
    assert [node.kind for node in lower(b.save(x, tmp_path)).nodes] == ["input", "conv2d", "conv2d"]


def test_a_file_for_several_images_may_say_so_in_the_shape(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 5, 4))
    x = reshape(b, six(b, linear(b, "input", 1.0)), 2, 3, 2, 5, 4)
    x = reshape(b, b.node("Transpose", [x], perm=[0, 2, 1, 3, 4]), 2, 6, 5, 4)
    model = b.model(linear(b, x, 1.0))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    onnx.save(model, str(tmp_path / "m.onnx"))
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 4)).astype(np.float32)
    session = ort.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    graph = lower(tmp_path / "m.onnx")
    real = graph.output.output.real(graph.simulate(images))
    assert np.array_equal(real, session.run(None, {"input": images})[0])


REFUSED: dict[str, tuple[Layer, str]] = {
    "rows and columns in each other's place": (
        lambda b, x: integer_conv(b, b.node("Transpose", [six(b, x)], perm=[0, 1, 3, 2]), 6, 4),
        r"axes \[1, 6, 4, 5\], which are no map.*transpose it back",
    ),
    "pixels among the channels": (
        lambda b, x: integer_conv(b, reshape(b, six(b, x), 1, 12, 5, 2), 12, 4),
        r"axes \[1, 12, 5, 2\]",
    ),
    "a shape of real numbers": (
        lambda b, x: b.node("Reshape", [six(b, x), b.constant([1, np.nan, 5, 4])]),
        "are float32, integers expected",
    ),
    "another number of values": (lambda b, x: reshape(b, six(b, x), 1, 7, 5, 4), "it cannot be done"),
    "an axis that is not there": (
        lambda b, x: b.node("Transpose", [six(b, x)], perm=[0, 2, 1]),
        "it cannot be done",
    ),
}


@pytest.mark.parametrize(("layer", "says"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_map_is_refused(tmp_path: Path, layer: Layer, says: str) -> None:
    b = QonnxBuilder((3, 5, 4))
    path = b.save(linear(b, layer(b, linear(b, "input", 1.0)), 1.0), tmp_path)
    with pytest.raises(FirelineError, match=says):
        lower(path)
