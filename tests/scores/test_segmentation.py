from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix
from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex

from akitsu.errors import DataError, ShapeError
from akitsu.scores.segmentation import SegmentationScores

K = 4
CLASSES = [f"class {i}" for i in range(K)]


def planted(pictures=6, seed=0, size_hw=(20, 30)):
    """Truth with a tenth ignored, and a prediction that is right for about two thirds."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, K, (pictures, *size_hw)).astype(np.uint8)
    guess = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, K, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = 255
    return guess.astype(np.uint8), truth


def scored(guess, truth, classes=CLASSES):
    scores = SegmentationScores(classes)
    for index, (one, other) in enumerate(zip(guess, truth, strict=True)):
        scores.add(one, other, f"picture {index}")
    return scores


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("miou", MulticlassJaccardIndex(K, ignore_index=255)),
        ("frequency_weighted_iou", MulticlassJaccardIndex(K, average="weighted", ignore_index=255)),
        ("pixel_accuracy", MulticlassAccuracy(K, average="micro", ignore_index=255)),
        ("mean_class_accuracy", MulticlassAccuracy(K, average="macro", ignore_index=255)),
    ],
)
def test_the_scores_are_those_of_torchmetrics(name, metric):
    guess, truth = planted()

    values = scored(guess, truth).values()

    expected = metric(torch.from_numpy(guess).long(), torch.from_numpy(truth).long())
    assert values[name] == pytest.approx(float(expected), abs=1e-6)


def test_the_confusion_matrix_is_that_of_scikit_learn():
    guess, truth = planted()
    counted = truth != 255

    confusion = scored(guess, truth).confusion

    np.testing.assert_array_equal(confusion, confusion_matrix(truth[counted], guess[counted]))


def test_a_square_moved_by_half_its_width_scores_one_third():
    """10 x 10 pixels moved 5 to the right: 50 shared, 150 covered."""
    truth, guess = np.zeros((2, 20, 20), np.uint8)
    truth[5:15, 2:12] = 1
    guess[5:15, 7:17] = 1

    values = scored([guess], [truth], ["floor", "square"]).values()

    assert values["iou/square"] == pytest.approx(1 / 3)
    assert values["iou/floor"] == pytest.approx(250 / 350)


def test_the_set_is_scored_and_not_the_mean_of_its_pictures():
    """One pixel of a rare class is missed in one picture: a half of that picture's own mean."""
    truth = np.zeros((2, 10, 10), np.uint8)
    truth[0, :, :5] = 1
    truth[1, 0, 0] = 1
    guess = truth.copy()
    guess[1, 0, 0] = 0

    values = scored(guess, truth, ["floor", "thing"]).values()
    own = [scored([g], [t], ["floor", "thing"]).values() for g, t in zip(guess, truth, strict=True)]

    assert values["miou"] == pytest.approx((149 / 150 + 50 / 51) / 2)
    assert np.mean([one["miou"] for one in own]) == pytest.approx((1 + 0.99 / 2) / 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 255))
def test_ignored_pixels_may_hold_any_prediction(anything):
    guess, truth = planted(1)
    changed = np.where(truth == 255, anything, guess).astype(np.uint8)

    assert scored(changed, truth).values() == scored(guess, truth).values()


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(K)))
def test_renaming_the_classes_renames_their_scores(order):
    guess, truth = planted(2)
    table = np.arange(256, dtype=np.uint8)
    table[:K] = order

    values = scored(guess, truth).values()
    renamed = scored(table[guess], table[truth], [CLASSES[order.index(i)] for i in range(K)])

    assert renamed.values() == pytest.approx(values)


def test_cutting_the_pictures_in_two_changes_no_value():
    guess, truth = planted()
    halves = np.concatenate([guess[:, :10], guess[:, 10:]])
    true_halves = np.concatenate([truth[:, :10], truth[:, 10:]])

    assert scored(halves, true_halves).values() == scored(guess, truth).values()


def test_a_class_that_occurs_nowhere_is_left_out_of_the_mean():
    mask = np.array([[[0, 1], [1, 1]]], np.uint8)

    scores = scored(mask, mask)

    assert np.isnan(scores.values()["iou/class 3"])
    assert scores.values()["miou"] == 1
    assert scores.classes_in_mean == 2


def test_a_class_that_is_only_imagined_counts_as_nought():
    truth = np.zeros((1, 2, 2), np.uint8)
    guess = np.array([[[0, 0], [0, 1]]], np.uint8)

    values = scored(guess, truth, ["floor", "thing"]).values()

    assert values["miou"] == pytest.approx((0.75 + 0) / 2)
    assert values["mean_class_accuracy"] == 0.75


def test_every_metric_lies_in_its_interval():
    metrics = scored(*planted()).metrics(rounds=200)

    assert len(metrics) == 4 + K
    for estimate in metrics.values():
        assert 0 < estimate.low < estimate.value < estimate.high < 1
        assert estimate.n == 6


def test_the_worst_picture_comes_first_and_names_its_weakest_classes():
    guess, truth = planted(3)
    guess[1] = np.where(truth[1] == 2, 0, truth[1])

    name, index, what = scored(guess, truth).worst(3)[-1]
    worst = scored([np.zeros((2, 2), np.uint8)], [np.array([[0, 0], [1, 3]], np.uint8)]).worst(1)

    assert (name, index) == ("picture 1", 1)
    assert what.startswith("mIoU ")
    assert worst == [("picture 0", 0, "mIoU 17 %: class 1 0 %, class 3 0 %")]


def test_a_picture_of_ignored_pixels_is_not_among_the_worst():
    guess, truth = planted(2)
    truth[0] = 255

    assert [name for name, _, _ in scored(guess, truth).worst(2)] == ["picture 1"]


def test_no_pictures_score_no_number():
    metrics = SegmentationScores(CLASSES).metrics()

    assert all(np.isnan(estimate.value) for estimate in metrics.values())
    assert SegmentationScores(CLASSES).worst(3) == []


def test_a_class_that_the_set_does_not_have_is_named_with_its_pixel():
    truth = np.zeros((2, 3), np.uint8)
    truth[1, 2] = 12

    with pytest.raises(DataError, match=r"^a\.png, row 1, column 2: class 12 of a set with 4 cl"):
        SegmentationScores(CLASSES).add(np.zeros((2, 3), np.uint8), truth, "a.png")
    with pytest.raises(DataError, match=r"^a\.png, prediction, row 1, column 2"):
        SegmentationScores(CLASSES).add(truth, np.zeros((2, 3), np.uint8), "a.png")


def test_masks_of_two_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"^a\.png: the prediction has shape \(2, 3\)"):
        SegmentationScores(CLASSES).add(
            np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), "a.png"
        )
