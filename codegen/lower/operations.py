"""What is lowered: one function for each operation of a QONNX file, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fireline.codegen.lower import convolutions, elementwise, layouts, pads, pools, quantizers, slices
from fireline.codegen.lower.onnx_file import OnnxNode
from fireline.codegen.lower.state import State


@dataclass(frozen=True)
class Operation:
    """How an operation is lowered, how many inputs it needs at least, and which attributes are read.

    An attribute that is not read may only have its default.
    """

    lower: Callable[[State, OnnxNode], None]
    inputs: int = 1
    attributes: tuple[str, ...] = ()


# Attributes of several operations; `consumed_inputs` allowed a computation in place once and changes none.
OLD = ("consumed_inputs",)
WINDOW = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")
REDUCTION = ("axes", "keepdims", "noop_with_empty_axes")  # without axes it is refused in any case
QUANT = ("narrow", "rounding_mode", "signed")
# saturate is of floating-point types; precision may name the type that is divided in.
LINEAR = ("axis", "output_dtype", "precision", "saturate")


OPERATIONS: dict[str, Operation] = {
    "Add": Operation(elementwise.add, 2, attributes=OLD),
    "AveragePool": Operation(pools.average_pool, attributes=(*WINDOW, "ceil_mode", "count_include_pad")),
    "BatchNormalization": Operation(
        elementwise.batch_normalization,
        5,
        attributes=(*OLD, "epsilon", "is_test", "momentum", "training_mode"),
    ),
    "BipolarQuant": Operation(quantizers.bipolar_quant, 2),
    "Cast": Operation(quantizers.cast, attributes=("round_mode", "saturate", "to")),
    "CastLike": Operation(quantizers.cast, 2, attributes=("round_mode", "saturate")),
    "Clip": Operation(elementwise.clip, attributes=(*OLD, "max", "min")),
    "Concat": Operation(layouts.concat, attributes=("axis",)),
    "Conv": Operation(convolutions.conv, 2, attributes=(*WINDOW, "group")),
    "DequantizeLinear": Operation(quantizers.dequantize_linear, 2, attributes=("axis", "output_dtype")),
    "Div": Operation(elementwise.div, 2, attributes=OLD),
    "Dropout": Operation(layouts.same, attributes=(*OLD, "is_test", "ratio", "seed")),
    "Flatten": Operation(layouts.flatten, attributes=("axis",)),
    "Gather": Operation(slices.take, 2, attributes=("axis",)),
    "Gemm": Operation(convolutions.gemm, 2, attributes=("alpha", "beta", "transA", "transB")),
    "GlobalAveragePool": Operation(pools.global_average),
    "GlobalMaxPool": Operation(pools.global_maxpool),
    "HardSigmoid": Operation(elementwise.hard_sigmoid, attributes=(*OLD, "alpha", "beta")),
    "Identity": Operation(layouts.same),
    "IntQuant": Operation(quantizers.quant, 4, attributes=QUANT),
    "LeakyRelu": Operation(elementwise.leaky_relu, attributes=(*OLD, "alpha")),
    "MatMul": Operation(convolutions.matmul, 2),
    "Max": Operation(elementwise.maximum, 2, attributes=OLD),
    "MaxPool": Operation(pools.maxpool, attributes=(*WINDOW, "ceil_mode", "storage_order")),
    "Min": Operation(elementwise.minimum, 2, attributes=OLD),
    "Mul": Operation(elementwise.mul, 2, attributes=OLD),
    "Neg": Operation(elementwise.neg, attributes=OLD),
    "PRelu": Operation(elementwise.prelu, 2, attributes=OLD),
    "Pad": Operation(pads.pad, attributes=("mode", "pads", "value")),
    "Quant": Operation(quantizers.quant, 4, attributes=QUANT),
    "QuantizeLinear": Operation(quantizers.quantize_linear, 2, attributes=LINEAR),
    "ReduceMax": Operation(pools.reduce_max, attributes=REDUCTION),
    "ReduceMean": Operation(pools.reduce_mean, attributes=REDUCTION),
    "ReduceSum": Operation(pools.reduce_sum, attributes=REDUCTION),
    "Relu": Operation(elementwise.relu, attributes=OLD),
    "Reshape": Operation(layouts.reshape, 2, attributes=(*OLD, "allowzero")),
    "Shape": Operation(layouts.shape, attributes=("end", "start")),
    "Sigmoid": Operation(elementwise.sigmoid, attributes=OLD),
    "Slice": Operation(slices.take, attributes=("axes", "ends", "starts")),
    "Split": Operation(slices.take, attributes=("axis", "num_outputs", "split")),
    "Squeeze": Operation(layouts.squeeze, attributes=("axes",)),
    "Sub": Operation(elementwise.sub, 2, attributes=OLD),
    "Sum": Operation(elementwise.total, attributes=OLD),
    "Tanh": Operation(elementwise.tanh, attributes=OLD),
    "Transpose": Operation(layouts.transpose, attributes=("perm",)),
    "Unsqueeze": Operation(layouts.unsqueeze, attributes=("axes",)),
    "Trunc": Operation(quantizers.trunc, 5, attributes=QUANT),
}
