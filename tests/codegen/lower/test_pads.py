"""ONNX Pad, as Keras' ZeroPadding2D and torch's ZeroPad2d export it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fireline.codegen.lower.network import lower
from fireline.errors import FirelineError
from fireline.sim.engines import qonnx_executor, simulator
from fireline.sim.verify import verify
from tests.qonnx_models import QonnxBuilder

AROUND = (0, 0, 1, 2, 0, 0, 2, 0)


def pad(
    b: QonnxBuilder, x: str, sides: tuple[int, ...] = AROUND, fill: float = 0.0, **attributes: Any
) -> str:
    inputs = [x, b.constant(sides, dtype=np.int64), b.constant(fill)]
    return b.node("Pad", inputs, **attributes)


def assert_exact(path: Path) -> list[tuple[str, Any]]:
    """Equal to the executor; kind and padding of every node."""
    graph = lower(path)
    images = np.random.default_rng(0).integers(0, 256, (2, *graph.input.output.shape)).astype(np.float32)
    verify(graph, simulator(graph), [qonnx_executor(graph, path)], [images]).require_exact()
    return [(node.kind, getattr(node, "padding", None)) for node in graph.nodes[1:]]


@pytest.mark.parametrize("zero_point", [0.0, 6.0])
def test_a_convolution_takes_the_frame_in(tmp_path: Path, zero_point: float) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = pad(b, b.quant("input", 1.0, zero_point=zero_point))
    nodes = assert_exact(b.save(b.quant(b.relu(b.conv(x, 3, 4, 3, 2, 1)), 2.0), tmp_path))
    assert nodes == [("conv2d", (2, 3, 3, 1))]


def test_a_quantizer_lets_the_frame_through(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.quant(pad(b, b.conv(b.pixels(), 3, 4)), 0.25, signed=True)
    nodes = assert_exact(b.save(b.quant(b.conv(x, 4, 4, 3), 0.5), tmp_path))
    assert nodes[-2:] == [("conv2d", (0, 0, 0, 0)), ("conv2d", AROUND[2:4] + AROUND[6:])]


def test_a_sign_has_no_zero_and_makes_the_frame_its_own(tmp_path: Path) -> None:
    b = QonnxBuilder((3, 8, 8))
    x = b.quant(pad(b, b.conv(b.pixels(), 3, 4)), 1.0, 1, signed=True)
    assert_exact(b.save(b.quant(b.conv(x, 4, 4, 3), 0.5), tmp_path))


def test_a_maximum_of_zeros_needs_them_a_maximum_of_nothing_does_not(tmp_path: Path) -> None:
    for fill, made in ((0.0, ["conv2d", "maxpool2d"]), (-np.inf, ["maxpool2d"])):
        b = QonnxBuilder((3, 8, 8))
        x = b.maxpool(pad(b, b.quant(b.node("Neg", [b.quant("input", 1.0)]), 1.0, signed=True), fill=fill))
        nodes = assert_exact(b.save(b.quant(b.conv(x, 3, 4), 1.0), tmp_path))
        assert [kind for kind, _ in nodes[1:-1]] == made


def test_a_frame_may_be_transposed(tmp_path: Path) -> None:
    """tf2onnx pads channels last."""
    b = QonnxBuilder((3, 8, 8))
    x = pad(b, b.node("Transpose", [b.pixels()], perm=[0, 2, 3, 1]), (0, 1, 2, 0, 0, 2, 0, 0))
    x = b.conv(b.node("Transpose", [x], perm=[0, 3, 1, 2]), 3, 4, 3)
    assert assert_exact(b.save(b.quant(x, 1.0), tmp_path))[-1] == ("conv2d", AROUND[2:4] + AROUND[6:])


@pytest.mark.parametrize(
    ("sides", "fill", "mode", "says"),
    [
        (AROUND, 1.0, "constant", "a frame of 1 is not supported.*pad with 0"),
        (AROUND, 0.0, "reflect", "mode reflect is not supported"),
        ((0, 1, 0, 0, 0, 0, 0, 0), 0.0, "constant", "beyond height and width"),
        ((0, 0, -1, 0, 0, 0, 0, 0), 0.0, "constant", "0 to 32768 expected"),
        ((0, 0, 1, 0), 0.0, "constant", r"pads are \[0, 0, 1, 0\] for axes"),
        (AROUND, -np.inf, "constant", "read by no max pool"),
    ],
)
def test_other_frames_are_refused(
    tmp_path: Path, sides: tuple[int, ...], fill: float, mode: str, says: str
) -> None:
    b = QonnxBuilder((3, 8, 8))
    path = b.save(b.quant(b.conv(pad(b, b.pixels(), sides, fill, mode=mode), 3, 4, 3), 1.0), tmp_path)
    with pytest.raises(FirelineError, match=says):
        lower(path)
