from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, recall_score
from torchmetrics.classification import MulticlassAccuracy

from akitsu.errors import DataError, ShapeError
from akitsu.runtime.results import Classification
from akitsu.scores.classification import ClassificationScores

CLASSES = ["zero", "one", "two"]


def planted(n=500, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    logits = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[labels]
    odds = np.exp(logits)
    return (odds / odds.sum(1, keepdims=True)).astype(np.float32), labels


def scored(probabilities, labels, **options):
    scores = ClassificationScores(CLASSES)
    scores.add_batch(probabilities, labels, **options)
    return scores


def test_the_scores_are_those_of_scikit_learn():
    probabilities, labels = planted()
    predicted = probabilities.argmax(1)

    values = scored(probabilities, labels).values()

    assert values["accuracy"] == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    double = probabilities.astype(np.float64)
    double /= double.sum(1, keepdims=True)
    assert values["log_loss"] == pytest.approx(log_loss(labels, double), abs=1e-6)
    per_class = recall_score(labels, predicted, average=None)
    assert [values[f"accuracy/{name}"] for name in CLASSES] == pytest.approx(list(per_class))


def test_the_accuracy_is_that_of_torchmetrics():
    probabilities, labels = planted()

    values = scored(probabilities, labels).values()

    metric = MulticlassAccuracy(3, average="micro")
    expected = metric(torch.from_numpy(probabilities), torch.from_numpy(labels))
    assert values["accuracy"] == pytest.approx(float(expected), abs=1e-6)


def test_of_many_classes_the_truth_may_be_among_the_first_five():
    """Twelve classes, the probabilities falling: the truth is fifth, sixth, first and last."""
    falling = np.arange(12, 0, -1) / 78
    scores = ClassificationScores([f"class {number}" for number in range(12)])
    scores.add_batch(np.tile(falling, (4, 1)), np.array([4, 5, 0, 11]))

    metrics = scores.metrics(rounds=50)

    assert metrics["top5_accuracy"].value == pytest.approx(0.5)
    assert metrics["accuracy"].value == pytest.approx(0.25)


def test_of_equal_probabilities_the_first_count_as_the_most_probable():
    scores = ClassificationScores([f"class {number}" for number in range(20)])
    scores.add_batch(np.full((20, 20), 0.05), np.arange(20))

    assert scores.values()["top5_accuracy"] == pytest.approx(5 / 20)


def test_of_ten_classes_five_guesses_are_not_scored():
    scores = ClassificationScores([f"class {number}" for number in range(10)])
    scores.add_batch(np.full((1, 10), 0.1), np.array([3]))

    assert "top5_accuracy" not in scores.values()


def test_the_confusion_matrix_is_that_of_scikit_learn():
    probabilities, labels = planted()

    confusion = scored(probabilities, labels).confusion

    np.testing.assert_array_equal(confusion, confusion_matrix(labels, probabilities.argmax(1)))


def test_one_by_one_scores_as_all_at_once():
    probabilities, labels = planted(40)
    single = ClassificationScores(CLASSES)
    for row, label in zip(probabilities, labels, strict=True):
        single.add(Classification(tuple(CLASSES), row), int(label), "a picture")

    assert single.metrics(rounds=50) == scored(probabilities, labels).metrics(rounds=50)


def test_every_metric_lies_in_its_interval_and_counts_the_pictures():
    metrics = scored(*planted(100)).metrics(rounds=100)

    whole = ["accuracy", "log_loss", "calibration_error"]
    assert list(metrics) == [*whole, *(f"accuracy/{name}" for name in CLASSES)]
    for estimate in metrics.values():
        assert estimate.low < estimate.value < estimate.high
        assert estimate.n == 100


def test_a_class_without_pictures_has_no_accuracy():
    probabilities = np.eye(3, dtype=np.float32)[[0, 1]]

    metrics = scored(probabilities, np.array([0, 1])).metrics(rounds=10)

    assert np.isnan(metrics["accuracy/two"].value)
    assert metrics["accuracy"].value == 1


def test_a_certain_error_costs_much_but_not_infinity():
    values = scored(np.eye(3, dtype=np.float32)[[0]], np.array([1])).values()

    assert values["log_loss"] == pytest.approx(-np.log(2.0**-23))


def test_the_worst_pictures_come_worst_first_and_say_what_happened():
    probabilities = np.array([[0.9, 0.1, 0], [0.02, 0.98, 0], [0.4, 0.3, 0.3]], np.float32)

    worst = scored(probabilities, np.array([0, 0, 0]), names=["a", "b", "c"]).worst(2)

    assert worst == [
        ("b", 1, "zero taken for one (98 %)"),
        ("c", 2, "zero, but only 40 % sure"),
    ]


def test_pictures_without_a_name_are_called_by_their_number():
    scores = scored(*planted(3))
    scores.add_batch(*planted(2))

    assert {name for name, _, _ in scores.worst(5)} == {"#0", "#1", "#2", "#3", "#4"}


def test_no_pictures_score_no_number():
    metrics = ClassificationScores(CLASSES).metrics()

    assert all(np.isnan(estimate.value) for estimate in metrics.values())
    assert ClassificationScores(CLASSES).confusion.sum() == 0
    assert ClassificationScores(CLASSES).worst(3) == []


def test_an_empty_batch_changes_nothing():
    scores = scored(*planted(5))
    before = scores.values()

    scores.add_batch(np.empty((0, 3), np.float32), np.empty(0, np.int64))

    assert scores.values() == before


@pytest.mark.parametrize(
    ("shape", "labels", "names"),
    [((2, 4), 2, 0), ((2,), 2, 0), ((2, 3), 3, 0), ((2, 3), 2, 1)],
    ids=["four columns", "one axis", "three labels", "one name"],
)
def test_arrays_that_do_not_fit_are_refused(shape, labels, names):
    with pytest.raises(ShapeError):
        scored(np.ones(shape, np.float32), np.zeros(labels, np.int64), names=["x"] * names)


def test_a_label_that_is_no_class_is_named_with_its_picture():
    with pytest.raises(DataError, match=r"^b\.png: label 3 in a set with 3 classes; correct"):
        scored(planted(2)[0], np.array([0, 3]), names=["a.png", "b.png"])
