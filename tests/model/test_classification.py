import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from fireline.errors import FirelineError
from fireline.model.classification import classification, paired_t_test, read_right


def test_precision_recall_and_confusion_are_what_they_are_defined_as() -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 1, 0, 0])
    content = json.loads(classification(np.eye(3)[predicted], labels, ("a", "b", "c")))
    assert content["top1"] == 0.5
    assert content["confusion"] == [[2, 1, 0], [1, 1, 0], [1, 0, 0]]
    a, b, c = content["classes"]
    assert (a["precision"], a["recall"], a["f1"]) == (0.5, 0.666667, 0.571429)
    assert (b["precision"], b["recall"], b["images"]) == (0.5, 0.5, 2)
    assert (c["precision"], c["recall"], c["f1"]) == (0, 0, 0)


def test_a_paired_test_is_a_test_of_the_differences() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(500) < 0.7
    second = np.where(rng.random(500) < 0.1, True, first)
    result = paired_t_test(first, second)
    single = ttest_1samp(second.astype(float) - first, 0)
    assert (result.t, result.p) == pytest.approx((single.statistic, single.pvalue))
    assert 0 < result.low < result.difference < result.high
    assert paired_t_test(first, first).p == 1
    with pytest.raises(FirelineError, match="500 and 499 test images"):
        paired_t_test(first, second[1:])


def test_a_run_that_was_not_trained(tmp_path: Path) -> None:
    (tmp_path / "float.json").write_text(classification(np.eye(2), np.array([0, 0]), ("a", "b")))
    assert read_right(tmp_path).tolist() == [True, False]
    (tmp_path / "float.json").write_text("{}")
    with pytest.raises(FirelineError, match="missing or damaged"):
        read_right(tmp_path)
