"""What a classifier gets right and wrong, class by class, and whether two classifiers differ by more than chance."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.model.accuracy import accuracy
from fireline.model.data import Labels

SCORES = "float.json"

Scores = npt.NDArray[np.generic]


def classification(scores: Scores, labels: Labels, classes: Sequence[str]) -> str:
    """JSON about `(N, classes)` scores: accuracy, each class's precision, recall and F1, confusion, every prediction.

    `confusion[label][predicted]` counts images.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    predicted = np.asarray(scores).argmax(axis=1)
    numbers = range(len(classes))
    precision, recall, f1, images = precision_recall_fscore_support(
        labels, predicted, labels=numbers, zero_division=0
    )
    reached = accuracy(scores, labels)
    content = {
        "images": len(labels),
        "top1": reached.top1,
        "top5": reached.top5,
        "classes": [
            {
                "name": name,
                "images": int(images[i]),
                "precision": round(float(precision[i]), 6),
                "recall": round(float(recall[i]), 6),
                "f1": round(float(f1[i]), 6),
            }
            for i, name in enumerate(classes)
        ],
        "confusion": confusion_matrix(labels, predicted, labels=numbers).tolist(),
        "labels": labels.tolist(),
        "predicted": predicted.tolist(),
    }
    return json.dumps(content) + "\n"


def read_right(run: Path) -> npt.NDArray[np.bool_]:
    """Which test images the float network of a run folder was right about, from what `classification` left there.

    Raises:
        FirelineError: the run was not trained, or the file is damaged.
    """
    path = run / SCORES
    try:
        content = json.loads(path.read_bytes())
        right: npt.NDArray[np.bool_] = np.equal(content["labels"], content["predicted"])
    except (OSError, ValueError, KeyError, TypeError):
        raise FirelineError("missing or damaged", node=str(path), hint="fireline train") from None
    return right


@dataclass(frozen=True)
class PairedTest:
    """Student's paired t-test of two classifiers on the same `images`.

    `difference` is the second's top-1 minus the first's, 0 to 1, `low` to `high` its 95 % confidence interval, and `p`
    the chance of a difference as large if there is none.
    """

    images: int
    difference: float
    low: float
    high: float
    t: float
    p: float


def paired_t_test(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> PairedTest:
    """Test whether `second` is right more often than `first`; both say of the same images whether they were right.

    Raises:
        FirelineError: they are of different numbers of images.
    """
    from scipy.stats import ttest_rel

    if len(first) != len(second):
        raise FirelineError(f"{len(first)} and {len(second)} test images are not the same ones")
    a, b = first.astype(np.float64), second.astype(np.float64)
    difference = float((b - a).mean())
    if not (a != b).any():
        return PairedTest(len(a), 0.0, 0.0, 0.0, 0.0, 1.0)
    result = ttest_rel(b, a)
    interval = result.confidence_interval(0.95)
    return PairedTest(
        len(a),
        difference,
        float(interval.low),
        float(interval.high),
        float(result.statistic),
        float(result.pvalue),
    )
