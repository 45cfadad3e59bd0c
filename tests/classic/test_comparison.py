from __future__ import annotations

import json
from dataclasses import replace

import pytest

from akitsu.classic.classifiers import CLASSIFIERS
from akitsu.classic.comparison import compare, comparison_document, fits
from akitsu.classic.problem import iris_problem

QUICK = ["logistic-regression", "linear-svm", "decision-tree", "k-nearest-neighbours"]


@pytest.fixture(scope="module")
def problem():
    return iris_problem(folds=5)


@pytest.fixture(scope="module")
def lines(problem):
    return compare(problem, names=QUICK, folds=5)


def test_the_test_counts_the_seeds_misclassified_flowers(lines):
    assert {line.entry.name: line.misclassified for line in lines} == {
        "logistic-regression": 1,
        "linear-svm": 1,
        "decision-tree": 1,
        "k-nearest-neighbours": 0,
    }


def test_the_classifier_of_the_test_has_not_seen_the_test_and_the_final_one_has_seen_all(
    problem, lines
):
    neighbours = lines[-1]

    assert neighbours.tested["model"].n_samples_fit_ == 105
    assert neighbours.final["model"].n_samples_fit_ == 150
    right = (
        neighbours.tested.predict(problem.inputs[problem.train]) == problem.labels[problem.train]
    )
    assert neighbours.train_accuracy == pytest.approx(right.mean())


def test_the_accuracy_lies_in_its_interval_and_near_what_is_known_of_iris(lines):
    for line in lines:
        assert 0.85 < line.accuracy.low < line.accuracy.value < line.accuracy.high <= 1
        assert 0.92 < line.accuracy.value < 0.98


def test_only_a_classifier_without_probabilities_has_a_temperature(lines):
    assert [line.temperature is None for line in lines] == [True, False, True, True]


def test_the_document_is_json_and_says_what_was_done(problem, lines):
    document = comparison_document(problem, lines, folds=5, seed=0, tune=False)

    again = json.loads(json.dumps(document, allow_nan=False))
    assert again == document
    assert document["n"] == 150
    assert document["split"] == {"train": 105, "test": 45, "stratified": False, "seed": 0}
    assert document["majority"]["accuracy"] == pytest.approx(1 / 3)
    (tree,) = [line for line in document["classifiers"] if line["name"] == "decision-tree"]
    assert tree["scaled"] is False
    assert tree["parameters"] == {"criterion": "entropy", "max_depth": 3, "random_state": 0}
    assert tree["test_accuracy"] == pytest.approx(44 / 45)


def test_every_fit_is_told_of(problem):
    told = []

    compare(problem, names=QUICK[2:], folds=3, advance=lambda: told.append(1))

    assert len(told) == fits(problem, count=2, folds=3, tune=False)


def test_a_search_tells_what_it_chose(problem):
    (line,) = compare(problem, names=["decision-tree"], folds=2, tune=True)

    depth = line.final["model"].max_depth
    assert line.chosen == {"max_depth": depth}
    assert line.parameters["max_depth"] == depth
    assert len(line.chosen_by_fold) == 2


def test_a_solver_that_runs_out_of_steps_is_told_and_a_perceptron_always_takes_all_of_its(
    problem, monkeypatch
):
    entry = CLASSIFIERS["logistic-regression"]
    hasty = replace(entry, parameters={**entry.parameters, "max_iter": 2})
    monkeypatch.setitem(CLASSIFIERS, "logistic-regression", hasty)

    lines = compare(problem, names=["logistic-regression", "perceptron"], folds=2)

    assert [line.is_settled for line in lines] == [False, True]
