"""The Brevitas twin of a network: the same modules, quantized, every scale a power of two.

Raw pixels enter through an 8-bit quantizer of scale 1, so that what the exported file takes is what a camera gives;
centred, they are 8-bit integers of scale 2**-7. A convolution has weights with one scale per output channel and a
32-bit bias at the scale of its accumulator; a quantizer with one scale follows each activation. The exponents of all
other scales are parameters: `fireline.quant.calibrate` chooses them, fine-tuning may move them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from brevitas import nn as qnn
from brevitas.core.function_wrapper import RoundSte
from brevitas.quant import Int8ActPerTensorFixedPoint, Int32Bias, Uint8ActPerTensorFixedPoint
from brevitas.quant.fixed_point import Int8WeightPerChannelFixedPoint
from torch import Tensor, nn

from fireline.model.architecture import Activation, Conv
from fireline.model.network import Network, curved
from fireline.quant.bits import Precision

# A scale that is a parameter, restricted to the power of two nearest on the logarithmic scale. A calibrated exponent
# then stands in the middle of those that round to it, and fine-tuning does not upset it by a hair.
_POWER_OF_TWO = {
    "scaling_impl_type": "parameter",
    "restrict_value_float_to_int_impl": RoundSte,
    "scaling_min_val": None,
    "scaling_init": 1.0,
}
_UNSIGNED = Uint8ActPerTensorFixedPoint.let(**_POWER_OF_TWO)
_SIGNED = Int8ActPerTensorFixedPoint.let(**_POWER_OF_TWO)
_WEIGHT = Int8WeightPerChannelFixedPoint.let(**_POWER_OF_TWO)

# Brevitas states a fixed-point scale by the value at which the range ends: 2**8 for pixels of scale 1.
_PIXELS = Uint8ActPerTensorFixedPoint.let(scaling_impl_type="const", scaling_init=256.0)
_CENTRED = Int8ActPerTensorFixedPoint.let(scaling_impl_type="const", scaling_init=1.0)

FIXED = ("pixels", "centred")  # activation quantizers whose scales are what they are


class TwinLayers:
    """Quantized layers, their bits from `precision`."""

    def __init__(self, precision: Precision) -> None:
        self.precision = precision

    def pixels(self) -> Any:
        return qnn.QuantIdentity(act_quant=_PIXELS, return_quant_tensor=True)

    def centred(self) -> Any:
        return qnn.QuantIdentity(act_quant=_CENTRED, return_quant_tensor=True)

    def conv(self, conv: Conv) -> Any:
        return qnn.QuantConv2d(
            conv.inputs,
            conv.outputs,
            conv.kernel,
            stride=conv.stride,
            padding=conv.padding,
            bias=True,
            weight_quant=_WEIGHT,
            weight_bit_width=self.precision.of(conv.name).weight,
            bias_quant=Int32Bias,
        )

    def relu(self, name: str) -> Any:
        bits = self.precision.of(name).activation
        return qnn.QuantReLU(act_quant=_UNSIGNED, bit_width=bits, return_quant_tensor=True)

    def classifier(self, name: str, activation: Activation) -> Any:
        bits = self.precision.of(name).activation
        if activation == "relu":
            return qnn.QuantReLU(act_quant=_UNSIGNED, bit_width=bits)
        return nn.Sequential(
            qnn.QuantIdentity(act_quant=_SIGNED, bit_width=bits),
            curved(activation),
            qnn.QuantIdentity(act_quant=_SIGNED, bit_width=bits),
        )


def build_twin(network: Network, precision: Precision) -> Network:
    """The quantized twin of a float network without batch norm, with its weights; its scales are still to be chosen.

    Raises:
        FirelineError: `precision` names a layer that is not there.
    """
    assert network.config.batch_norm == "none", "batch norm is folded first"
    precision.check(conv.name for conv in network.config.convolutions())
    twin = Network(network.config, TwinLayers(precision))
    ours = dict(twin.named_parameters())
    with torch.no_grad():
        for name, value in network.named_parameters():
            ours[name].copy_(value)
    return twin


def convolutions(twin: nn.Module) -> Iterator[tuple[str, Any]]:
    """The quantized convolutions of a twin, by dotted path, in the order they run."""
    return ((path, module) for path, module in twin.named_modules() if isinstance(module, qnn.QuantConv2d))


def activations(twin: nn.Module) -> Iterator[tuple[str, Any]]:
    """The activation quantizers of a twin, those of the pixels included, by dotted path, in the order they run."""
    kinds = (qnn.QuantReLU, qnn.QuantIdentity)
    return ((path, module) for path, module in twin.named_modules() if isinstance(module, kinds))


def integer_range(quantizer: Any) -> tuple[int, int]:
    """Lowest and highest integer of a weight or activation quantizer."""
    bits, signed = int(quantizer.bit_width()), bool(quantizer.is_signed)
    if not signed:
        return 0, (1 << bits) - 1
    high = (1 << (bits - 1)) - 1
    return -high if quantizer.is_narrow_range else -high - 1, high


def set_exponents(quantizer: Any, exponents: Tensor) -> None:
    """Make 2**`exponents` the scale of a weight or activation quantizer: one number, or one per output channel.

    The parameter of a fixed-point scale is the logarithm of the value at which the range of integers ends.
    """
    inner = getattr(quantizer, "fused_activation_quant_proxy", quantizer)
    parameter = inner.tensor_quant.scaling_impl.value
    end = exponents + int(quantizer.bit_width()) - int(quantizer.is_signed)
    with torch.no_grad():
        parameter.copy_(end.reshape(parameter.shape))


class ConvInput(NamedTuple):
    """What enters a convolution: integers of magnitude at most `limit`, times `scale`."""

    scale: float
    limit: int


def conv_inputs(twin: Network) -> dict[str, ConvInput]:
    """The inputs of all convolutions of a twin, by dotted path."""
    inputs: dict[str, ConvInput] = {}

    def note(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, arguments: tuple[Any, ...]) -> None:
            x = arguments[0]
            bits = int(x.bit_width)
            inputs[path] = ConvInput(float(x.scale), 1 << (bits - 1) if x.signed else (1 << bits) - 1)

        return hook

    with ExitStack() as hooks, torch.inference_mode():
        for path, module in convolutions(twin):
            hooks.enter_context(module.register_forward_pre_hook(note(path)))
        twin.eval()(torch.zeros(1, *twin.config.input))
    return inputs
