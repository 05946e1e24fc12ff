"""Weight sharing: the weights of a layer take few values.

Han et al., Deep Compression, 2016 (arXiv:1510.00149), section 3.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from fireline.errors import FirelineError
from fireline.model.network import Network
from fireline.model.prune import convolutions

Weights = npt.NDArray[np.float32]
_ROUNDS = 300


class Shared(NamedTuple):
    """Weights as codes: code 0 is zero, code i is `values[i - 1]`."""

    codes: npt.NDArray[np.int64]
    values: Weights

    def weights(self) -> Weights:
        """The shared weights."""
        table: Weights = np.concatenate([np.zeros(1, np.float32), self.values])
        return table[self.codes]


def share(weights: Weights, bits: int) -> Shared:
    """Cluster the weights that are not zero round 2**`bits` - 1 values, or as many as there are.

    k-means from values in equal steps, which keep the large weights that matter most (section 3.2). On sorted numbers a
    cluster is a range and its mean a difference of sums, so it is exact, quick and the same everywhere.

    Raises:
        FirelineError: `bits` is not from 1 to 16.
    """
    if not 1 <= bits <= 16:
        raise FirelineError(f"codes of {bits} bits", hint="use 1 to 16")
    flat = weights.ravel()
    kept = np.unique(flat[flat != 0])
    values = kept if len(kept) < 1 << bits else _means(np.sort(flat[flat != 0]), (1 << bits) - 1)
    codes = np.zeros(flat.shape, np.int64)
    if len(values):
        codes[flat != 0] = 1 + np.searchsorted(_borders(values), flat[flat != 0])
    return Shared(codes.reshape(weights.shape), values.astype(np.float32))


def share_weights(network: Network, bits: int) -> None:
    """Share the weights of every convolution, in place."""
    with torch.no_grad():
        for _, conv in convolutions(network):
            conv.weight.copy_(torch.from_numpy(share(conv.weight.numpy(), bits).weights()))


def _means(ordered: Weights, count: int) -> npt.NDArray[np.float64]:
    """The values that k-means settles on; clusters that run empty are left out."""
    sums = np.concatenate([[0.0], np.cumsum(ordered, dtype=np.float64)])
    values = np.linspace(ordered[0], ordered[-1], count, dtype=np.float64)
    for _ in range(_ROUNDS):
        ends = np.searchsorted(ordered, _borders(values), side="right")
        starts, ends = np.concatenate([[0], ends]), np.concatenate([ends, [len(ordered)]])
        some = ends > starts
        means = (sums[ends[some]] - sums[starts[some]]) / (ends[some] - starts[some])
        if np.array_equal(means, values):
            break
        values = means
    return values


def _borders(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Between which neighbours a weight is nearer to the one or the other."""
    return (values[1:].astype(np.float64) + values[:-1]) / 2
