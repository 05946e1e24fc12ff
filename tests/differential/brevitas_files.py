"""Files that Brevitas exports, QCDQ and QONNX, over its quantizers and both of torch's exporters."""

from __future__ import annotations

import logging
from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import brevitas.quant as bq
import numpy as np
import onnx
import torch
from brevitas import nn as qnn
from brevitas.export import export_onnx_qcdq, export_qonnx
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from torch import Tensor, nn

from tests.differential.case import Case, NotMade, Tensors
from tests.differential.onnxruntime_files import onnxruntime_values

WEIGHTS = (
    "Int8WeightPerTensorFloat",
    "Int8WeightPerChannelFloat",
    "Int8WeightPerTensorFixedPoint",
    "Int8WeightPerChannelFloatMSE",
    "ShiftedUint8WeightPerTensorFloat",
    "ShiftedUint8WeightPerChannelFloat",
)
RARE_WEIGHTS = (
    "Int8WeightPerTensorFixedPointMSE",
    "Int8WeightPerTensorFloatMSE",
    "Int8WeightPerChannelFixedPointMSE",
    "Int8WeightNormL2PerChannelFixedPoint",
    "Int8WeightPerChannelFloatDecoupled",
    "ShiftedUint8WeightPerChannelFloatMSE",
)
QCDQ_WEIGHTS = (
    "ShiftedUint8WeightPerTensorFloatHQO",
)  # zero points between integers, which QCDQ cannot have
BINARY_WEIGHTS = ("SignedBinaryWeightPerTensorConst", "SignedTernaryWeightPerTensorConst")  # QONNX alone
SHIFTED = (
    "ShiftedUint8ActPerTensorFloat",
    "ShiftedUint8ActPerTensorFloatMSE",
    "ShiftedUint8ActPerTensorFixedPoint",
)
SIGNED = (
    "Int8ActPerTensorFloat",
    "Int8ActPerTensorFixedPoint",
    "Int8ActPerTensorFloatMSE",
    "Int8ActPerTensorFixedPointMSE",
)
UNSIGNED = (
    "Uint8ActPerTensorFloat",
    "Uint8ActPerTensorFixedPoint",
    "Uint8ActPerTensorFloatMSE",
    "Uint8ActPerTensorFixedPointMSE",
)
ROUNDINGS = ("ROUND", "ROUND", "FLOOR", "CEIL", "ROUND_TO_ZERO")  # QONNX alone has others than ROUND


class Joined(nn.Module):
    """Two branches of one input, concatenated or added, with one quantizer behind or one shared by both before."""

    def __init__(self, left: nn.Module, right: nn.Module, shared: nn.Module, add: bool, before: bool) -> None:
        super().__init__()
        self.left, self.right, self.shared, self.add, self.before = left, right, shared, add, before

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.left(x), self.right(x)
        if self.before:
            a, b = self.shared(a), self.shared(b)
        joined = a + b if self.add else torch.cat([plain(a), plain(b)] if not self.before else [a, b], 1)
        return joined if self.before else self.shared(joined)


def plain(x: Any) -> Any:
    return x.value if hasattr(x, "value") else x


class Plain(nn.Module):
    """The tensor alone, without its scale and zero point, which would be outputs of the file."""

    def forward(self, x: Any) -> Any:
        return plain(x)


class Draw:
    """Layers drawn with a seed."""

    def __init__(self, seed: int, qcdq: bool, dynamo: bool) -> None:
        self.random, self.qcdq = np.random.default_rng(seed), qcdq
        # Brevitas 0.13 cannot export quantized biases as QCDQ with torch's newer exporter.
        self.biases = ("Int32Bias", "Int8BiasPerTensorFloatInternalScaling") if not (qcdq and dynamo) else ()
        self.weights = (*WEIGHTS * 2, *RARE_WEIGHTS, *(QCDQ_WEIGHTS if qcdq else BINARY_WEIGHTS * 2))
        self.channels, self.side = self.one(1, 3), self.one(6, 8, 9)
        self.used: list[str] = []
        self.biased = (
            True  # bias correction, which gives every layer a bias, leaves an output that can be read
        )

    def one(self, *values: Any) -> Any:
        return values[int(self.random.integers(len(values)))]

    def bits(self, *values: int) -> int:
        return int(self.one(*values))

    def first(self) -> nn.Module:
        """The quantizer of the network's input; the integer graph has it with full range and ROUND."""
        name = self.one(*SIGNED, *UNSIGNED, *SHIFTED)
        bits = self.bits(2, 4, 8, 8, 8 if self.qcdq else 16)
        self.used += ["input", name, f"bit_width={bits}"]
        return qnn.QuantIdentity(act_quant=getattr(bq, name), bit_width=bits, return_quant_tensor=True)

    def act(self, signed: bool, channels: int | None = None) -> nn.Module:
        """`channels`: one scale for each of so many, now and then."""
        name = self.one(*(SIGNED if signed else UNSIGNED), *SHIFTED[: self.one(0, 3)])
        bits = self.bits(2, 3, 4, 6, 8, 8, 8, 8 if self.qcdq else 16)  # QCDQ ends at 8
        options: dict[str, Any] = {"bit_width": bits, "return_quant_tensor": True}
        if channels and "Shifted" not in name and "MSE" not in name and self.one(True, *[False] * 5):
            options |= {
                "scaling_per_output_channel": True,
                "per_channel_broadcastable_shape": (1, channels, 1, 1),
                "scaling_stats_permute_dims": (1, 0, 2, 3),
            }
        if not self.qcdq:
            options["float_to_int_impl_type"] = self.one(*ROUNDINGS)
        if signed and self.one(True, False, False):
            options["narrow_range"] = True
        self.used += [name, *(f"{key}={value}" for key, value in options.items())]
        layers = (qnn.QuantIdentity, qnn.QuantIdentity, qnn.QuantTanh) if signed else (qnn.QuantReLU,) * 3
        if not signed and self.one(True, *[False] * 5):
            layers = (qnn.QuantSigmoid,) * 3
        return self.one(*layers)(act_quant=getattr(bq, name), **options)

    def conv(self, channels: int, kernel: int, stride: int = 1, depth: int | None = None) -> nn.Module:
        name = self.one(*self.weights)
        depth = depth or self.channels
        options: dict[str, Any] = {"groups": depth if depth == channels and self.one(True, False) else 1}
        if name not in BINARY_WEIGHTS:
            options["weight_bit_width"] = self.bits(2, 3, 4, 8, 8)
            if not self.qcdq:
                options["weight_float_to_int_impl_type"] = self.one(*ROUNDINGS)
        bias = self.one(None, None, "float", *self.biases)
        if bias not in (None, "float"):
            options["bias_quant"] = getattr(bq, bias)
        self.used += [name, *(f"{key}={value}" for key, value in options.items()), str(bias)]
        return qnn.QuantConv2d(
            depth,
            channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            bias=bias is not None,
            weight_quant=getattr(bq, name),
            **options,
        )

    def conv_block(self) -> list[nn.Module]:
        channels, stride = self.one(2, 4, 6), self.one(1, 1, 2)
        layers = [self.conv(channels, self.one(1, 3), stride)]
        self.channels, self.side = channels, -(-self.side // stride)
        if self.one(True, False, False):
            layers.append(self.norm(channels))
        return [*layers, self.act(self.one(True, False, False), channels)]

    def norm(self, channels: int) -> nn.Module:
        norm = nn.BatchNorm2d(channels)
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.normal_(norm.bias, 0, 0.5)
        return norm

    def fire_block(self) -> list[nn.Module]:
        squeeze = [self.conv(2, 1), self.act(False)]
        branches = [self.conv(self.one(2, 4), kernel, 1, 2) for kernel in (1, 3)]
        self.channels = sum(branch.out_channels for branch in branches)
        return [*squeeze, Joined(*branches, self.act(self.one(True, False)), False, self.one(True, False))]

    def bypass_block(self) -> list[nn.Module]:
        both = self.conv(self.channels, 3), self.conv(self.channels, 1)
        return [Joined(*both, self.act(self.one(True, False)), True, self.one(True, False)), self.act(False)]

    def pool_block(self) -> list[nn.Module]:
        kind = self.one("max", "max", "trunc")
        if self.side < 4:
            return []
        if kind == "max":
            kernel = self.one(2, 3)
            self.side = (self.side - kernel) // 2 + 1
            return [nn.MaxPool2d(kernel, 2)]
        self.side = (self.side - 2) // 2 + 1
        if self.qcdq:
            return [nn.AvgPool2d(2, 2), self.act(True)]
        rounding = self.one("FLOOR", "ROUND")
        return [qnn.TruncAvgPool2d(2, 2, bit_width=self.one(4, 8), float_to_int_impl_type=rounding)]

    def tail(self) -> list[nn.Module]:
        kind = self.one("none", "average", "linear", "linear quantized")
        match kind:
            case "none":
                return []
            case "average":
                return [nn.AdaptiveAvgPool2d(1), self.act(True)]
        self.biased = kind == "linear quantized"
        name = self.one(*WEIGHTS)
        linear = qnn.QuantLinear(
            self.channels * self.side**2, 5, bias=False, weight_quant=getattr(bq, name), weight_bit_width=4
        )
        return [nn.Flatten(), linear, *([self.act(True)] if kind == "linear quantized" else [])]

    def network(self) -> nn.Module:
        layers = [self.first()]
        layers += self.conv_block()
        for _ in range(int(self.random.integers(0, 4))):
            layers += self.one(self.conv_block, self.fire_block, self.bypass_block, self.pool_block)()
        return nn.Sequential(*layers, *self.tail(), Plain())


def qcdq(seed: int, folder: Path) -> Case:
    """Integer weights, QuantizeLinear, Clip, DequantizeLinear."""
    return _exported(seed, folder, "qcdq", export_onnx_qcdq)


def qonnx(seed: int, folder: Path) -> Case:
    """QONNX's Quant, BipolarQuant and Trunc."""
    return _exported(seed, folder, "qonnx", export_qonnx)


def exported(seed: int, folder: Path, format: str, dynamo: bool) -> tuple[Path, np.ndarray, str]:
    """A network's file, images for it, and what it is made of."""
    torch.manual_seed(seed)
    draw = Draw(seed, format == "qcdq", dynamo)
    shape = (draw.channels, draw.side, draw.side)
    network, images = draw.network(), torch.randn(4, *shape)
    calibrated = draw.one(True, False)
    try:
        _settle(network, calibrated, draw.biased, shape)
    except (RuntimeError, AssertionError) as error:
        raise NotMade(f"Brevitas: {error}") from error
    export = export_onnx_qcdq if format == "qcdq" else export_qonnx
    logging.disable(logging.ERROR)
    try:
        with redirect_stdout(StringIO()):
            path = folder / "model.onnx"
            export(network, args=images[:1], export_path=str(path), dynamo=dynamo)
    except Exception as error:
        raise NotMade(f"Brevitas exports no {format}, dynamo={dynamo}: {error}") from error
    finally:
        logging.disable(logging.NOTSET)
    model = onnx.load(str(path))
    model.ir_version = min(
        model.ir_version, 10
    )  # onnx writes the newest, onnxruntime reads no newer than its own
    onnx.save(model, str(path))
    return path, images.numpy(), f"dynamo={dynamo} {' '.join(draw.used)} calibrated={calibrated}"


def _settle(network: nn.Module, calibrated: bool, biased: bool, shape: tuple[int, ...]) -> None:
    """Batches in training mode or in calibration, as Brevitas' users give them."""
    with torch.no_grad():
        if calibrated:
            with calibration_mode(network):
                network(torch.randn(8, *shape))
            if biased:
                with bias_correction_mode(network):
                    network(torch.randn(8, *shape))
        else:
            network.train()
            for _ in range(2):
                network(torch.randn(4, *shape))
        network.eval()
        network(torch.randn(1, *shape))


def _exported(seed: int, folder: Path, format: str, export: Any) -> Case:
    path, images, what = exported(seed, folder, format, dynamo=seed % 4 == 3)
    run = onnxruntime_values if format == "qcdq" else qonnx_values
    return Case(path, images[0], partial(run, path), what)


def qonnx_values(path: Path, image: np.ndarray) -> Tensors:
    """Every tensor as the QONNX executor computes it."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    made = onnx.load(str(path))
    for node in made.graph.node:
        for attribute in node.attribute:
            if attribute.s == b"ROUND_TO_ZERO":  # Brevitas' name for what the executor knows as DOWN
                attribute.s = b"DOWN"
    model = ModelWrapper(made).transform(InferShapes())
    name = model.graph.input[0].name
    context: Tensors = execute_onnx(
        model, {name: image[None].astype(np.float32)}, return_full_exec_context=True
    )
    return context
