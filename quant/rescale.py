"""Channels rescaled: a convolution's output channel times a factor, what reads the channel divided by it.

ReLU, max pools and concatenations commute with positive factors, so the network computes what it did. With a scale
that is a power of two, the weights of a channel use their integers best at some factor within an octave; which octave
is for the activation to say (`fireline.quant.steps`). After Nagel et al., Data-free quantization through weight
equalization and bias correction, 2019 (arXiv:1906.04721).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fireline.model.network import FireModule, Network


class Reader(NamedTuple):
    """A convolution that reads the output channels of another, from its input channel `first` on."""

    path: str
    first: int


Readers = tuple[Reader, ...]


def channels(network: Network) -> dict[str, Readers]:
    """The convolutions whose output channels may be rescaled, by dotted path, and what reads them.

    A sum reads two stages, which would have to share their factors, and the classifier is what the network says.
    """
    found: dict[str, Readers] = {}
    stages = [
        name for name in network.path if isinstance(network.get_submodule(name), nn.Conv2d | FireModule)
    ]
    for name, after in zip(stages, [*stages[1:], None], strict=True):
        stage = network.get_submodule(name)
        outside = () if after is None else _entrances(after, network.get_submodule(after))
        if isinstance(stage, nn.Conv2d):
            if outside:
                found[name] = outside
            continue
        assert isinstance(stage, FireModule)
        inside = (Reader(f"{name}.expand1x1", 0), Reader(f"{name}.expand3x3", 0))
        found[f"{name}.squeeze"] = inside
        if not stage.bypassed and outside:
            assert isinstance(stage.expand1x1, nn.Conv2d)
            first = stage.expand1x1.out_channels
            after3x3 = tuple(Reader(path, first) for path, _ in outside)
            found[f"{name}.expand1x1"] = outside
            found[f"{name}.expand3x3"] = after3x3
    return found


def _entrances(name: str, stage: nn.Module) -> Readers:
    """The convolutions that alone read the input of a stage; none where a sum reads it too."""
    if isinstance(stage, nn.Conv2d):
        return (Reader(name, 0),)
    assert isinstance(stage, FireModule)
    if stage.bypass is not None:
        return (Reader(f"{name}.squeeze", 0), Reader(f"{name}.bypass", 0))
    return () if stage.bypassed else (Reader(f"{name}.squeeze", 0),)


def rescale(network: Network, path: str, readers: Readers, factors: Tensor) -> None:
    """Multiply the output channels of the convolution `path` by positive `factors` (O,) in place; `readers` undo it."""
    convs: dict[str, Any] = dict(network.named_modules())
    with torch.no_grad():
        conv = convs[path]
        conv.weight.copy_(conv.weight.double() * factors.reshape(-1, 1, 1, 1))
        conv.bias.copy_(conv.bias.double() * factors)
        for reader, first in readers:
            weight = convs[reader].weight[:, first : first + len(factors)]
            weight.copy_(weight.double() / factors.reshape(1, -1, 1, 1))
