"""What calibration keeps of the values that pass through the float network and its quantized twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fireline.model.network import Network, plain
from fireline.quant.rounding import Moments

_WINDOWS = 1 << 13  # windows per convolution and batch that its moments are taken of

# Batches of images on their way: what enters a stage in the float network, and in the quantized one.
Walk = list[tuple[Any, Any]]


@dataclass(frozen=True)
class Inputs:
    """What a convolution reads: `means` (1, C, H, W) in the float network and in the quantized, whose `scale` it is."""

    means: tuple[Tensor, Tensor]
    moments: Moments
    scale: float


def read(network: Network, twin: Network, path: str, walk: Walk) -> Inputs:
    """What the convolution `path` reads where `walk` enters its stage."""
    stage, _, inside = path.partition(".")
    conv = network.get_submodule(path)
    assert isinstance(conv, nn.Conv2d)

    def entering(which: Network, x: Any) -> Any:
        module: Any = which.get_submodule(stage)
        return module.squeezed(x) if inside.startswith("expand") else x

    size = conv.weight[0].numel()
    count, scale = 0, 1.0
    sums = [torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)]
    inner, cross = torch.zeros(size, size), torch.zeros(size, size)
    for entered in walk:
        x, quantized = (
            entering(which, values) for which, values in zip((network, twin), entered, strict=True)
        )
        y, scale = plain(quantized), float(quantized.scale)
        sums = [
            so_far + values.sum(dim=0, keepdim=True, dtype=torch.float64)
            for so_far, values in zip(sums, (x, y), strict=True)
        ]
        count += len(x)
        in_float, in_twin = _windows(conv, x), _windows(conv, y)
        inner += in_twin @ in_twin.T
        cross += in_float @ in_twin.T
    return Inputs((sums[0] / count, sums[1] / count), Moments(inner, cross), scale)


def _windows(conv: nn.Conv2d, values: Tensor) -> Tensor:
    """What `conv` multiplies its K weights with, centred, (K, N), or every so much of it."""
    assert isinstance(conv.padding, tuple)
    patches = nn.functional.unfold(values, conv.kernel_size, padding=conv.padding, stride=conv.stride)
    patches = patches[:, :, :: -(-patches.shape[0] * patches.shape[2] // _WINDOWS)]
    columns = patches.transpose(0, 1).flatten(1)
    return columns - columns.mean(dim=1, keepdim=True)
