"""Post-training calibration: every scale's exponent from what the float network's values really are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fireline.errors import FirelineError
from fireline.model.data import ImageSet
from fireline.model.network import Network
from fireline.progress import progress, track
from fireline.quant.rounding import round_in_sequence
from fireline.quant.twin import FIXED, activations, conv_inputs, convolutions, integer_range, set_exponents

_SAMPLES = 1 << 13  # values per layer and batch that an exponent is chosen by
_WINDOWS = 1 << 13  # windows per convolution and batch that its covariance is taken of
_STEPS_DOWN = 6  # exponents tried below the one that clips nothing
_BIAS_LIMIT = float(1 << 22)  # of a bias in units of its accumulator: float32 counts to 2**24


@dataclass
class Statistics:
    """What calibration keeps of the float network, by module path.

    `samples` are values of each activation, its highest among them. Of each convolution, `means` is the mean input
    `(1, C, H, W)`, and `moments` the covariance `(K, K)` of what it multiplies with its K weights, times a constant.
    """

    samples: dict[str, list[Tensor]] = field(default_factory=dict)
    means: dict[str, Tensor] = field(default_factory=dict)
    moments: dict[str, Tensor] = field(default_factory=dict)

    def add_activation(self, path: str, values: Tensor) -> None:
        flat = values.flatten()
        some = flat[:: -(-flat.numel() // _SAMPLES)]
        self.samples.setdefault(path, []).append(torch.cat([some, flat.abs().amax()[None]]))

    def add_input(self, path: str, conv: nn.Conv2d, values: Tensor, share: float) -> None:
        mean = values.mean(dim=0, keepdim=True, dtype=torch.float64) * share
        self.means[path] = self.means[path] + mean if path in self.means else mean
        moment = _covariance(conv, values)
        self.moments[path] = self.moments[path] + moment if path in self.moments else moment


def _covariance(conv: nn.Conv2d, values: Tensor) -> Tensor:
    """Covariance of the windows that `conv` sees in `values`, or of every so many of them."""
    assert isinstance(conv.padding, tuple)
    patches = nn.functional.unfold(values, conv.kernel_size, padding=conv.padding, stride=conv.stride)
    patches = patches[:, :, :: -(-patches.shape[0] * patches.shape[2] // _WINDOWS)]
    columns = patches.transpose(0, 1).flatten(1)
    columns = columns - columns.mean(dim=1, keepdim=True)
    return columns @ columns.T


def calibrate(network: Network, twin: Network, data: ImageSet, batch: int = 20) -> None:
    """Choose all scales of `twin`, in place, so that it follows the float `network` on the images of `data`.

    Each exponent is the one with the least mean squared error: of weights per output channel, of activations over
    samples of all images. Weights are rounded in sequence (`fireline.quant.rounding`), and then each bias takes up
    what that did to the mean of its output.

    Raises:
        FirelineError: there are no images, or the network's values are not finite.
    """
    if not len(data):
        raise FirelineError("no images to calibrate on", node=data.name)
    statistics = collect(network, data, batch)
    for path, module in activations(twin):
        if path in FIXED:
            continue
        samples = torch.cat(statistics.samples[path])
        if not bool(samples.isfinite().all()):
            raise FirelineError(
                "activations are not finite numbers", node=path, hint="are the weights sound?"
            )
        quantizer = module.act_quant
        set_exponents(quantizer, best_exponents(samples[None], *integer_range(quantizer)))
    twin.eval()
    inputs = conv_inputs(twin)
    for path, module in track("round weights", list(convolutions(twin))):
        original = module.weight.detach().clone()
        quantize_weights(module, statistics.moments[path], inputs[path].scale)
        correct_bias(module, module.weight - original, statistics.means[path])


def collect(network: Network, data: ImageSet, batch: int) -> Statistics:
    """Run the float network over `data`, `batch` images at a time."""
    statistics = Statistics()
    share = 0.0

    def activation(path: str) -> Callable[..., None]:
        return lambda module, inputs, output: statistics.add_activation(path, output)

    def input(path: str) -> Callable[..., None]:
        return lambda module, inputs: statistics.add_input(path, module, inputs[0], share)

    with ExitStack() as hooks, torch.inference_mode():
        for path, module in network.named_modules():
            if isinstance(module, nn.Conv2d):
                hooks.enter_context(module.register_forward_pre_hook(input(path)))
            elif not list(module.children()):
                hooks.enter_context(module.register_forward_hook(activation(path)))
        network.eval()
        done = 0
        advance = hooks.enter_context(progress("calibrate", len(data)))
        for images, _ in data.batches(batch):
            share = len(images) / len(data)
            network(torch.from_numpy(images).float())
            done += len(images)
            advance(done)
    return statistics


def quantize_weights(conv: Any, moment: Tensor, input_scale: float) -> None:
    """Choose the scale of each output channel's weights, not so fine that the bias outgrows exact float32, and round.

    `moment` (K, K) belongs to the inputs, whose scale is `input_scale`.
    """
    quantizer = conv.weight_quant
    weights = conv.weight.detach().flatten(1)
    low, high = integer_range(quantizer)
    least = torch.ceil(torch.log2(conv.bias.detach().abs().clamp_min(1e-30) / (input_scale * _BIAS_LIMIT)))
    exponents = best_exponents(weights, low, high, least.double())
    set_exponents(quantizer, exponents)
    rounded = round_in_sequence(weights, moment, torch.exp2(exponents)[:, None], low, high)
    with torch.no_grad():
        conv.weight.copy_(rounded.reshape(conv.weight.shape))


def correct_bias(conv: Any, error: Tensor, mean: Tensor) -> None:
    """Take from the bias what an `error` in the weights adds to the mean output, given the mean input `(1, C, H, W)`.

    A convolution is linear, so its mean output is the convolution of the mean input.
    """
    with torch.no_grad():
        shift = nn.functional.conv2d(mean, error.double(), stride=conv.stride, padding=conv.padding)
        conv.bias -= shift.mean(dim=(0, 2, 3)).to(conv.bias.dtype)


def best_exponents(values: Tensor, low: int, high: int, least: Tensor | None = None) -> Tensor:
    """For each row of `values` (R, N), the exponent of the scale that quantizes it with the least squared error.

    Integers reach from `low` to `high`. No exponent is below `least` (R,). A row of zeros, such as a channel
    pruned away, takes the median of the others'.
    """
    peaks = values.abs().amax(dim=1).double()
    top = torch.ceil(torch.log2(peaks.clamp_min(1e-30) / max(-low, high)))
    top = torch.where(peaks > 0, top, top[peaks > 0].median() if bool((peaks > 0).any()) else torch.zeros(()))
    best, least_error = top.clone(), torch.full_like(top, torch.inf)
    for down in range(_STEPS_DOWN + 1):
        exponents = top - down if least is None else torch.maximum(top - down, least)
        scale = torch.exp2(exponents)[:, None]
        error = (torch.clamp(torch.round(values / scale), low, high) * scale - values).square().sum(dim=1)
        better = error < least_error
        best[better], least_error[better] = exponents[better], error[better]
    return best
