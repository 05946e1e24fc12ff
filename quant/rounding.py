"""Weights rounded one after another, each taking up what rounding those before it did to the output.

Frantar et al., GPTQ, 2022 (arXiv:2210.17323), after Hassibi and Stork's optimal brain surgeon: with H the second moment
of a convolution's inputs, the output's squared error is quadratic in the weights, and the best correction of the
weights still to be rounded follows from the inverse of H.
"""

from __future__ import annotations

import torch
from torch import Tensor

_DAMPING = 0.01  # of the mean diagonal, added to H: calibration images are few


def round_in_sequence(weights: Tensor, moment: Tensor, scale: Tensor, low: int, high: int) -> Tensor:
    """Multiples of `scale` (O, 1), from `low` to `high` of it, whose outputs are close to those of `weights` (O, K).

    `moment` (K, K) is the sum of x xᵀ over the inputs x that the weights are multiplied with. A weight that is zero
    stays zero. The result is float64.
    """
    size = len(moment)
    moment = moment.double() + torch.eye(size) * (_DAMPING * moment.diagonal().mean() + 1e-12)
    # The inputs with the most energy go first: their errors cost the most and the others can still make up for them.
    order = torch.argsort(moment.diagonal(), descending=True, stable=True)
    rest = weights.double()[:, order]
    kept = rest != 0
    inverse = torch.linalg.inv(moment[order][:, order])
    factor = torch.linalg.cholesky(inverse, upper=True)
    rounded = torch.empty_like(rest)
    for i in range(size):
        rounded[:, i] = torch.clamp(torch.round(rest[:, i] / scale[:, 0]), low, high) * scale[:, 0]
        error = (rest[:, i] - rounded[:, i]) / factor[i, i]
        rest[:, i + 1 :] -= error[:, None] * factor[i, i + 1 :] * kept[:, i + 1 :]
    return rounded[:, torch.argsort(order)]
