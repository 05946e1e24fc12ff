"""Weights rounded one after another, each taking up what rounding those before it did to the output.

Frantar et al., GPTQ, 2022 (arXiv:2210.17323), after Hassibi and Stork's optimal brain surgeon: the output's squared
error is quadratic in the weights, so the best correction of the weights still to be rounded follows from the inverse of
the inputs' second moment. Then single weights are moved as long as that error falls: coordinate descent, as in Behdin
et al., QuantEase, 2023 (arXiv:2309.01885).
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

_DAMPING = 0.01  # of the mean diagonal, added to the moments: calibration images are few
_SWEEPS = 4


class Moments:
    """Sums over what K weights are multiplied with: x in the float network, y in the quantized one.

    `inner` (K, K) is the sum of y yᵀ, `cross` (K, K) that of x yᵀ, both float64 and damped, so that no direction is
    without energy.
    """

    def __init__(self, inner: Tensor, cross: Tensor) -> None:
        more = torch.eye(len(inner)) * (_DAMPING * inner.diagonal().double().mean() + 1e-12)
        self.inner, self.cross = inner.double() + more, cross.double() + more

    @cached_property
    def ideal(self) -> Tensor:
        """(K, K): weights times it, not rounded, make of y what is nearest to what the weights make of x."""
        ideal: Tensor = self.cross @ torch.linalg.inv(self.inner)
        return ideal

    @cached_property
    def order(self) -> Tensor:
        """Most energy first: those errors cost the most, and the other weights can still make up for them."""
        return torch.argsort(self.inner.diagonal(), descending=True, stable=True)

    @cached_property
    def factor(self) -> Tensor:
        """Cholesky's factor of the inverse of `inner`, in that order."""
        inverse = torch.linalg.inv(self.inner[self.order][:, self.order])
        factor: Tensor = torch.linalg.cholesky(inverse, upper=True)
        return factor


def round_in_sequence(weights: Tensor, moments: Moments, scale: Tensor, low: int, high: int) -> Tensor:
    """Multiples of `scale` (O, 1), from `low` to `high` of it, that make of y about what `weights` (O, K) make of x.

    A weight that is zero stays zero. The result is float64.
    """
    order, factor, step = moments.order, moments.factor, scale[:, 0]
    kept = (weights != 0).T[order]
    rest = (weights.double() @ moments.ideal).T[order]
    rounded = torch.empty_like(rest)
    for i, value in enumerate(rest):
        value *= kept[i]
        rounded[i] = torch.clamp(torch.round(value / step), low, high) * step
        rest[i + 1 :].addr_(factor[i, i + 1 :], (value - rounded[i]) / factor[i, i], alpha=-1)
    return rounded[torch.argsort(order)].T


def descend(rounded: Tensor, weights: Tensor, moments: Moments, scale: Tensor, low: int, high: int) -> Tensor:
    """`rounded` (O, K) with single weights moved to the multiples of `scale` with the least error in the output."""
    inner, step, kept = moments.inner, scale[:, 0], (weights != 0).T
    result = rounded.T.clone()
    slope = moments.cross.T @ weights.double().T - inner @ result
    for _ in range(_SWEEPS):
        for i, value in enumerate(result):
            best = torch.round((value + slope[i] / inner[i, i]) / step)
            move = (torch.clamp(best, low, high) * step - value) * kept[i]
            value += move
            slope.addr_(inner[i], move, alpha=-1)
    return result.T


def output_error(rounded: Tensor, weights: Tensor, moments: Moments) -> Tensor:
    """The output's squared error (O,), but for a term that does not depend on `rounded` (O, K)."""
    return ((rounded @ moments.inner - 2 * weights.double() @ moments.cross) * rounded).sum(dim=1)
