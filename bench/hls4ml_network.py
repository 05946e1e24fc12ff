"""A SqueezeNet as hls4ml can take it: one power-of-two scale per tensor, 2x2 pools, no average at the end.

Random integer weights; scales keep the activations of random pixels within their range.
"""

from __future__ import annotations

from math import log2, sqrt
from pathlib import Path

from fireline.model.architecture import Conv, SqueezeNet
from tests.qonnx_models import QonnxBuilder

BITS = 8
WEIGHT_SCALE = 2.0**-7


def write_model(config: SqueezeNet, folder: Path) -> Path:
    """The QONNX file of `config` without its global average pool, W8A8."""
    assert not config.pool.ceil_mode and config.bypass == "none" and config.batch_norm == "none"
    builder = QonnxBuilder(config.input)
    convs = {conv.name: conv for conv in config.convolutions()}

    def conv(x: str, scale: float, conv: Conv) -> str:
        return builder.conv(
            x,
            conv.inputs,
            conv.outputs,
            conv.kernel,
            conv.stride,
            conv.padding,
            bits=BITS,
            scale=WEIGHT_SCALE,
            bias_scale=scale * WEIGHT_SCALE,
        )

    def activation(x: str, scale: float, terms: int) -> tuple[str, float]:
        """A ReLU, and a scale for sums of `terms` products of about 70 x 70 each."""
        scale *= WEIGHT_SCALE * 2.0 ** round(log2(sqrt(terms) * 70))
        return builder.quant(builder.relu(x), scale, BITS), scale

    def pooled(x: str, stage: int) -> str:
        size, stride, _ = config.pool
        return builder.maxpool(x, size, stride, False) if stage in config.pools else x

    x, scale = builder.quant("input", 1.0), 1.0
    first = convs["conv1"]
    x, scale = activation(conv(x, scale, first), scale, first.inputs * first.kernel**2)
    x = pooled(x, 1)
    for stage, fire in enumerate(config.fires, start=2):
        squeeze, left, right = (
            convs[f"fire{stage}.{part}"] for part in ("squeeze", "expand1x1", "expand3x3")
        )
        x, scale = activation(conv(x, scale, squeeze), scale, squeeze.inputs)
        joined = builder.concat(conv(x, scale, left), conv(x, scale, right))
        x, scale = activation(joined, scale, fire.squeeze * 5)
        x = pooled(x, stage)
    x, scale = activation(conv(x, scale, convs["conv10"]), scale, convs["conv10"].inputs)
    return builder.save(x, folder)
