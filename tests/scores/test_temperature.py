from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.scores.calibration import fit_temperature, softmax


@settings(max_examples=15, deadline=None)
@given(st.floats(0.2, 20))
def test_a_temperature_that_was_planted_is_found(temperature):
    """Labels drawn from softmax(scores / T) are explained best by T."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(4000, 3)) * 2 * temperature
    chances = softmax(scores, temperature=temperature)
    labels = (chances.cumsum(axis=1) < rng.random((4000, 1))).sum(axis=1)

    found = fit_temperature(scores, labels, coldest=0.01, hottest=100)

    assert found == pytest.approx(temperature, rel=0.1)


def test_rows_without_a_mistake_leave_a_doubt():
    scores = np.array([[1.0, -1.0], [-1.0, 1.0]] * 20)
    labels = np.array([0, 1] * 20)

    probabilities = softmax(scores, temperature=fit_temperature(scores, labels))

    assert probabilities.max() == pytest.approx(41 / 42, abs=1e-4)


@settings(deadline=None)
@given(st.floats(0.01, 100))
def test_no_temperature_changes_which_class_is_the_greatest(temperature):
    scores = np.random.default_rng(1).normal(size=(50, 4))

    probabilities = softmax(scores, temperature=temperature)

    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert (probabilities.argmax(1) == scores.argmax(1)).all()


def test_great_scores_do_not_overflow():
    assert softmax(np.array([[1e6, 0.0]])).tolist() == [[1.0, 0.0]]
