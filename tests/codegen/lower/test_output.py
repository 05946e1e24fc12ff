"""What integers cannot hold behind the last of them, a float bias above all, is how they are read."""

import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from brevitas.export import export_onnx_qcdq, export_qonnx
from torch import Tensor, nn

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.sim.engine import decode
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.qonnx_models import QonnxBuilder
from tests.rational import evaluate

Layer = Callable[[QonnxBuilder, str], str]


def assert_exact(path: Path, images: np.ndarray) -> Graph:
    """Integers and reading are the file's in rational arithmetic; QONNX' executor has the integers in float32."""
    graph = lower(path)
    output = graph.output.output
    scale, offset = (
        np.array(numbers, dtype=object).reshape(-1, 1, 1) for numbers in (output.scale, output.offset)
    )
    exact = evaluate(path, images[0])
    reals = (graph.simulate(images[:1])[0].astype(object) - output.zero_point) * scale + offset
    assert reals.ravel().tolist() == exact.values[exact.output].fractions().ravel().tolist()
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()
    return graph


def float_bias(b: QonnxBuilder, x: str, channels: int = 4) -> str:
    made = b.conv(x, 3, channels)
    b.nodes[-1].input.append(b.constant(b.random.normal(size=channels)))
    return made


def norm(b: QonnxBuilder, x: str) -> str:
    """A batch norm's factor and offset, without its root."""
    factor, offset = (b.constant(b.random.uniform(0.5, 2, (4, 1, 1))) for _ in range(2))
    return b.node("Add", [b.node("Mul", [x, factor]), offset])


def rooted(b: QonnxBuilder, x: str) -> str:
    """A batch norm, whose roots no float holds."""
    parameters = [b.constant(b.random.uniform(0.5, 2, 4)) for _ in range(4)]
    return b.node("BatchNormalization", [x, *parameters])


def scaled(b: QonnxBuilder, x: str) -> str:
    return b.node("Mul", [x, b.constant(np.reshape([0.3, -0.7, -1.1, 2.0], (4, 1, 1)))])


def pooled(b: QonnxBuilder, x: str, **attributes: int) -> str:
    return b.node("AveragePool", [x], kernel_shape=[2, 2], strides=[2, 2], **attributes)


def summed(b: QonnxBuilder, x: str, *axes: int) -> str:
    return b.node("ReduceSum", [x, b.constant(axes, dtype=np.int64)], keepdims=0)


LAYERS: dict[str, Layer] = {
    "a bias": float_bias,
    "a mean of it": lambda b, x: b.node("GlobalAveragePool", [float_bias(b, x)]),
    "a sum of it": lambda b, x: summed(b, float_bias(b, x), 2, 3),
    "sums of its rows": lambda b, x: summed(b, float_bias(b, x), 3),
    "a mean of what has a zero point": lambda b, x: b.node(
        "GlobalAveragePool", [norm(b, b.quant(b.conv(x, 3, 4), 0.5, zero_point=3.0))]
    ),
    "means of windows of it": lambda b, x: pooled(b, float_bias(b, x)),
    "a largest value of it": lambda b, x: b.maxpool(float_bias(b, x), 2),
    "a batch norm": lambda b, x: norm(b, b.conv(x, 3, 4)),
    "a batch norm of a largest value": lambda b, x: norm(b, b.maxpool(b.conv(x, 3, 4), 2)),
    "a batch norm of a quantizer": lambda b, x: norm(b, b.quant(b.conv(x, 3, 4), 0.5, zero_point=3.0)),
    "other signs": lambda b, x: b.node("Add", [scaled(b, b.conv(x, 3, 4)), b.constant(0.3)]),
    "other signs of a largest value": lambda b, x: scaled(b, b.maxpool(float_bias(b, x), 2)),
    "heads of their own": lambda b, x: b.concat(float_bias(b, x), scaled(b, b.conv(x, 3, 4)), x),
    "what another reads, too": lambda b, x: b.concat(y := float_bias(b, x), norm(b, y)),
    "a sum": lambda b, x: b.node("Add", [float_bias(b, x, 3), x]),
    "a clamp before it": lambda b, x: norm(b, b.relu(b.conv(x, 3, 4))),
    "a root": lambda b, x: rooted(b, b.conv(x, 3, 4)),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_what_is_behind_the_last_integers_is_read_off_exactly(tmp_path: Path, layer: Layer) -> None:
    b = QonnxBuilder((3, 6, 6))
    made = layer(b, b.quant("input", 1.0))
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.uint8)
    assert any(assert_exact(b.save(made, tmp_path), images).output.output.offset)


def test_channels_last_keep_their_own(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 6, 6))
    path = b.save(b.node("Transpose", [float_bias(b, b.quant("input", 1.0))], perm=[0, 2, 3, 1]), tmp_path)
    graph = lower(path)
    assert graph.output.source is None
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.uint8)
    exact = evaluate(path, images[0])
    real = graph.output.output.real(graph.simulate(images[:1]))[0].transpose(1, 2, 0)
    assert np.allclose(real.ravel(), exact.values[exact.output].fractions().ravel().astype(float), rtol=1e-15)


class Classifier(nn.Module):
    """As most Brevitas networks end: a bias, no quantizer of it, and none behind it."""

    def __init__(self, last: nn.Module) -> None:
        super().__init__()
        self.pixels = qnn.QuantIdentity(return_quant_tensor=True)
        self.features = qnn.QuantConv2d(3, 4, 3, bias=True, weight_bit_width=4)
        self.relu = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.last = last

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.relu(self.features(self.pixels(pixels)))
        if isinstance(self.last, qnn.QuantLinear):
            return self.last(x.flatten(1))  # type: ignore[no-any-return]
        return self.last(x).mean((2, 3))  # type: ignore[no-any-return]


@pytest.mark.parametrize("export", [export_qonnx, export_onnx_qcdq])
@pytest.mark.parametrize("linear", [True, False])
def test_brevitas_networks_end_with_a_float_bias(
    tmp_path: Path, export: Callable[..., object], linear: bool
) -> None:
    torch.manual_seed(0)
    last = qnn.QuantLinear(36, 5, bias=True) if linear else qnn.QuantConv2d(4, 5, 1, bias=True)
    network, images = Classifier(last), torch.randn(3, 3, 5, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network(images)
        network.eval()
        export(network, images[:1], export_path=str(tmp_path / "m.onnx"), dynamo=False)
        truth = network(images).detach().numpy()
    graph = assert_exact(tmp_path / "m.onnx", images.numpy())
    assert np.array_equal(decode(graph.output, truth), graph.simulate(images.numpy().astype(np.float64)))
    assert len(graph.output.output.offset) == 5


CLAMPED: dict[str, Layer] = {
    "a sum": lambda b, x: b.node("Add", [b.relu(b.conv(x, 3, 4)), b.conv(x, 3, 4)]),
    "a concatenation": lambda b, x: b.conv(
        b.concat(b.relu(b.conv(x, 3, 4)), b.quant(b.conv(x, 3, 4), 0.5)), 8, 3
    ),
    "a frame": lambda b, x: b.maxpool(
        b.node("Pad", [b.relu(b.conv(x, 3, 4)), b.constant([0, 0, 1, 1] * 2, dtype=np.int64)]), 2
    ),
}


@pytest.mark.parametrize("layer", CLAMPED.values(), ids=CLAMPED)
def test_what_is_clamped_without_a_quantizer_is_taken_for_no_other_tensor(
    tmp_path: Path, layer: Layer
) -> None:
    """`verify` compares every node with the tensor of the file that it names."""
    b = QonnxBuilder((3, 6, 6))
    path = b.save(b.quant(layer(b, b.quant("input", 1.0)), 2.0), tmp_path)
    assert_exact(path, np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6)).astype(np.uint8))


def test_a_bias_that_is_a_whole_number_of_steps_is_in_the_integers(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 6, 6))
    graph = lower(b.save(b.conv(b.quant("input", 1.0), 3, 4, bias_scale=2.0**-3), tmp_path))
    assert graph.output.output.offset == (Fraction(0),)


def test_a_clamp_behind_a_float_bias_is_no_reading(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 6, 6))
    with pytest.raises(FirelineError, match="meets no quantizer and its bias is no multiple"):
        lower(b.save(b.relu(float_bias(b, b.quant("input", 1.0))), tmp_path))
