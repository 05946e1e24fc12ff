"""Accuracy: what labels say of scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.ranking import ranks


@dataclass(frozen=True)
class Accuracy:
    """Shares, 0 to 1, of images whose label is the highest logit, or among the five highest."""

    top1: float
    top5: float


def accuracy(scores: npt.NDArray[np.generic], labels: npt.NDArray[np.int64]) -> Accuracy:
    """Accuracy of `(N, classes)` scores; of equal scores the lower class comes first."""
    places = ranks(scores, labels)
    return Accuracy(float((places == 0).mean()), float((places < 5).mean()))
