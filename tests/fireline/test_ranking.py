"""Ranks of labels among scores, against a stable sort."""

from __future__ import annotations

import numpy as np

from fireline.ranking import ranks


def test_ranks_are_places_in_a_stable_sort() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 4, (50, 12)).astype(np.float64)
    labels = rng.integers(0, 12, 50)
    order = np.argsort(-scores, axis=1, kind="stable")
    assert np.array_equal(ranks(scores, labels), (order == labels[:, None]).argmax(axis=1))


def test_nan_is_behind_every_number() -> None:
    scores = np.array([[np.nan, 1.0, -2.0]])
    assert ranks(scores, np.array([0])).tolist() == [2]
