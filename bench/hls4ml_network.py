"""A SqueezeNet as hls4ml can take it: one power-of-two scale per tensor, 2x2 pools, no average at the end.

Random integer weights; scales keep the activations of random pixels within their range.
"""

from __future__ import annotations

from math import log2, sqrt
from pathlib import Path

from fireline.model.architecture import Conv, SqueezeNet
from tests.qonnx_models import QonnxBuilder

BITS = 8


def write_model(config: SqueezeNet, folder: Path) -> Path:
    """The QONNX file of `config` without its global average pool, W8A8."""
    assert not config.pool.ceil_mode and config.bypass == "none" and config.batch_norm == "none"
    builder = QonnxBuilder(config.input)
    convs = {conv.name: conv for conv in config.convolutions()}

    def conv(x: str, conv: Conv, terms: int) -> str:
        """A convolution whose sums of `terms` products of about 70 x 70 are as large as its inputs."""
        scale = 2.0 ** -round(log2(sqrt(terms) * 70))
        sizes = conv.inputs, conv.outputs, conv.kernel, conv.stride, conv.padding
        return builder.conv(x, *sizes, bits=BITS, scale=scale, bias_scale=scale)

    def activation(x: str) -> str:
        return builder.quant(builder.relu(x), 1.0, BITS)

    def pooled(x: str, stage: int) -> str:
        size, stride, _ = config.pool
        return builder.maxpool(x, size, stride, False) if stage in config.pools else x

    first, last = convs["conv1"], convs["conv10"]
    x = activation(conv(builder.quant("input", 1.0), first, first.inputs * first.kernel**2))
    x = pooled(x, 1)
    for stage, fire in enumerate(config.fires, start=2):
        name = f"fire{stage}"
        x = activation(conv(x, convs[f"{name}.squeeze"], convs[f"{name}.squeeze"].inputs))
        branches = [conv(x, convs[f"{name}.{part}"], fire.squeeze * 5) for part in ("expand1x1", "expand3x3")]
        x = pooled(activation(builder.concat(*branches)), stage)
    return builder.save(activation(conv(x, last, last.inputs)), folder)
