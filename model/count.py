"""Parameters, multiply-accumulates and weight bytes of an architecture, without building it."""

from __future__ import annotations

from dataclasses import dataclass

from fireline.model.architecture import Conv
from fireline.model.baselines import Architecture


@dataclass(frozen=True)
class Counts:
    """Sizes of a network; `weights` are the convolutions' own, without biases and batch norm."""

    parameters: int
    macs: int
    weights: int

    def weight_bytes(self, bits: int) -> int:
        """Bytes of all weights packed at `bits` each; biases excluded."""
        return -(-self.weights * bits // 8)


def weight_count(conv: Conv) -> int:
    """Weights of a convolution."""
    return conv.inputs * conv.outputs * conv.kernel * conv.kernel


def parameter_count(conv: Conv) -> int:
    """Weights, and a bias per output channel, or a scale and a shift where batch norm stands."""
    return weight_count(conv) + conv.outputs * (2 if conv.batch_norm else 1)


def counts(config: Architecture) -> Counts:
    """The sizes of `config`; multiply-accumulates are those of convolutions for one image, as papers count."""
    convs = list(config.convolutions())
    return Counts(
        parameters=sum(parameter_count(conv) for conv in convs),
        macs=sum(weight_count(conv) * conv.height * conv.width for conv in convs),
        weights=sum(weight_count(conv) for conv in convs),
    )
