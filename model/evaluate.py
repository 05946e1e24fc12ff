"""Logits of a torch network over an image set."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from fireline.model.data import ImageSet

Logits = npt.NDArray[np.float32]


def logits(network: nn.Module, data: ImageSet, batch: int = 25) -> Logits:
    """`(N, classes)` logits in eval mode; memory is bounded by `batch` images."""
    network.eval()
    with torch.inference_mode():
        parts = [network(torch.from_numpy(images).float()).numpy() for images, _ in data.batches(batch)]
    return np.concatenate(parts)
