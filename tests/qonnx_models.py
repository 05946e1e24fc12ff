"""QONNX files made node by node with random weights: tests of lowering and of the whole line start from these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class QonnxBuilder:
    """Appends ONNX nodes; every method returns the name of the tensor it makes."""

    def __init__(self, shape: tuple[int, int, int], seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.shape = shape
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.shapes: list[onnx.ValueInfoProto] = []  # that qonnx does not infer
        self.opset = 2  # of QONNX's own operations

    def constant(self, values: Any, name: str | None = None, dtype: Any = np.float32) -> str:
        name = name or f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, op: str, inputs: list[str], **attributes: Any) -> str:
        domain = attributes.pop("domain", "")
        output = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(op, inputs, [output], f"{op}_{output}", domain=domain, **attributes)
        )
        return output

    def quant(
        self,
        x: str,
        scale: Any,
        bits: float = 8,
        signed: bool = False,
        narrow: bool = False,
        zero_point: Any = 0.0,
        rounding: str = "ROUND",
    ) -> str:
        inputs = [x, self.constant(scale), self.constant(zero_point), self.constant(float(bits))]
        output = self.node(
            "Quant",
            inputs,
            domain="qonnx.custom_op.general",
            signed=int(signed),
            narrow=int(narrow),
            rounding_mode=rounding,
        )
        for tensor in self.initializers:
            if tensor.name == x:
                self.shapes.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, tensor.dims))
        return output

    def known(self, x: str, *sides: int) -> str:
        """`x`, its shape (1, *sides) written down in the file."""
        self.shapes.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, (1, *sides)))
        return x

    def pixels(self) -> str:
        """Raw bytes in, (x - 128) / 128 as an 8-bit signed activation out."""
        x = self.quant("input", 1.0)
        x = self.node("Sub", [x, self.constant(128.0)])
        x = self.node("Div", [x, self.constant(128.0)])
        return self.quant(x, 2.0**-7, signed=True)

    def conv(
        self,
        x: str,
        depth: int,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        padding: int = 0,
        *,
        bits: int = 4,
        scale: Any = 2.0**-4,
        bias_scale: Any = None,
        groups: int = 1,
    ) -> str:
        """A convolution with random weights over the whole integer range; a bias where `bias_scale` is given."""
        limit = 2 ** (bits - 1) - 1
        shape = (channels, depth // groups, kernel, kernel)
        integers = self.random.integers(-limit, limit + 1, shape)
        weight = self.quant(self.constant(integers * np.asarray(scale, np.float32)), scale, bits, True, True)
        inputs = [x, weight]
        if bias_scale is not None:
            bias = self.random.integers(-40, 41, channels) * np.broadcast_to(bias_scale, channels)
            inputs.append(self.quant(self.constant(bias), bias_scale, 32, True))
        return self.node(
            "Conv",
            inputs,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[padding] * 4,
            dilations=[1, 1],
            group=groups,
        )

    def relu(self, x: str) -> str:
        return self.node("Relu", [x])

    def concat(self, *x: str) -> str:
        return self.node("Concat", list(x), axis=1)

    def maxpool(self, x: str, kernel: int = 3, stride: int = 2, ceil: bool = True, padding: int = 0) -> str:
        return self.node(
            "MaxPool",
            [x],
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[padding] * 4,
            ceil_mode=int(ceil),
        )

    def model(self, output: str) -> onnx.ModelProto:
        """The whole model; the output's shape is left to inference."""
        graph = helper.make_graph(
            self.nodes,
            "network",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, (1, *self.shape))],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
            self.initializers,
            value_info=self.shapes,
        )
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid("qonnx.custom_op.general", self.opset)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, output: str, folder: Path, name: str = "network") -> Path:
        path = folder / f"{name}.onnx"
        onnx.save(self.model(output), str(path))
        return path


def fire_model(folder: Path, seed: int = 0, size: int = 11) -> Path:
    """Stem, ceil-mode pool, two Fires, one with a bypass, classifier, average: a SqueezeNet in small."""
    b = QonnxBuilder((3, size, size), seed)
    x = b.pixels()
    x = b.quant(b.relu(b.conv(x, 3, 8, 3, 2, 1, bias_scale=2.0**-11)), 2.0**-3, 4)
    x = b.maxpool(x)
    x = fire(b, x, 8, 4, 8)
    y = fire(b, x, 16, 4, 8)
    x = b.quant(b.node("Add", [x, y]), 2.0**-1, 4)
    x = b.quant(b.relu(b.conv(x, 16, 10, bias_scale=2.0**-5)), 2.0**-2, 6)
    x = b.node("GlobalAveragePool", [x])
    return b.save(b.node("Flatten", [x]), folder)


def fire(b: QonnxBuilder, x: str, depth: int, squeeze: int, expand: int) -> str:
    s = b.quant(b.relu(b.conv(x, depth, squeeze)), 2.0**-2, 4)
    left, right = b.conv(s, squeeze, expand), b.conv(s, squeeze, expand, 3, 1, 1)
    return b.quant(b.relu(b.concat(left, right)), 2.0**-2, 4)
