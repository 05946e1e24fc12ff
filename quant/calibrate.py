"""Post-training calibration: scales and weights chosen stage by stage, so that the twin follows the float network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from brevitas import nn as qnn
from torch import Tensor, nn

from fireline.errors import FirelineError
from fireline.model.data import ImageSet
from fireline.model.network import FireModule, Network
from fireline.progress import track
from fireline.quant.rescale import Readers, channels, rescale
from fireline.quant.rounding import descend, output_error, round_in_sequence
from fireline.quant.statistics import Inputs, Walk, read
from fireline.quant.steps import Free, Tail, Weights, choose_step
from fireline.quant.twin import FIXED, integer_range, set_exponents

_JUDGED = 50  # images, or one a batch, that the steps of activations are judged by
_OCTAVES = 2  # of scales of weights tried below the one that clips nothing
_FACTORS = 8  # tried in an octave, where a channel may be rescaled
_BIAS_LIMIT = float(1 << 22)  # of a bias in units of its accumulator: float32 counts to 2**24


def calibrate(network: Network, twin: Network, data: ImageSet, batch: int = 20) -> None:
    """Choose scales and weights of `twin`, in place, so that it follows the float `network` on the images of `data`.

    Stage by stage, on what the quantized stages before make of the images. Each channel's weights are rounded at
    several scales, and those with the least squared error of the output are taken; the bias then takes up what is left
    of its mean. The step of an activation is chosen on some of the images by the probabilities at the network's end
    (`fireline.quant.steps`). Channels of `network` are rescaled in place so that all scales are powers of two
    (`fireline.quant.rescale`); it computes what it did. Memory grows with the images: twice what they are between two
    stages.

    Raises:
        FirelineError: there are no images, or the network's values are not finite.
    """
    if not len(data):
        raise FirelineError("no images to calibrate on", node=data.name)
    network.eval()
    twin.eval()
    movable = channels(network)
    walk: Walk = [(x, x) for x in (torch.from_numpy(images).float() for images, _ in data.batches(batch))]
    with torch.inference_mode():
        for stages in track("round weights", groups(network)):
            rest = network.path[network.path.index(stages[0]) :]
            tail = Tail(network, rest, [x[: -(-_JUDGED // len(walk))].clone() for x, _ in walk])
            waiting: dict[str, Rounded] = {}  # convolutions for the step of the activation behind them
            for path, module in _leaves(twin, stages):
                if isinstance(module, qnn.QuantConv2d):
                    inputs = read(network, twin, path, walk)
                    rounded = round_conv(network.get_submodule(path), module, inputs, path in movable)
                    if path in movable:
                        waiting[path] = rounded
                    else:
                        rounded.settle(torch.ones_like(rounded.exponents))
                elif path not in FIXED:
                    _set_activation(tail, twin, path, waiting, movable)
                    waiting = {}
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


def _set_activation(
    tail: Tail, twin: Network, path: str, waiting: dict[str, Rounded], movable: dict[str, Readers]
) -> None:
    """Choose the step of the activation `path`, and with it the factors of the convolutions `waiting` for it."""
    module: Any = twin.get_submodule(path)
    free = None
    if waiting:
        readers = [
            Weights(tail.network.get_parameter(f"{reader}.weight"), _limit(twin.get_submodule(reader)))
            for reader, _ in movable[next(iter(waiting))]
        ]
        free = Free(torch.cat([rounded.exponents for rounded in waiting.values()]), readers)
    exponent, factors = choose_step(tail, path, *integer_range(module.act_quant), free)
    set_exponents(module.act_quant, torch.tensor(float(exponent)))
    first = 0
    for conv, rounded in waiting.items():
        own = factors[first : first + len(rounded.weights)]
        first += len(own)
        rounded.settle(own)
        rescale(tail.network, conv, movable[conv], own)


@dataclass(frozen=True)
class Rounded:
    """A quantized convolution, of the float `original`, whose `weights` (O, K) are rounded at scales 2**`exponents`."""

    original: Any
    conv: Any
    inputs: Inputs
    weights: Tensor
    exponents: Tensor

    def settle(self, factors: Tensor) -> None:
        """Set scales, weights and bias, output channels multiplied by `factors` (O,) that make scales powers of two."""
        original, conv, column = self.original, self.conv, factors.reshape(-1, 1, 1, 1)
        kernel = self.weights.reshape(conv.weight.shape) * column
        wanted, got = (
            nn.functional.conv2d(mean, weight, stride=conv.stride, padding=conv.padding).mean(dim=(0, 2, 3))
            for mean, weight in zip(
                self.inputs.means, (original.weight.double() * column, kernel), strict=True
            )
        )
        set_exponents(conv.weight_quant, torch.round(self.exponents + torch.log2(factors)))
        conv.weight.copy_(kernel)
        conv.bias.copy_(original.bias.double() * factors + wanted - got)


def _limit(conv: Any) -> int:
    low, high = integer_range(conv.weight_quant)
    return max(-low, high)


def round_conv(original: Any, conv: Any, inputs: Inputs, movable: bool) -> Rounded:
    """Choose scales and weights of the quantized `conv`; scales are powers of two unless its channels are `movable`.

    None is so fine that the bias outgrows exact float32.
    """
    weights, bias = original.weight.flatten(1), original.bias.double()
    low, high = integer_range(conv.weight_quant)
    least = torch.ceil(torch.log2(bias.abs().clamp_min(1e-30) / (inputs.scale * _BIAS_LIMIT)))
    exponents = torch.maximum(_exponents(weights, max(-low, high), movable), least[:, None])
    return Rounded(original, conv, inputs, *_best_rounding(weights, exponents, inputs, low, high))


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


def _unclipped(values: Tensor, limit: int) -> Tensor:
    """Logarithm (R,) of the scale at which the highest magnitude of each row is `limit`; zeros take the median."""
    peaks = values.abs().amax(dim=1).double()
    full, some = torch.log2(peaks.clamp_min(1e-30) / limit), peaks > 0
    return torch.where(some, full, full[some].median() if bool(some.any()) else torch.zeros(()))
