"""Logits and accuracy of a torch network over an image set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fireline.model.data import ImageSet
from fireline.ranking import ranks

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Accuracy:
    """Shares, 0 to 1, of images whose label is the highest logit, or among the five highest."""

    top1: float
    top5: float


def logits(network: nn.Module, data: ImageSet, batch: int = 25) -> Logits:
    """`(N, classes)` logits in eval mode; memory is bounded by `batch` images."""
    network.eval()
    with torch.inference_mode():
        parts = [network(torch.from_numpy(images).float()).numpy() for images, _ in data.batches(batch)]
    return np.concatenate(parts)


def accuracy(scores: npt.NDArray[np.generic], labels: npt.NDArray[np.int64]) -> Accuracy:
    """Accuracy of `(N, classes)` scores; of equal scores the lower class comes first."""
    places = ranks(scores, labels)
    return Accuracy(float((places == 0).mean()), float((places < 5).mean()))
