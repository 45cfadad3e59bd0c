"""A planted temperature is found again, and probabilities come to mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import betabinom

from akitsu.scores.calibration import (
    at_temperature,
    expected_accuracy,
    fit_temperature,
    logits_of,
)
from akitsu.scores.classification import ClassificationScores


def sampled(n=20_000, classes=4, seed=0):
    """Probabilities that are exactly right: each label is drawn from its row."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, classes))
    odds = np.exp(logits)
    probabilities = odds / odds.sum(1, keepdims=True)
    labels = (probabilities.cumsum(1) > rng.random((n, 1))).argmax(1)
    return probabilities, labels


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0])
def test_a_planted_temperature_is_found_again(planted):
    probabilities, labels = sampled()
    wrong = at_temperature(probabilities, 1 / planted)

    found = fit_temperature(logits_of(wrong), labels)

    assert found == pytest.approx(planted, rel=0.03)
    assert np.abs(at_temperature(wrong, planted) - probabilities).max() < 1e-5


def test_the_temperature_is_that_of_a_general_minimiser():
    probabilities, labels = sampled(300, 3, seed=1)
    n, k = probabilities.shape
    targets = np.full((n, k), 1 / (n + 2) / (k - 1))
    targets[np.arange(n), labels] = 1 - 1 / (n + 2)

    best = minimize_scalar(
        lambda t: -(targets * np.log(at_temperature(probabilities, t))).sum(),
        bounds=(0.2, 5),
        method="bounded",
    )

    assert fit_temperature(logits_of(probabilities), labels) == pytest.approx(best.x, abs=1e-3)


def test_no_mistake_does_not_make_a_model_infinitely_sure():
    probabilities = np.full((50, 10), 0.02)
    labels = np.zeros(50, np.int64)
    probabilities[:, 0] = 0.82

    temperature = fit_temperature(logits_of(probabilities), labels)

    surest = at_temperature(probabilities, temperature).max()
    assert 0.2 < temperature < 1
    assert surest == pytest.approx(1 - 1 / 52, abs=1e-3)


def test_there_is_nothing_to_calibrate_without_pictures_or_with_one_class():
    assert fit_temperature(np.empty((0, 3)), np.empty(0, np.int64)) == 1
    assert fit_temperature(np.ones((5, 1)), np.zeros(5, np.int64)) == 1


def test_an_answer_is_the_same_at_every_temperature():
    probabilities, _ = sampled(100)

    for temperature in (0.2, 0.7, 5.0):
        warmed = at_temperature(probabilities, temperature)
        np.testing.assert_array_equal(warmed.argmax(1), probabilities.argmax(1))
        np.testing.assert_allclose(warmed.sum(1), 1, atol=1e-6)


def test_a_certain_answer_stays_finite():
    assert np.isfinite(at_temperature(np.array([[1.0, 0.0]]), 0.2)).all()


def test_the_calibration_error_is_that_of_torchmetrics():
    import torch
    from torchmetrics.classification import MulticlassCalibrationError

    probabilities, labels = sampled(1000)
    sure = at_temperature(probabilities, 0.4)
    scores = ClassificationScores(list("abcd"))
    scores.add_batch(sure, labels)

    metric = MulticlassCalibrationError(4, n_bins=15)
    expected = metric(torch.from_numpy(sure), torch.from_numpy(labels))
    assert scores.values()["calibration_error"] == pytest.approx(float(expected), abs=1e-6)
    assert float(expected) > 0.1


def test_scores_at_the_right_temperature_keep_accuracy_and_names_and_lose_error():
    probabilities, labels = sampled(2000)
    scores = ClassificationScores(list("abcd"))
    scores.add_batch(at_temperature(probabilities, 3.0), labels, [f"n{i}" for i in range(2000)])

    calibrated = scores.at_temperature(1 / 3)

    before, after = scores.values(), calibrated.values()
    assert after["accuracy"] == before["accuracy"]
    assert after["log_loss"] < before["log_loss"]
    assert after["calibration_error"] < 0.05 < before["calibration_error"]
    assert calibrated.worst(1)[0][0].startswith("n")


@pytest.mark.parametrize(("right", "scored", "rows"), [(5228, 5250, 28_000), (17, 20, 30)])
def test_the_expected_accuracy_is_the_beta_binomial_s(right, scored, rows):
    known = betabinom(rows, right + 0.5, scored - right + 0.5)

    expected, low, high = expected_accuracy(right, scored, rows)

    assert expected == pytest.approx(known.mean() / rows)
    assert low == pytest.approx(known.ppf(0.025) / rows, abs=2e-3 if rows > 100 else 0.04)
    assert high == pytest.approx(known.ppf(0.975) / rows, abs=2e-3 if rows > 100 else 0.04)
