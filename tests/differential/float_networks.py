"""Random small float networks as ONNX files: what a user hands to a quantizer."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from fireline.graph import Shape

INPUT, OUTPUT = "input", "logits"


@dataclass
class FloatBuilder:
    """Appends float operations to a chain; `x` is the tensor at its end, of `shape` (C, H, W)."""

    random: np.random.Generator
    shape: Shape
    x: str = INPUT
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    initializers: list[onnx.TensorProto] = field(default_factory=list)

    def one(self, *values: Any) -> Any:
        return values[int(self.random.integers(len(values)))]

    def flag(self, share: float = 0.5) -> bool:
        return bool(self.random.random() < share)

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        name = f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, list(inputs), [f"{name}_out"], name, **attributes))
        return f"{name}_out"

    def conv(
        self, x: str, depth: int, channels: int, kernel: int, stride: int, pads: int, groups: int = 1
    ) -> str:
        shape = (channels, depth // groups, kernel, kernel)
        inputs = [x, self.constant(self.random.normal(0, (depth * kernel) ** -0.5, shape))]
        if self.flag(0.7):
            inputs.append(self.constant(self.random.normal(0, 0.3, channels)))
        return self.node(
            "Conv", *inputs, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pads] * 4, group=groups
        )

    def function(self, x: str) -> str:
        kind = self.one("relu", "relu", "relu", "relu", "none", "leaky", "clip", "sigmoid", "tanh")
        match kind:
            case "relu":
                return self.node("Relu", x)
            case "leaky":
                return self.node("LeakyRelu", x, alpha=0.125)
            case "clip":
                return self.node("Clip", x, self.constant(0.0), self.constant(6.0))
            case "sigmoid" | "tanh":
                return self.node(str(kind).capitalize(), x)
        return x

    def conv_block(self) -> None:
        depth, height, width = self.shape
        kernel, stride = self.one(1, 1, 3), self.one(1, 1, 2)
        pads = self.one(0, kernel // 2)
        groups = depth if self.flag(0.15) else 1
        channels = groups * self.one(1, 2) if groups > 1 else self.one(1, 3, 4, 8)
        if min(height, width) + 2 * pads < kernel:
            return
        self.x = self.conv(self.x, depth, channels, kernel, stride, pads, groups)
        sides = [(side + 2 * pads - kernel) // stride + 1 for side in (height, width)]
        self.shape = (channels, sides[0], sides[1])
        if self.flag(0.3):
            factors = [self.random.uniform(0.5, 2, channels), *self.random.normal(0, 0.5, (2, channels))]
            parameters = [*factors, self.random.uniform(0.5, 2, channels)]
            self.x = self.node("BatchNormalization", self.x, *map(self.constant, parameters))
        self.x = self.function(self.x)

    def fire_block(self) -> None:
        depth, height, width = self.shape
        squeezed = self.node("Relu", self.conv(self.x, depth, 2, 1, 1, 0))
        left, right = self.conv(squeezed, 2, 4, 1, 1, 0), self.conv(squeezed, 2, 4, 3, 1, 1)
        if self.flag():
            self.x = self.node("Concat", self.node("Relu", left), self.node("Relu", right), axis=1)
        else:
            self.x = self.node("Relu", self.node("Concat", left, right, axis=1))
        self.shape = (8, height, width)

    def bypass_block(self) -> None:
        y = self.function(self.conv(self.x, self.shape[0], self.shape[0], 3, 1, 1))
        self.x = self.node("Add", y, self.x) if self.flag() else self.node("Add", self.x, y)
        if self.flag(0.7):
            self.x = self.node("Relu", self.x)

    def pool_block(self) -> None:
        channels, height, width = self.shape
        kernel, stride = self.one(2, 3), self.one(1, 2)
        if min(height, width) < kernel:
            return
        op, attributes = self.one("MaxPool", "MaxPool", "AveragePool"), {}
        room = [side - kernel for side in (height, width)]
        ceil = op == "MaxPool" and self.flag()
        if ceil:
            attributes["ceil_mode"] = 1
        self.x = self.node(op, self.x, kernel_shape=[kernel] * 2, strides=[stride] * 2, **attributes)
        sides = [(-(-r // stride) if ceil else r // stride) + 1 for r in room]
        self.shape = (channels, sides[0], sides[1])

    def shuffle_block(self) -> None:
        """Channels taken in turn from each of some groups, as ShuffleNet's."""
        channels, *sides = self.shape
        groups = self.one(*(n for n in (2, 3, 4) if channels % n == 0), 1)
        one = self.flag()  # axis for the map
        split = [1, groups, channels // groups, *([int(np.prod(sides))] if one else sides)]
        x = self.node("Reshape", self.x, self.constant(split, np.int64))
        x = self.node("Transpose", x, perm=[0, 2, 1, 3] if one else [0, 2, 1, 3, 4])
        self.x = self.node("Reshape", x, self.constant([self.one(0, 1), -1, *sides], np.int64))

    def tail(self) -> None:
        kind = self.one("none", "average", "average", "flat average", "gemm", "classifier")
        channels, height, width = self.shape
        if kind == "classifier":
            self.x = self.node("Relu", self.conv(self.x, channels, 5, 1, 1, 0))
        if kind in ("average", "flat average", "classifier"):
            self.x = self.node("GlobalAveragePool", self.x)
        if kind in ("flat average", "gemm"):
            self.x = self.node("Flatten", self.x)
        if kind == "gemm":
            values = channels * height * width
            weight = self.constant(self.random.normal(0, values**-0.5, (5, values)))
            self.x = self.node("Gemm", self.x, weight, self.constant(self.random.normal(0, 0.3, 5)), transB=1)


def float_network(seed: int, folder: Path) -> tuple[Path, np.ndarray]:
    """A network of 1 to 4 blocks drawn with `seed`, and images (N, C, H, W) that it may be calibrated with."""
    random = np.random.default_rng(seed)
    shape = (int(random.choice([1, 3])), int(random.integers(5, 10)), int(random.integers(5, 10)))
    b = FloatBuilder(random, shape)
    images = random.normal(0, 1, (4, *shape)).astype(np.float32)
    b.conv_block()
    for _ in range(int(random.integers(0, 4))):
        b.one(b.conv_block, b.fire_block, b.fire_block, b.bypass_block, b.pool_block, b.shuffle_block)()
    b.tail()
    if not b.nodes:
        b.x = b.node("Relu", b.conv(b.x, shape[0], 2, 1, 1, 0))
    b.nodes[-1].output[0] = OUTPUT
    graph = helper.make_graph(
        b.nodes,
        "network",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, (1, *shape))],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, None)],
        b.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "float.onnx"
    onnx.save(onnx.shape_inference.infer_shapes(model, strict_mode=True), str(path))
    return path, images
