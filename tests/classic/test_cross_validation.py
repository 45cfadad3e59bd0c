from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from akitsu.classic.classifiers import CLASSIFIERS
from akitsu.classic.cross_validation import accuracy_estimate, cross_validate, fitter
from akitsu.classic.problem import iris_problem


def test_the_interval_is_that_of_nadeau_and_bengio():
    """With J accuracies, their variance counts 1/J + test/train times: here 1/20 + 1/9."""
    accuracies = np.tile([0.80, 0.90], 10)

    estimate = accuracy_estimate(accuracies, rows=10_000, folds=10)

    reach = stats.t.ppf(0.975, 19) * np.sqrt((1 / 20 + 1 / 9) * accuracies.var(ddof=1))
    assert estimate.value == pytest.approx(0.85)
    assert estimate.low == pytest.approx(0.85 - reach)
    assert estimate.high == pytest.approx(0.85 + reach)


def test_without_a_mistake_the_interval_is_still_wilsons():
    """Of 150 rows without a mistake, Wilson's lower end is n / (n + z²)."""
    estimate = accuracy_estimate(np.ones(50), rows=150, folds=10)

    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert estimate.low == pytest.approx(150 / (150 + 1.959964**2))


@pytest.mark.slow
def test_the_interval_holds_the_true_accuracy_and_the_plain_t_interval_too_seldom():
    """40 tables of three overlapping clouds, of which the accuracy is known from 20,000 rows."""
    held = held_by_plain = 0
    unseen, unseen_labels = clouds(20_000, seed=9)
    for seed in range(40):
        inputs, labels = clouds(150, seed=1000 + seed)
        fit = fitter("k-nearest-neighbours", seed=0)
        truth = (fit(inputs, labels).pipeline.predict(unseen) == unseen_labels).mean()
        found = cross_validate(fit, inputs, labels, folds=10, repeats=3, seed=seed).accuracies

        estimate = accuracy_estimate(found, rows=150, folds=10)
        reach = stats.t.ppf(0.975, 29) * found.std(ddof=1) / np.sqrt(30)
        held += estimate.low <= truth <= estimate.high
        held_by_plain += abs(found.mean() - truth) <= reach

    assert held >= 34
    assert held_by_plain <= 32


def clouds(rows, *, seed):
    """Three normal clouds, 2 apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    centres = np.array([[0, 0], [2, 0], [1.8, 1.2]])
    return centres[labels] + rng.normal(size=(rows, 2)), labels


def test_a_row_is_never_asked_of_a_classifier_that_learnt_it():
    """The nearest neighbour of a row that was learnt is the row itself: labels of pure chance
    would be found again."""
    rng = np.random.default_rng(0)
    inputs, labels = rng.normal(size=(200, 2)), rng.integers(0, 2, 200)

    found = cross_validate(
        fitter("k-nearest-neighbours", seed=0), inputs, labels, folds=5, repeats=2, seed=0
    )

    assert len(found.accuracies) == 10
    assert found.accuracies.mean() < 0.6
    right = (found.scores.argmax(1) == labels).mean()
    assert right == pytest.approx(found.accuracies[:5].mean())


def test_a_search_inside_the_folds_does_not_flatter_itself():
    """On labels of pure chance the best of many depths looks better than chance where the search
    is judged on the rows that it was made on, and not where it is nested."""
    rng = np.random.default_rng(3)
    inputs, labels = rng.normal(size=(60, 5)), np.arange(60) % 2

    nested = cross_validate(
        fitter("decision-tree", seed=0, tune=True), inputs, labels, folds=3, repeats=1, seed=0
    )

    assert nested.accuracies.mean() < 0.6
    assert len({chosen["max_depth"] for chosen in nested.chosen}) > 1


def test_a_search_finds_that_a_chessboard_needs_a_greater_gamma_than_0_1(monkeypatch):
    grid = {"C": (10.0,), "gamma": (0.01, 0.1, 1.0, 10.0)}
    monkeypatch.setitem(CLASSIFIERS, "rbf-svm", replace(CLASSIFIERS["rbf-svm"], grid=grid))
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (200, 2))
    labels = np.floor(inputs * 2).astype(np.int64).sum(axis=1) % 2

    fitted = fitter("rbf-svm", seed=0, tune=True)(inputs, labels)
    plain = fitter("rbf-svm", seed=0)(inputs, labels)

    assert fitted.chosen["gamma"] > 0.1
    right = (fitted.pipeline.predict(inputs) == labels).mean()
    assert right > (plain.pipeline.predict(inputs) == labels).mean() + 0.2


def test_the_same_seed_gives_the_same_folds_and_another_others():
    problem = iris_problem()
    fit = fitter("decision-tree", seed=0)

    def run(seed):
        found = cross_validate(fit, problem.inputs, problem.labels, folds=5, repeats=2, seed=seed)
        return found.accuracies.tolist()

    assert run(0) == run(0) != run(1)


def test_more_neighbours_than_rows_are_not_tried():
    inputs = np.arange(12.0)[:, None]

    fitted = fitter("k-nearest-neighbours", seed=0, tune=True)(inputs, np.arange(12) // 6)

    assert fitted.chosen["n_neighbors"] <= 9
