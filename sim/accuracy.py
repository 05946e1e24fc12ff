"""How often an engine is right, what it confuses, and where two engines choose differently."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fireline.errors import FirelineError
from fireline.graph import Graph
from fireline.ranking import ranks

Classes = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating] | npt.NDArray[np.integer]  # (N, classes), higher is likelier


@dataclass(frozen=True, eq=False)
class EngineAccuracy:
    """What an engine made of labelled images.

    `confusion[label, predicted]` counts images, `top5` those whose label is among the five highest scores.
    """

    engine: str
    confusion: Classes
    top5: int

    @property
    def images(self) -> int:
        """Labelled images."""
        return int(self.confusion.sum())

    @property
    def top1(self) -> int:
        """Images whose label has the highest score."""
        return int(self.confusion.trace())

    @property
    def class_images(self) -> Classes:
        """Images of each class."""
        return np.asarray(self.confusion.sum(axis=1))


@dataclass(frozen=True)
class Agreement:
    """In how many of `images` two engines choose the same class, and the indices of the others."""

    images: int
    differ: tuple[int, ...]

    @property
    def share(self) -> float:
        """0 to 1."""
        return 1 - len(self.differ) / self.images


@dataclass(frozen=True)
class Confusion:
    """`count` images of class `label` were taken for `predicted`."""

    label: int
    predicted: int
    count: int


def scores(graph: Graph, outputs: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Scores `(N, classes)` from the integers `(N, classes, 1, 1)` of a classifier's last node."""
    return graph.output.output.real(outputs).reshape(len(outputs), -1)


def predictions(scores: Scores) -> Classes:
    """The class with the highest score of each image; of equal scores the lower class."""
    return np.asarray(scores.argmax(axis=1), dtype=np.int64)


def engine_accuracy(engine: str, scores: Scores, labels: Classes) -> EngineAccuracy:
    """Accuracy of scores `(N, classes)` against labels `(N,)`.

    Raises:
        FirelineError: there is not one label for each image, or a label is no class of the network.
    """
    images, classes = scores.shape
    if not images or labels.shape != (images,):
        raise FirelineError(f"{labels.shape} labels for {images} images", node=engine)
    if labels.min() < 0 or labels.max() >= classes:
        raise FirelineError(
            f"labels {labels.min()} to {labels.max()} for a network of {classes} classes", node=engine
        )
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (labels, predictions(scores)), 1)
    return EngineAccuracy(engine, confusion, int((ranks(scores, labels) < 5).sum()))


def agreement(a: Scores, b: Scores) -> Agreement:
    """Where the scores `(N, classes)` of two engines choose unlike classes."""
    differ = np.flatnonzero(predictions(a) != predictions(b))
    return Agreement(len(a), tuple(differ.tolist()))


def most_confused(confusion: Classes, count: int) -> Iterator[Confusion]:
    """The `count` commonest mistakes, the commonest first, then by class."""
    wrong = confusion.copy()
    np.fill_diagonal(wrong, 0)
    for flat in np.argsort(-wrong, axis=None, kind="stable")[:count]:
        label, predicted = divmod(int(flat), len(wrong))
        if not wrong[label, predicted]:
            return
        yield Confusion(label, predicted, int(wrong[label, predicted]))
