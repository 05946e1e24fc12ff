"""Batch norm folded into the convolution before it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from fireline.model.network import Network, float_network


def fold_batch_norm(network: Network) -> Network:
    """An equal network, in eval mode, whose convolutions have taken up the batch norm behind them.

    `norm(conv(x)) = conv(x) * g + h` with `g = weight / sqrt(var + eps)` and `h = bias - mean * g`, so the weights are
    multiplied by g, channel by channel, and the bias becomes `bias * g + h`. The arithmetic is in float64.
    """
    folded = float_network(replace(network.config, batch_norm="none"))
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, conv in folded.named_modules():
            if not isinstance(conv, nn.Conv2d):
                continue
            source, norm = modules[name], modules[f"{name}_bn"]
            assert isinstance(source, nn.Conv2d)
            assert conv.bias is not None
            weight = source.weight.double()
            bias = torch.zeros(len(weight)).double() if source.bias is None else source.bias.double()
            if isinstance(norm, nn.BatchNorm2d):
                assert norm.running_var is not None
                assert norm.running_mean is not None
                gain = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
                weight = weight * gain.reshape(-1, 1, 1, 1)
                bias = (bias - norm.running_mean.double()) * gain + norm.bias.double()
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
    return folded.eval()
