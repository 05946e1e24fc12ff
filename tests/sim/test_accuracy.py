import numpy as np
import pytest

from fireline.errors import FirelineError
from fireline.sim.accuracy import (
    Confusion,
    agreement,
    engine_accuracy,
    most_confused,
    predictions,
    scores,
)
from tests.graphs import fire_network, random_pixels


def test_accuracy_of_scores_written_by_hand() -> None:
    values = np.eye(7)[[0, 1, 2, 3, 3, 3]]
    values[4] += [9, 8, 7, 6, 0, 5, 4]  # label 4 comes last of seven
    one = engine_accuracy("firmware", values, np.array([0, 1, 2, 3, 4, 0]))
    assert (one.images, one.top1, one.top5) == (6, 4, 5)
    assert one.confusion[4, 0] == 1 and one.confusion[0, 3] == 1
    assert one.class_images.tolist() == [2, 1, 1, 1, 1, 0, 0]
    assert list(most_confused(one.confusion, 5)) == [Confusion(0, 3, 1), Confusion(4, 0, 1)]
    assert list(most_confused(one.confusion, 1)) == [Confusion(0, 3, 1)]


def test_of_equal_scores_the_lower_class_comes_first() -> None:
    level = np.zeros((2, 10))
    assert predictions(level).tolist() == [0, 0]
    one = engine_accuracy("firmware", level, np.array([4, 5]))
    assert (one.top1, one.top5) == (0, 1)


def test_top5_is_that_of_a_stable_sort() -> None:
    random = np.random.default_rng(0)
    values, labels = random.integers(0, 4, (200, 12)), random.integers(0, 12, 200)
    best = np.argsort(-values, axis=1, kind="stable")[:, :5]
    one = engine_accuracy("firmware", values, labels)
    assert one.top5 == (best == labels[:, None]).any(axis=1).sum()
    assert one.top1 == (best[:, 0] == labels).sum()


def test_agreement_names_the_images() -> None:
    a, b = np.eye(3)[[0, 1, 2, 0]], np.eye(3)[[0, 2, 2, 1]]
    assert agreement(a, b).differ == (1, 3)
    assert agreement(a, b).share == 0.5


def test_scores_are_the_real_values_of_the_last_node() -> None:
    graph = fire_network()
    outputs = graph.simulate(random_pixels(graph, 3))
    real = scores(graph, outputs)
    assert real.shape == (3, 10)
    assert np.array_equal(real, outputs.reshape(3, 10) * float(graph.output.output.scale[0]))


@pytest.mark.parametrize("labels", [[0, 1], [0, 1, 3], [0, 1, -1], []])
def test_labels_that_do_not_fit_are_refused(labels: list[int]) -> None:
    with pytest.raises(FirelineError, match="labels"):
        engine_accuracy("firmware", np.zeros((3, 3)), np.array(labels, dtype=np.int64))
