"""What calibration keeps of the values that pass through the float network and its quantized twin."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fireline.model.data import ImageSet
from fireline.model.network import Network, plain
from fireline.progress import progress
from fireline.quant.rounding import Moments

_SAMPLES = 1 << 13  # values per layer and batch that an exponent is chosen by
_WINDOWS = 1 << 13  # windows per convolution and batch that its moments are taken of

# Batches of images on their way: what enters a stage in the float network, and in the quantized one.
Walk = list[tuple[Any, Any]]


@dataclass
class Samples:
    """Some `values` (C, N) of each channel of an activation, and the highest magnitude of each, `peaks` (C,)."""

    values: Tensor
    peaks: Tensor

    def rescale(self, first: int, factors: Tensor) -> None:
        """Multiply the channels from `first` on by `factors`, in place."""
        at = slice(first, first + len(factors))
        self.values[at] *= factors[:, None]
        self.peaks[at] *= factors


@dataclass(frozen=True)
class Inputs:
    """What a convolution reads: `means` (1, C, H, W) in the float network and in the quantized, whose `scale` it is."""

    means: tuple[Tensor, Tensor]
    moments: Moments
    scale: float


def collect(network: Network, data: ImageSet, batch: int) -> dict[str, Samples]:
    """Samples of all that the float network's modules other than convolutions make of `data`, by dotted path."""
    parts: dict[str, list[Samples]] = {}

    def keep(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            rows = output.transpose(0, 1).flatten(1)
            some = rows[:, :: -(-rows.numel() // _SAMPLES)].clone()
            parts.setdefault(path, []).append(Samples(some, rows.abs().amax(dim=1)))

        return hook

    with ExitStack() as hooks, torch.inference_mode():
        for path, module in network.named_modules():
            if not list(module.children()) and not isinstance(module, nn.Conv2d):
                hooks.enter_context(module.register_forward_hook(keep(path)))
        network.eval()
        done = 0
        advance = hooks.enter_context(progress("calibrate", len(data)))
        for images, _ in data.batches(batch):
            network(torch.from_numpy(images).float())
            done += len(images)
            advance(done)
    return {
        path: Samples(
            torch.cat([some.values for some in all_of], dim=1),
            torch.stack([some.peaks for some in all_of]).amax(dim=0),
        )
        for path, all_of in parts.items()
    }


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
