"""Two models on the same pictures."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import DataError
from akitsu.runtime.results import Detections
from akitsu.scores.classification import ClassificationScores
from akitsu.scores.detection import DetectionScores
from akitsu.scores.difference import difference
from akitsu.scores.segmentation import SegmentationScores


def answers(right):
    """A classifier that is right where it is said to be."""
    scores = ClassificationScores(["no", "yes"])
    right = np.asarray(right, np.int64)
    scores.add_batch(np.eye(2)[right], np.ones(len(right), np.int64))
    return scores


def test_the_difference_is_the_second_less_the_first():
    one, other = answers([1, 1, 1, 0]), answers([1, 0, 1, 0])

    assert difference(one, other, "accuracy").value == -0.25
    assert difference(other, one, "accuracy").value == 0.25


def test_the_same_answers_differ_by_exactly_nothing():
    """Although the score itself is known to a few points only."""
    right = np.arange(40) % 4 > 0

    apart = difference(answers(right), answers(right), "accuracy")

    assert (apart.value, apart.low, apart.high) == (0, 0, 0)
    assert answers(right).metrics()["accuracy"].low < 0.7


def test_one_lost_picture_of_forty_is_told_from_luck_no_better_than_it_is():
    right = np.arange(40) % 4 > 0
    worse = right.copy()
    worse[1] = False

    apart = difference(answers(right), answers(worse), "accuracy")

    assert apart.value == pytest.approx(-1 / 40)
    assert -0.1 < apart.low < -1 / 40
    assert apart.high == 0


def test_detectors_and_segmenters_have_it_too():
    box, label = np.array([[0, 0, 10, 10]], np.float32), np.zeros(1, np.int64)
    found, missed = DetectionScores(["door"]), DetectionScores(["door"])
    for scores, n in ((found, 1), (missed, 0)):
        seen = Detections(("door",), box[:n], np.ones(n, np.float32), label[:n])
        scores.add(seen, box, label, None, "0001")
    one, other = (SegmentationScores(["floor", "door"]) for _ in range(2))
    truth = np.ones((4, 4), np.uint8)
    for scores, guess in ((one, truth), (other, truth * 0)):
        scores.add(guess, truth, "0001")

    assert difference(found, missed, "map50").value == -1
    assert difference(one, other, "miou").value == -1


def test_scores_of_other_numbers_of_pictures_are_refused():
    with pytest.raises(DataError, match="scores of 2 and of 3 pictures"):
        difference(answers([1, 1]), answers([1, 1, 1]), "accuracy")
