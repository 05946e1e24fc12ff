"""Magnitude pruning: which weights of a convolution are kept.

Han et al., Learning both Weights and Connections for Efficient Neural Networks, 2015 (arXiv:1506.02626): the weights
of least magnitude are zero, layer by layer, and the others are trained on. Han et al., DSD: Dense-Sparse-Dense
Training, 2017 (arXiv:1607.04381) lifts the mask again.

A mask is True where a weight is kept. Masks go by the dotted path of their convolution, which float networks and their
quantized twins share. Biases are never pruned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.prune import L1Unstructured

from fireline.errors import FirelineError
from fireline.model.layers import check_names, value_of

Masks = dict[str, Tensor]


def magnitude_masks(network: nn.Module, sparsity: float | Mapping[str, float]) -> Masks:
    """Masks that keep the largest weights of each convolution.

    Args:
        network: float, or a quantized twin.
        sparsity: share of each convolution's weights to prune, at least 0 and below 1: one for all, or by layer
            (`{"fire2": 0.5, "conv10": 0.8}`), where layers that are not named stay dense. Of n weights,
            `round(sparsity * n)` are pruned; weights that are zero already go first.

    Raises:
        FirelineError: a sparsity is out of range, or a layer is not there.
    """
    convs = dict(convolutions(network))
    named = dict(sparsity) if isinstance(sparsity, Mapping) else dict.fromkeys(convs, sparsity)
    for name, share in named.items():
        if not 0 <= share < 1:
            raise FirelineError(
                f"a sparsity of {share}", node=name, hint="0 prunes nothing, 0.5 half of the weights"
            )
    check_names(named, convs)
    masks = {}
    for path, conv in convs.items():
        share = float(value_of(path, named.items(), 0.0))
        weight = conv.weight.detach().contiguous()
        method = L1Unstructured(share)
        masks[path] = method.compute_mask(weight, torch.ones_like(weight)).bool()  # type: ignore[no-untyped-call]
    return masks


def zero_masks(network: nn.Module) -> Masks:
    """Masks that keep what is not zero now: a pruned network stays as sparse as it is."""
    return {path: conv.weight.detach() != 0 for path, conv in convolutions(network)}


def apply_masks(network: nn.Module, masks: Mapping[str, Tensor]) -> None:
    """Set the weights that `masks` do not keep to zero, in place; after every step of training with them."""
    with torch.no_grad():
        for path, conv in convolutions(network):
            if path in masks:
                conv.weight.mul_(masks[path])


def convolutions(network: nn.Module) -> Iterator[tuple[str, nn.Conv2d]]:
    """The convolutions of a network, float or quantized, by dotted path, in the order they run."""
    return ((path, module) for path, module in network.named_modules() if isinstance(module, nn.Conv2d))
