import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from fireline.check import NAME
from fireline.codegen.lower.network import lower
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


def opset1(b: QonnxBuilder, x: str) -> str:
    """Marks the file as one whose `Trunc` is that of opset 1."""
    b.opset = 1
    return x


def relu4(b: QonnxBuilder, x: str, scale: Any = 0.25) -> str:
    return b.quant(b.relu(x), scale, 4)


def conv_per_channel(b: QonnxBuilder, x: str, scales: list[float]) -> str:
    return b.conv(x, 2, len(scales), scale=np.array(scales).reshape(-1, 1, 1, 1))


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
    "padded pool of negative values": lambda b, x: b.maxpool(
        b.quant(b.node("Sub", [b.conv(x, 2, 3), b.constant(1.0)]), 2.0**-4, 6, True), padding=1, ceil=False
    ),
    "a quantizer of one number": lambda b, x: relu4(
        b, b.node("Mul", [b.conv(x, 2, 3, scale=0.3), b.constant(0.7)])
    ),
    "two quantizers in series": lambda b, x: b.quant(relu4(b, b.conv(x, 2, 3)), 1.0, 2),
    "zero point": lambda b, x: b.conv(b.quant(b.conv(x, 2, 3), 0.5, 4, zero_point=5.0), 3, 2, 3, 1, 1),
    "accumulator as output": lambda b, x: b.conv(x, 2, 3, bias_scale=2.0**-11),
    "relu as output": lambda b, x: b.relu(b.conv(x, 2, 3)),
    "grouped": lambda b, x: relu4(b, b.conv(x, 2, 4, 3, groups=2)),
    "add of accumulators": lambda b, x: relu4(
        b, b.node("Add", [b.conv(x, 2, 3), b.conv(x, 2, 3, scale=2.0**-6)])
    ),
    "add of an accumulator per channel to a bypass": lambda b, x: relu4(
        b, b.node("Add", [conv_per_channel(b, x, [0.25, 0.0625, 0.5]), relu4(b, b.conv(x, 2, 3))])
    ),
    "add of two accumulators per channel, one with a zero point before it": lambda b, x: relu4(
        b,
        b.node(
            "Add",
            [
                conv_per_channel(b, x, [0.25, 0.0625, 0.5]),
                conv_per_channel(b, b.quant(b.conv(x, 2, 2), 0.5, 4, zero_point=5.0), [0.5, 0.125, 0.0625]),
            ],
        ),
    ),
    "add of accumulators per channel with any float32 as scales": lambda b, x: relu4(
        b, b.node("Add", [conv_per_channel(b, x, [0.1, 0.3, 0.7]), b.conv(x, 2, 3)])
    ),
    "channel offsets": lambda b, x: relu4(
        b, b.node("Add", [b.conv(x, 2, 3), b.constant(np.array([0.5, -1, 2]).reshape(1, 3, 1, 1))])
    ),
    "quantized factor without axes": lambda b, x: relu4(
        b, b.node("Mul", [b.conv(x, 2, 3), b.quant(b.constant(0.75), 0.25, 4, True)])
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


def bipolar(b: QonnxBuilder, x: str, scale: Any) -> str:
    return b.node("BipolarQuant", [x, b.constant(scale)], domain="qonnx.custom_op.general")


def binary_conv(b: QonnxBuilder, x: str) -> str:
    weight = bipolar(b, b.constant(b.random.normal(size=(3, 2, 3, 3))), np.full((3, 1, 1, 1), 0.25))
    return b.node("Conv", [x, weight], kernel_shape=[3, 3])


def trunc(b: QonnxBuilder, x: str, *parameters: float, **attributes: Any) -> str:
    inputs = [x, *(b.constant(p) for p in parameters)]
    return b.node("Trunc", inputs, domain="qonnx.custom_op.general", **attributes)


def qcdq(b: QonnxBuilder, x: str, scale: float, zero: int = 0, clip: tuple[int, int] = (-8, 7)) -> str:
    parameters = [b.constant(scale), b.constant(zero, dtype=np.int8)]
    q = b.node("QuantizeLinear", [x, *parameters])
    q = b.node("Clip", [q, *(b.constant(end, dtype=np.int8) for end in clip)])
    return b.node("DequantizeLinear", [q, *parameters])


def qcdq_conv(b: QonnxBuilder, x: str) -> str:
    integers = b.constant(b.random.integers(-7, 8, (4, 2, 3, 3)), dtype=np.int8)
    scales, zeros = b.constant([0.5, 0.25, 1, 2]), b.constant([0, 1, 0, -1], dtype=np.int8)
    weight = b.node("DequantizeLinear", [integers, scales, zeros], axis=0)
    return qcdq(b, b.node("Conv", [x, weight], kernel_shape=[3, 3]), 0.5, 3)


def average(b: QonnxBuilder, x: str, **attributes: Any) -> str:
    x = b.quant(b.conv(x, 2, 3), 0.5, 4, zero_point=2.0)
    return b.node("AveragePool", [x], kernel_shape=[2, 2], **attributes)


def channels_last(b: QonnxBuilder, x: str) -> str:
    x = b.known(b.node("Transpose", [x], perm=[0, 2, 3, 1]), 6, 6, 2)
    weight = b.quant(b.constant(b.random.integers(-7, 8, (4, 3, 3, 2)) / 8), 0.125, 4, True)
    shape = {"strides": [1, 1], "pads": [1, 1, 1, 1], "dilations": [1, 1], "kernel_shape": [3, 3]}
    domain = "qonnx.custom_op.channels_last"
    x = b.node("Conv", [x, weight], domain=domain, group=1, **shape)
    x = b.node("Add", [x, b.constant(np.array([0.5, -1, 2, 0]).reshape(1, 1, 1, 4))])
    x = b.known(b.quant(b.relu(x), np.array([0.25, 0.5, 0.25, 1]).reshape(1, 1, 1, 4), 4), 6, 6, 4)
    x = b.node("MaxPool", [x], domain=domain, kernel_shape=[2, 2], strides=[2, 2], pads=[0] * 4)
    return b.node("Transpose", [x], perm=[0, 3, 1, 2])


def dense_after_channels_last(b: QonnxBuilder, x: str) -> str:
    x = b.node("Transpose", [relu4(b, b.conv(x, 2, 2, 3))], perm=[0, 2, 3, 1])
    weight = b.quant(b.constant(b.random.normal(size=(5, 32))), 0.25, 4, True)
    return b.node("MatMul", [b.node("Flatten", [x]), b.node("Transpose", [weight], perm=[1, 0])])


MODES = ("CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "HALF_EVEN")
GOOD |= {
    f"rounding mode {mode}": lambda b, x, mode=mode: b.quant(  # type: ignore[misc]
        b.conv(x, 2, 3, 3, bias_scale=2.0**-11), 2.0**-2, 6, True, rounding=mode
    )
    for mode in MODES
}
GOOD |= {
    f"weights rounded by {mode}": lambda b, x, mode=mode: relu4(  # type: ignore[misc]
        b,
        b.node(
            "Conv",
            [x, b.quant(b.constant(b.random.integers(-9, 9, (3, 2, 1, 1)) / 4), 0.5, 4, True, rounding=mode)],
        ),
    )
    for mode in MODES
}
GOOD |= {
    "binary weights": lambda b, x: relu4(b, binary_conv(b, x)),
    "binary activations": lambda b, x: b.conv(bipolar(b, b.conv(x, 2, 3), 0.5), 3, 2),
    "a bipolar quantizer of one bit": lambda b, x: b.conv(b.quant(b.conv(x, 2, 3), 0.5, 1, True), 3, 2),
    "one unsigned bit": lambda b, x: b.quant(b.conv(x, 2, 3), 0.5, 1),
    "weights of 16 bits": lambda b, x: b.quant(b.conv(x, 2, 3, bits=16, scale=2.0**-14), 0.25, 6, True),
    "narrow unsigned": lambda b, x: b.quant(b.relu(b.conv(x, 2, 3)), 2.0**-6, 3, narrow=True),
    "zero point and padding": lambda b, x: b.quant(
        b.conv(b.quant(b.conv(x, 2, 3), 0.5, 5, zero_point=11.0), 3, 4, 3, 2, 1), 0.5, 6, zero_point=20.0
    ),
    "zero point of weights": lambda b, x: relu4(
        b,
        b.node(
            "Conv",
            [x, b.quant(b.constant(b.random.normal(size=(3, 2, 1, 1))), 0.25, 4, False, zero_point=6.0)],
        ),
    ),
    "quantizers in series on a weight": lambda b, x: relu4(
        b,
        b.node(
            "Conv",
            [
                x,
                b.quant(
                    b.quant(b.constant(b.random.normal(size=(3, 2, 1, 1))), 0.125, 6, True), 0.5, 3, True
                ),
            ],
        ),
    ),
    "leaky relu": lambda b, x: b.quant(b.node("LeakyRelu", [b.conv(x, 2, 3)], alpha=0.25), 0.125, 5, True),
    "leaky relu of few bits": lambda b, x: b.quant(
        b.node("LeakyRelu", [b.quant(b.conv(x, 2, 3), 0.25, 4, True)], alpha=0.125), 0.125, 4, True
    ),
    "prelu": lambda b, x: b.quant(
        b.node("PRelu", [b.conv(x, 2, 3), b.constant(np.array([0.5, 0.0, 1]).reshape(3, 1, 1))]),
        0.25,
        5,
        True,
    ),
    "tanh": lambda b, x: b.quant(b.node("Tanh", [b.conv(x, 2, 3)]), 2.0**-7, 8, True),
    "tanh of few bits": lambda b, x: b.quant(
        b.node("Tanh", [b.quant(b.conv(x, 2, 3), 0.25, 4, True)]), 2.0**-3, 4, True
    ),
    "an extreme scale": lambda b, x: relu4(b, b.conv(x, 2, 3), scale=1e-30),
    "sigmoid": lambda b, x: b.quant(b.node("Sigmoid", [b.conv(x, 2, 3)]), 2.0**-6, 6),
    "hard sigmoid": lambda b, x: b.quant(
        b.node("HardSigmoid", [b.conv(x, 2, 3)], alpha=0.25, beta=0.5), 2.0**-6, 6
    ),
    "hard tanh": lambda b, x: b.quant(
        b.node("Clip", [b.conv(x, 2, 3), b.constant(-1.0), b.constant(1.0)]), 2.0**-3, 8, True
    ),
    "relu6": lambda b, x: relu4(b, b.node("Clip", [b.conv(x, 2, 3), b.constant(0.0), b.constant(1.5)])),
    "a function of a concat": lambda b, x: b.quant(
        b.node("Tanh", [b.concat(b.conv(x, 2, 3), b.conv(x, 2, 2))]), 2.0**-3, 4, True
    ),
    "relu between affine maps": lambda b, x: relu4(
        b,
        b.node(
            "Sub",
            [
                b.node(
                    "Mul", [b.relu(b.conv(x, 2, 3)), b.constant(np.array([1, -2, 0.5]).reshape(1, 3, 1, 1))]
                ),
                b.constant(np.array([0.5, -1, -0.25]).reshape(1, 3, 1, 1)),
            ],
        ),
    ),
    "trunc of opset 1": lambda b, x: trunc(
        b, b.quant(b.conv(opset1(b, x), 2, 3), 0.125, 8, True), 0.125, 0, 8, 5, rounding_mode="FLOOR"
    ),
    "trunc of a sum": lambda b, x: b.conv(
        trunc(
            b,
            b.node("AveragePool", [relu4(b, b.conv(opset1(b, x), 2, 3))], kernel_shape=[2, 2]),
            2.0**-4,
            0,
            6,
            4,
            rounding_mode="FLOOR",
        ),
        3,
        2,
    ),
    "average pool": average,
    "average pool with strides": lambda b, x: average(b, x, strides=[2, 2]),
    "average pool that counts its padding": lambda b, x: average(
        b, x, pads=[1, 1, 1, 1], count_include_pad=1
    ),
    "global max pool": lambda b, x: b.conv(b.node("GlobalMaxPool", [relu4(b, b.conv(x, 2, 3))]), 3, 2),
    "average of an even map": lambda b, x: b.quant(
        b.node("GlobalAveragePool", [b.quant(b.conv(x, 2, 3), 0.5, 4)]), 0.25, 5
    ),
    "per channel activations": lambda b, x: relu4(
        b, b.conv(b.quant(b.conv(x, 2, 3), np.array([0.25, 0.5, 1]).reshape(1, 3, 1, 1), 4), 3, 4, 3)
    ),
    "per channel activations of a depthwise convolution": lambda b, x: relu4(
        b,
        b.conv(
            b.quant(b.conv(x, 2, 3), 2.0 ** np.array([-9, 0, 3]).reshape(1, 3, 1, 1), 4), 3, 3, 3, groups=3
        ),
    ),
    "depthwise": lambda b, x: relu4(b, b.conv(x, 2, 6, 3, 2, 1, groups=2)),
    "concat of unlike types": lambda b, x: b.conv(
        b.concat(b.quant(x, 0.25, 4, True), b.quant(x, 0.25, 3, True), relu4(b, x)), 6, 2
    ),
    "concat quantized per channel": lambda b, x: b.conv(
        b.quant(b.concat(b.conv(x, 2, 1), b.conv(x, 2, 2)), np.array([1, 0.5, 0.25]).reshape(1, 3, 1, 1), 4),
        3,
        2,
    ),
    "qcdq": qcdq_conv,
    "channels last": channels_last,
    "dense after channels last": dense_after_channels_last,
    "other names of the domain": lambda b, x: b.node(
        "Quant",
        [x, b.constant(0.5), b.constant(0.0), b.constant(4.0)],
        domain="onnx.brevitas",
        signed=1,
        narrow=0,
    ),
}


def gemm(b: QonnxBuilder, x: str, **attributes: Any) -> str:
    weight = b.quant(b.constant(b.random.normal(size=(5, 36) if attributes else (36, 5))), 0.25, 4, True)
    bias = b.quant(b.constant(b.random.normal(size=5)), 2.0**-4, 8, True)
    return b.node("Gemm", [b.node("Flatten", [relu4(b, b.conv(x, 2, 1))]), weight, bias], **attributes)


def qcdq_bias(b: QonnxBuilder, x: str) -> str:
    integers = b.constant(b.random.integers(-7, 8, (4, 2, 1, 1)), dtype=np.int8)
    weight = b.node("DequantizeLinear", [integers, b.constant(0.5)])
    bias = b.node(
        "DequantizeLinear", [b.constant(b.random.integers(-900, 900, 4), dtype=np.int32), b.constant(2.0**-8)]
    )
    return qcdq(b, b.node("Conv", [x, weight, bias], kernel_shape=[1, 1]), 0.25, -2)


def same_padding(b: QonnxBuilder, x: str, where: str) -> str:
    weight = b.quant(b.constant(b.random.integers(-7, 8, (4, 2, 2, 4)) / 8), 0.125, 4, True)
    x = b.node("Conv", [x, weight], kernel_shape=[2, 4], strides=[1, 3], auto_pad=where)
    return b.node("MaxPool", [relu4(b, x)], kernel_shape=[2, 2], strides=[1, 1], auto_pad=where)


GOOD |= {
    "add of accumulators with offsets": lambda b, x: b.quant(
        b.node(
            "Add",
            [
                b.node("Add", [b.conv(x, 2, 3), b.constant(0.3125)]),
                b.node("Add", [b.conv(x, 2, 3), b.constant(-2.75)]),
            ],
        ),
        0.125,
        6,
        True,
    ),
    "per channel activations of a grouped convolution": lambda b, x: relu4(
        b,
        b.conv(
            b.quant(b.conv(x, 2, 4), np.array([0.25, 0.5, 1, 0.25]).reshape(1, 4, 1, 1), 4), 4, 4, 3, groups=2
        ),
    ),
    "gemm": gemm,
    "gemm of a transposed matrix": lambda b, x: gemm(b, x, transB=1),
    "qcdq with a bias of 32 bits": qcdq_bias,
    "same padding, upper": lambda b, x: same_padding(b, x, "SAME_UPPER"),
    "same padding, lower": lambda b, x: same_padding(b, x, "SAME_LOWER"),
    "sigmoid of few bits": lambda b, x: b.quant(
        b.node("Sigmoid", [b.quant(b.conv(x, 2, 3), 0.25, 5, True)]), 2.0**-4, 4
    ),
    "mean over the map": lambda b, x: b.node(
        "ReduceMean", [relu4(b, x), b.constant([2, 3], dtype=np.int64)], keepdims=1
    ),
    "divided and negated": lambda b, x: b.quant(
        b.node("Neg", [b.node("Div", [b.conv(x, 2, 3), b.constant(-0.5)])]), 0.25, 5, True
    ),
    "subtracted from a constant": lambda b, x: b.quant(
        b.node("Sub", [b.constant(0.75), b.conv(x, 2, 3)]), 0.125, 5, True
    ),
    "what changes nothing": lambda b, x: relu4(b, b.node("Dropout", [b.node("Identity", [b.conv(x, 2, 3)])])),
    "integer quantizer by its new name": lambda b, x: b.node(
        "IntQuant",
        [x, b.constant(0.5), b.constant(0.0), b.constant(4.0)],
        domain="qonnx.custom_op.general",
        signed=1,
        narrow=0,
        rounding_mode="ROUND",
    ),
    "finn's name of the domain": lambda b, x: b.node(
        "Quant",
        [x, b.constant(0.5), b.constant(0.0), b.constant(4.0)],
        domain="finn.custom_op.general",
        signed=1,
        narrow=0,
        rounding_mode="ROUND",
    ),
}


def test_a_file_as_qkeras_and_tf2onnx_make_it(tmp_path: Path) -> None:
    """Channels last outside and first inside, biases and batch norms as nodes of their own, a reshape, a matrix."""
    b = QonnxBuilder((8, 7, 3), seed=4)
    x = b.node("Transpose", [b.quant("input", 1.0)], perm=[0, 3, 1, 2])
    weight = b.quant(b.constant(b.random.normal(size=(4, 3, 3, 3)) / 4), 2.0**-4, 6, True)
    x = b.node("Conv", [x, weight], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    bias = b.quant(b.constant(b.random.normal(size=(1, 4, 1, 1)) * 9), 0.5, 8, True)
    x = b.node("Add", [x, bias])
    x = b.node("BatchNormalization", [x, *(b.constant(v) for v in np.full((4, 4), [[0.5], [1], [2], [1]]))])
    x = b.node("Transpose", [b.quant(b.relu(x), 4.0, 5)], perm=[0, 2, 3, 1])
    x = b.node("Reshape", [x, b.constant([-1, 64], dtype=np.int64)])
    x = b.node("MatMul", [x, b.quant(b.constant(b.random.normal(size=(64, 5))), 0.25, 4, True)])
    x = b.node("Add", [x, b.quant(b.constant(b.random.normal(size=5) * 20), 1.0, 8, True)])
    check(b.save(b.quant(x, 8.0, 8, True), tmp_path))


def test_channels_last_from_the_input_on(tmp_path: Path) -> None:
    b = QonnxBuilder((6, 5, 2))
    x = b.node("Transpose", [b.quant("input", 1.0)], perm=[0, 3, 1, 2])
    path = b.save(relu4(b, b.conv(x, 2, 3, 3), 16.0), tmp_path)
    graph, result = check(path)
    assert graph.input.output.shape == (2, 6, 5)
    assert result.engines[1].tensors == 1


def test_trunc_of_opset_2(tmp_path: Path) -> None:
    b = QonnxBuilder((2, 6, 6))
    x = b.quant(b.conv(b.pixels(), 2, 3), 0.125, 8, True)
    path = b.save(trunc(b, x, 0.125, 0, 8, 1.0, 4, rounding_mode="CEIL", signed=1, narrow=1), tmp_path)
    check(path)


def test_trunc_of_opset_2_with_a_zero_point(tmp_path: Path) -> None:
    b = QonnxBuilder((2, 6, 6))
    x = b.quant(b.conv(b.pixels(), 2, 3), 0.125, 6, False, zero_point=40.0)
    x = trunc(b, x, 0.125, 40.0, 6, 0.5, 4, rounding_mode="FLOOR", signed=0, narrow=0)
    # Behind the Trunc the zero point shows in the padding.
    graph, _ = check(b.save(b.conv(x, 3, 2, 3, 1, 1), tmp_path))
    assert [node.output.zero_point for node in graph.nodes if node.output.type.bits == 4] == [10]


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
    "half a bit": (lambda b, x: b.quant(x, 0.5, 3.5), r"bit width \[3.5\] cannot be"),
    "unequal concat scales": (
        lambda b, x: b.conv(b.concat(b.quant(x, 0.5, 4, True), b.quant(x, 0.3, 4, True)), 4, 2),
        r"inputs of a concat differ in scale: .* 0.5; .* 0.3\d* \(give them one shared quantizer",
    ),
    "a rounding mode": (lambda b, x: b.quant(x, 0.5, rounding="SIDEWAYS"), r"rounding mode SIDEWAYS"),
    "another domain": (
        lambda b, x: b.node("Quant", [x], domain="elsewhere"),
        r"unsupported: Quant Quant_t\d+ of elsewhere",
    ),
    "operations of one processor": (
        lambda b, x: b.node("ReorderInput", [x], domain="com.microsoft.nchwc"),
        r"of com.microsoft.nchwc \(made for one processor: save it at .* EXTENDED or below\)",
    ),
    "a negative slope": (
        lambda b, x: b.quant(b.node("LeakyRelu", [x], alpha=-1.0), 0.5),
        r"LeakyRelu LeakyRelu_t\d+: a slope of -1.0",
    ),
    "a function without a quantizer": (lambda b, x: b.node("Tanh", [x]), "meets no quantizer"),
    "windows of several sizes": (
        lambda b, x: b.node("AveragePool", [x], kernel_shape=[2, 2], pads=[1, 1, 1, 1]),
        "windows of an average pool are of several sizes",
    ),
    "an attribute of another kind": (
        lambda b, x: b.node("MaxPool", [x], kernel_shape="3x3"),
        r"attribute kernel_shape is b'3x3', integers expected",
    ),
    "every unsupported node at once": (
        lambda b, x: b.node("Erf", [b.node("Softmax", [b.node("Cos", [b.node("Erf", [x])])])]),
        r"unsupported: Erf Erf_t\d+, Cos Cos_t\d+, Softmax Softmax_t\d+, Erf Erf_t\d+ \(see docs",
    ),
    "an add of operands whose scales per channel have no common step": (
        lambda b, x: relu4(
            b,
            b.node(
                "Add",
                [
                    conv_per_channel(b, relu4(b, b.conv(x, 2, 2), 0.1713), [0.1, 0.3, 0.7]),
                    b.conv(x, 2, 3),
                ],
            ),
        ),
        r"operand \w+ has one scale per channel, .* factors of \d+ bits .*powers of two",
    ),
    "a missing input": (lambda b, x: b.node("Add", [x]), "1 inputs where 2 belong"),
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


@pytest.mark.parametrize("location", ["", "missing.data", "../outside.data", "/etc/hostname", "."])
def test_a_tensor_in_another_file_is_read_beside_the_model_only(tmp_path: Path, location: str) -> None:
    (tmp_path / "outside.data").write_bytes(b"1234")
    folder = tmp_path / "model"
    folder.mkdir()
    path = fire_model(folder)
    model = onnx.load(str(path))
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(
        FirelineError, match=r"network\.onnx: tensor '.*' is in another file.*beside the model, or save"
    ):
        lower(path)


def test_a_dynamic_shape_is_refused(tmp_path: Path) -> None:
    path = fire_model(tmp_path)
    model = onnx.load(str(path))
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, str(path))
    with pytest.raises(FirelineError, match=r"static.*export a fixed size"):
        lower(path)
    del model.graph.input[0].type.tensor_type.shape.dim[2:]
    onnx.save(model, str(path))
    with pytest.raises(FirelineError, match=r"static.*images of four axes"):
        lower(path)


HOSTILE = [
    "../../../tmp/escape",
    '"; system("true"); //',
    "{{ 7 * 7 }}",
    "[exec touch x]",
    "a\nb",
    "\0",
    "int",
    "Ω" * 200,
]


def test_hostile_names_stay_out_of_paths_and_code(tmp_path: Path) -> None:
    from tests.firmware import harness

    path = fire_model(tmp_path)
    model = onnx.load(str(path))
    renamed = {
        name: f"{HOSTILE[i % 8]}{i}" for i, node in enumerate(model.graph.node) for name in node.output
    }
    renamed[model.graph.input[0].name] = "../input"
    for i, node in enumerate(model.graph.node):
        node.name = HOSTILE[i % len(HOSTILE)]
        for names in (node.input, node.output):
            names[:] = [renamed.get(name, name) for name in names]
    for value in (*model.graph.input, *model.graph.output):
        value.name = renamed[value.name]
    del model.graph.value_info[:]
    onnx.save(model, str(path))
    graph = lower(path, name='../"x')
    assert all(NAME.fullmatch(name) for name in (graph.name, *(node.name for node in graph.nodes)))
    folder = tmp_path / "out"
    folder.mkdir()
    project = harness.project(graph, harness.least, folder)
    written = {file.relative_to(project).as_posix() for file in project.rglob("*") if file.is_file()}
    assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", name) for name in written)
    assert sorted(tmp_path.iterdir()) == [path, folder]
    texts = "".join(
        file.read_text() for file in project.rglob("*.*") if file.suffix in (".cpp", ".h", ".tcl")
    )
    assert not [text for text in ("../../..", 'system("true")', "{{ 7", "[exec", "Ω") if text in texts]
