"""What is lowered: one function for each operation of a QONNX file, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fireline.codegen.lower import convolutions, elementwise, layouts, pads, pools, quantizers
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.state import State


@dataclass(frozen=True)
class Operation:
    """How an operation is lowered, and how many inputs it needs at least."""

    lower: Callable[[State, OnnxNode], None]
    inputs: int = 1


OPERATIONS: dict[str, Operation] = {
    "Add": Operation(elementwise.add, 2),
    "AveragePool": Operation(pools.average_pool),
    "BatchNormalization": Operation(elementwise.batch_normalization, 5),
    "BipolarQuant": Operation(quantizers.bipolar_quant, 2),
    "Clip": Operation(elementwise.clip),
    "Concat": Operation(layouts.concat),
    "Conv": Operation(convolutions.conv, 2),
    "DequantizeLinear": Operation(quantizers.dequantize_linear, 2),
    "Div": Operation(elementwise.div, 2),
    "Dropout": Operation(layouts.same),
    "Flatten": Operation(layouts.flatten),
    "Gemm": Operation(convolutions.gemm, 2),
    "GlobalAveragePool": Operation(pools.global_average),
    "HardSigmoid": Operation(elementwise.hard_sigmoid),
    "Identity": Operation(layouts.same),
    "IntQuant": Operation(quantizers.quant, 4),
    "LeakyRelu": Operation(elementwise.leaky_relu),
    "MatMul": Operation(convolutions.matmul, 2),
    "MaxPool": Operation(pools.maxpool),
    "Mul": Operation(elementwise.mul, 2),
    "Neg": Operation(elementwise.neg),
    "PRelu": Operation(elementwise.prelu, 2),
    "Pad": Operation(pads.pad),
    "Quant": Operation(quantizers.quant, 4),
    "QuantizeLinear": Operation(quantizers.quantize_linear, 2),
    "ReduceMean": Operation(pools.reduce_mean),
    "ReduceSum": Operation(pools.reduce_sum),
    "Relu": Operation(elementwise.relu),
    "Reshape": Operation(layouts.reshape, 2),
    "Shape": Operation(layouts.shape),
    "Sigmoid": Operation(elementwise.sigmoid),
    "Squeeze": Operation(layouts.flatten),
    "Sub": Operation(elementwise.sub, 2),
    "Tanh": Operation(elementwise.tanh),
    "Transpose": Operation(layouts.transpose),
    "Trunc": Operation(quantizers.trunc, 5),
}
