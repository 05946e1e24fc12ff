"""Small networks to quantize, calibrated on noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fireline.model.architecture import Fire, SqueezeNet, Stem
from fireline.model.data import ImageSet
from fireline.model.network import Network, float_network
from fireline.quant.bits import parse_precision
from fireline.quant.calibrate import calibrate
from fireline.quant.fold import fold_batch_norm
from fireline.quant.twin import build_twin

TINY = SqueezeNet(
    Stem(8, 3, 2), (Fire(4, 8, 8), Fire(4, 8, 8)), pools=(1, 3), classes=5, input=(3, 33, 33), dropout=0.0
)


def noise(count: int = 6, config: SqueezeNet = TINY) -> ImageSet:
    """`count` images of random pixels."""
    images = np.random.default_rng(0).integers(0, 256, (count, *config.input)).astype(np.uint8)
    names = tuple(str(i) for i in range(config.classes))
    return ImageSet("noise", images, np.arange(count) % config.classes, names, config.input)


def tiny_twin(bits: str = "w8a8", **changes: object) -> tuple[Network, Network]:
    """`twin_of` the tiny network with some `changes`."""
    return twin_of(replace(TINY, **changes), bits)  # type: ignore[arg-type]


def twin_of(config: SqueezeNet, bits: str) -> tuple[Network, Network]:
    """A float network with random weights and biases, folded, and its calibrated twin."""
    import torch

    network = float_network(config, seed=1)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(2)
        for name, value in network.named_parameters():
            if name.endswith("bias"):
                value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
            elif name == "conv10.weight":
                value.mul_(50)
    folded = fold_batch_norm(network.eval())
    twin = build_twin(folded, parse_precision(bits))
    calibrate(folded, twin, noise(config=network.config), batch=4)
    return folded, twin
