"""Where a classifier's scores put the right class."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def ranks(scores: npt.NDArray[np.generic], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """How many classes each image's label `(N,)` stands behind in scores `(N, classes)`: 0 is top-1, below 5 top-5.

    Of equal scores the lower class comes first; NaN comes behind every number.
    """
    values = np.asarray(scores)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), -np.inf, values)
    images, classes = values.shape
    own = values[np.arange(images), labels][:, None]
    before = (values > own) | ((values == own) & (np.arange(classes) < labels[:, None]))
    return np.asarray(before.sum(axis=1))
