"""Post-training calibration: scales and weights chosen stage by stage, so that the twin follows the float network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from brevitas import nn as qnn
from torch import Tensor, nn

from fireline.errors import FirelineError
from fireline.model.data import ImageSet
from fireline.model.network import FireModule, Network
from fireline.progress import track
from fireline.quant.rescale import channels, rescale
from fireline.quant.rounding import descend, output_error, round_in_sequence
from fireline.quant.statistics import Inputs, Samples, Walk, collect, read
from fireline.quant.twin import FIXED, integer_range, set_exponents

_STEPS_DOWN = 6  # exponents of activations tried below the one that clips nothing
_OCTAVES = 2  # of scales tried below that, for weights
_FACTORS = 8  # tried in an octave, where a channel may be rescaled
_BIAS_LIMIT = float(1 << 22)  # of a bias in units of its accumulator: float32 counts to 2**24


def calibrate(network: Network, twin: Network, data: ImageSet, batch: int = 20) -> None:
    """Choose scales and weights of `twin`, in place, so that it follows the float `network` on the images of `data`.

    Stage by stage, on what the quantized stages before make of the images. Channels of `network` are rescaled in place
    where that suits the integers of their weights (`fireline.quant.rescale`); it computes what it did. Each channel's
    weights are rounded at several scales, and those with the least squared error of the output are taken; the bias
    then takes up what is left of its mean. The exponent of an activation is the one with the least squared error over
    samples of all images. Memory grows with the images: twice what they are between two stages.

    Raises:
        FirelineError: there are no images, or the network's values are not finite.
    """
    if not len(data):
        raise FirelineError("no images to calibrate on", node=data.name)
    samples = collect(network, data, batch)
    for path, values in samples.items():
        if not bool(values.peaks.isfinite().all()):
            raise FirelineError(
                "activations are not finite numbers", node=path, hint="are the weights sound?"
            )
    network.eval()
    twin.eval()
    movable = channels(network)
    walk: Walk = [(x, x) for x in (torch.from_numpy(images).float() for images, _ in data.batches(batch))]
    with torch.inference_mode():
        for stages in track("round weights", groups(network)):
            for path, module in _leaves(twin, stages):
                if not isinstance(module, qnn.QuantConv2d):
                    if path not in FIXED:
                        _set_activation(module, samples[path])
                    continue
                inputs = read(network, twin, path, walk)
                factors = quantize_conv(network.get_submodule(path), module, inputs, path in movable)
                if path in movable:
                    rescale(network, path, movable[path], factors)
                    samples[movable[path].activation].rescale(movable[path].first, factors)
            for i, (x, y) in enumerate(walk):
                walk[i] = (_through(network, stages, x), _through(twin, stages, y))


def groups(network: Network) -> list[list[str]]:
    """The stages of a network in the order they run, each group but the first with convolutions in its first stage."""
    found: list[list[str]] = [[]]
    for name in network.path:
        if isinstance(network.get_submodule(name), nn.Conv2d | FireModule):
            found.append([])
        found[-1].append(name)
    return found


def _leaves(twin: Network, stages: list[str]) -> Iterator[tuple[str, Any]]:
    """Convolutions and activation quantizers, in the order they run."""
    for name in stages:
        for path, module in twin.get_submodule(name).named_modules(prefix=name):
            if isinstance(module, qnn.QuantConv2d | qnn.QuantReLU | qnn.QuantIdentity):
                yield path, module


def _through(network: Network, stages: list[str], x: Any) -> Any:
    for name in stages:
        x = network.get_submodule(name)(x)
    return x


def _set_activation(module: Any, samples: Samples) -> None:
    values = torch.cat([samples.values.flatten(), samples.peaks.max()[None]])
    set_exponents(module.act_quant, best_exponents(values[None], *integer_range(module.act_quant)))


def quantize_conv(original: Any, conv: Any, inputs: Inputs, movable: bool) -> Tensor:
    """Choose scales, weights and bias of the quantized `conv`; the factors (O,) of its output channels are returned.

    They are 1 unless the channels are `movable`. No scale is so fine that the bias outgrows exact float32.
    """
    weights, bias = original.weight.flatten(1), original.bias.double()
    low, high = integer_range(conv.weight_quant)
    least = torch.ceil(torch.log2(bias.abs().clamp_min(1e-30) / (inputs.scale * _BIAS_LIMIT)))
    exponents = torch.maximum(_exponents(weights, max(-low, high), movable), least[:, None])
    rounded, exponents = _best_rounding(weights, exponents, inputs, low, high)
    whole = torch.maximum(torch.round(exponents), least)
    factors = torch.exp2(whole - exponents)
    set_exponents(conv.weight_quant, whole)
    column = factors.reshape(-1, 1, 1, 1)
    kernel = rounded.reshape(conv.weight.shape) * column
    wanted, got = (
        nn.functional.conv2d(mean, weight, stride=conv.stride, padding=conv.padding).mean(dim=(0, 2, 3))
        for mean, weight in zip(inputs.means, (original.weight.double() * column, kernel), strict=True)
    )
    conv.weight.copy_(kernel)
    conv.bias.copy_(bias * factors + wanted - got)
    return factors


def _best_rounding(
    weights: Tensor, exponents: Tensor, inputs: Inputs, low: int, high: int
) -> tuple[Tensor, Tensor]:
    """Of scales 2**`exponents` (O, G), those (O,) whose rounded weights (O, K) have the least error in the output."""
    tried, error = [], []
    for column in exponents.T:
        tried.append(round_in_sequence(weights, inputs.moments, torch.exp2(column)[:, None], low, high))
        error.append(output_error(tried[-1], weights, inputs.moments))
    best = torch.stack(error).argmin(dim=0)
    rows = torch.arange(len(weights))
    chosen = exponents[rows, best]
    rounded = torch.stack(tried)[best, rows]
    return descend(rounded, weights, inputs.moments, torch.exp2(chosen)[:, None], low, high), chosen


def _exponents(weights: Tensor, limit: int, movable: bool) -> Tensor:
    """Logarithms (O, G) of scales to be tried for each row of `weights`, down from the one that just clips nothing.

    They are whole unless the channels are `movable`. A row of zeros takes the median of the others'.
    """
    full = _unclipped(weights, limit)
    fine = _FACTORS if movable else 1
    return (full if movable else torch.ceil(full))[:, None] - torch.arange(_OCTAVES * fine + 1) / fine


def best_exponents(values: Tensor, low: int, high: int, least: Tensor | None = None) -> Tensor:
    """For each row of `values` (R, N), the exponent of the scale that quantizes it with the least squared error.

    Integers reach from `low` to `high`. No exponent is below `least` (R,). A row of zeros, such as a channel
    pruned away, takes the median of the others'.
    """
    top = torch.ceil(_unclipped(values, max(-low, high)))
    best, least_error = top.clone(), torch.full_like(top, torch.inf)
    for down in range(_STEPS_DOWN + 1):
        exponents = top - down if least is None else torch.maximum(top - down, least)
        scale = torch.exp2(exponents)[:, None]
        error = (torch.clamp(torch.round(values / scale), low, high) * scale - values).square().sum(dim=1)
        better = error < least_error
        best[better], least_error[better] = exponents[better], error[better]
    return best


def _unclipped(values: Tensor, limit: int) -> Tensor:
    """Logarithm (R,) of the scale at which the highest magnitude of each row is `limit`; zeros take the median."""
    peaks = values.abs().amax(dim=1).double()
    full, some = torch.log2(peaks.clamp_min(1e-30) / limit), peaks > 0
    return torch.where(some, full, full[some].median() if bool(some.any()) else torch.zeros(()))
