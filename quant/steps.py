"""Steps of activations, chosen by what the network says behind them.

The activation alone is quantized in the float network, at steps that grow finer until clipping does more harm than they
bring; the step taken is the one at which the network's probabilities diverge least. Where its channels may be rescaled
(`fireline.quant.rescale`), their factors are chosen with it. A factor common to all makes a step that is a power of two
any step. Between channels, factors follow Nagel et al. (arXiv:1906.04721): the noise of the activation falls with the
square of a factor, that of the weights that read the channel rises with it, and channels whose range and readers are in
balance have least of both. How far to go there is a matter of the bits of both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fireline.errors import FirelineError
from fireline.model.network import Network

_OCTAVES = 3  # of steps tried below the one that clips nothing
_STEPS = 3  # tried in an octave, where channels may be rescaled
_SHARES = (
    0.0,
    0.25,
    0.5,
)  # of the way from ranges as they are to those of the readers' weights; ½ is balance
_MOST = 4.0  # octaves between a channel and the others that are balanced


class Tail(NamedTuple):
    """A float network from some of its `stages` on, and `batches` of images where they enter the first of them."""

    network: Network
    stages: list[str]
    batches: list[Tensor]

    def run(self, path: str, through: Callable[[Tensor], Tensor]) -> Tensor:
        """Logarithms (N, classes) of the probabilities where what the module `path` puts out passes `through`."""
        module = self.network.get_submodule(path)
        handle = module.register_forward_hook(lambda _, __, output: through(output))
        try:
            return torch.cat([self._said(x) for x in self.batches])
        finally:
            handle.remove()

    def _said(self, x: Any) -> Tensor:
        for name in self.stages:
            x = self.network.get_submodule(name)(x)
        return torch.log_softmax(x.flatten(1).double(), dim=1)


class Weights(NamedTuple):
    """Weights (O, C, H, W) to be quantized to integers of magnitude at most `limit`."""

    values: Tensor
    limit: int


class Free(NamedTuple):
    """Channels that may be rescaled: exponents (C,) of their weights' scales, and the weights that read them.

    A channel's scale is a power of two after rescaling: that leaves its factor one choice an octave.
    """

    exponents: Tensor
    readers: list[Weights]


class Step(NamedTuple):
    """The step 2**`exponent` of an activation whose channels are multiplied by `factors` (C,)."""

    exponent: int
    factors: Tensor


def choose_step(tail: Tail, path: str, low: int, high: int, free: Free | None) -> Step:
    """The step of the activation `path`, whose integers reach from `low` to `high`; factors are 1 unless it is `free`.

    Raises:
        FirelineError: the activation's values are not finite.
    """
    peaks: list[Tensor] = []
    energies: list[Tensor] = []

    def watch(output: Tensor) -> Tensor:
        peaks.append(output.abs().amax(dim=(0, 2, 3)))
        energies.append(output.square().mean(dim=(0, 2, 3)))
        return output

    said = tail.run(path, watch)
    peak = torch.stack(peaks).amax(dim=0).double()
    if not bool(peak.isfinite().all()):
        raise FirelineError("activations are not finite numbers", node=path, hint="are the weights sound?")
    balance, exponents = torch.zeros_like(peak), torch.zeros_like(peak)
    if free is not None:
        energy = torch.stack(energies).mean(dim=0).double()
        balance, exponents = _balance(peak, energy, high, free.readers), free.exponents
    highest = float((peak / torch.exp2(balance)).max()) or 1.0
    top = torch.log2(torch.tensor(highest / max(-low, high), dtype=torch.float64))
    steps = torch.ceil(top) - torch.arange(_OCTAVES + 1)
    if free is not None:
        steps = top - torch.arange(_OCTAVES * _STEPS + 1) / _STEPS
    best, least = Step(0, torch.ones_like(peak)), torch.inf
    for step in steps.tolist():
        whole = round(step)
        factors = torch.exp2(torch.round(exponents + whole - step - balance) - exponents)
        now = tail.run(path, partial(_quantized, sizes=2.0**whole / factors, low=low, high=high))
        divergence = float((said.exp() * (said - now)).sum())
        if divergence < least:
            best, least = Step(whole, factors), divergence
        elif divergence > 2 * least:
            break
    return best


def _quantized(values: Tensor, sizes: Tensor, low: int, high: int) -> Tensor:
    """`values` (N, C, H, W) rounded to steps of `sizes` (C,)."""
    column = sizes.float().reshape(1, -1, 1, 1)
    return torch.clamp(torch.round(values / column), low, high) * column


def _balance(peaks: Tensor, energies: Tensor, limit: int, readers: list[Weights]) -> Tensor:
    """Logarithms (C,) of what channels of an activation are to be divided by."""
    squares = [values.double().square().sum(dim=(0, 2, 3)) for values, _ in readers]
    norms = torch.stack(squares).sum(dim=0).sqrt()
    used = (peaks > 0) & (norms > 0)
    if not bool(used.any()):
        return torch.zeros_like(peaks)
    ratios = (peaks.clamp_min(1e-30) / norms.clamp_min(1e-30)).log2()
    ratios = torch.where(used, ratios - ratios[used].median(), 0.0).clamp(-_MOST, _MOST)
    return min(
        (share * ratios for share in _SHARES),
        key=lambda balance: _noise(torch.exp2(balance), peaks, energies, limit, readers),
    )


def _noise(sizes: Tensor, peaks: Tensor, energies: Tensor, limit: int, readers: list[Weights]) -> float:
    """Energy of what rounding adds behind `readers`, times 12, when channels are divided by `sizes`, none clipped."""
    step = (peaks / sizes).max() / limit
    total = 0.0
    for values, most in readers:
        weights = values.double() * sizes.reshape(1, -1, 1, 1)
        scales = weights.abs().amax(dim=(1, 2, 3)) / most
        met = (energies / sizes.square()).sum() * values[0, 0].numel()
        total += float(step.square() * weights.square().sum() + scales.square().sum() * met)
    return total
