"""The figures of fitted classifiers show what their sentences say."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from akitsu.classic.classifiers import build
from akitsu.classic.figures.forests import TREES, growing
from akitsu.classic.figures.petals import cross_validated, petals
from akitsu.classic.figures.tree import first_gain


def test_the_weights_are_the_shorter_the_smaller_c(written):
    numbers = written("shrinking-weights")["numbers"]

    assert numbers["c"][0] == pytest.approx(1e-5)
    assert numbers["c"][-1] == pytest.approx(1e5)
    assert (np.diff(numbers["norm"]) > 0).all()
    np.testing.assert_allclose(np.sum(numbers["weights"], axis=1), 0, atol=1e-3)


def test_a_classifier_with_hardly_any_weight_names_one_class_only(written):
    numbers = written("shrinking-weights")["numbers"]

    flowers = petals()
    commonest = np.bincount(flowers.labels[~flowers.test]).max() / (~flowers.test).sum()
    assert numbers["accuracy"]["training"][0] == pytest.approx(commonest)


def test_gamma_100_overfits(written):
    accuracy = written("gamma")["numbers"]["accuracy"]

    assert accuracy["100.0"]["training"] > accuracy["0.1"]["training"]
    assert accuracy["100.0"]["test"] < accuracy["0.1"]["test"] - 0.1
    assert accuracy["0.2"]["test"] > accuracy["0.2"]["training"] - 0.05


def test_a_line_is_no_better_than_a_coin_until_the_points_are_lifted(written):
    accuracy = written("xor")["numbers"]["accuracy"]

    assert accuracy["linear"] < 0.65
    assert accuracy["linear, lifted"] > 0.95
    assert accuracy["RBF"] > 0.85


def test_the_dot_file_holds_every_node_and_every_edge_of_the_tree(written):
    document = written("tree")
    text = Path(document["files"][1]).read_text(encoding="utf-8")
    nodes = document["numbers"]["nodes"]

    assert len(re.findall(r"^\d+ \[label=", text, re.MULTILINE)) == nodes
    assert len(re.findall(r"^\d+ -> \d+", text, re.MULTILINE)) == nodes - 1
    assert document["numbers"]["leaves"] == (nodes + 1) / 2
    assert document["numbers"]["depth"] == 3


def test_the_first_question_gains_all_that_there_is_to_know_about_one_class():
    """Of 2, 1 and 1 the node has 1.5 bits; one class split off leaves 1 bit in half of it."""
    features, labels = np.array([[0.0], [0.0], [1.0], [1.1]]), np.array([0, 0, 1, 2])
    model = build("decision-tree", max_depth=1).fit(features, labels)["model"]

    assert first_gain(model) == pytest.approx(1.5 - 0.5)


def test_a_child_counts_by_its_share_of_the_flowers(written):
    """Of 34, 32 and 39 flowers the first question takes the 34 away; 71 stay mixed."""
    node, rest = np.array([34, 32, 39]) / 105, np.array([32, 39]) / 71
    bits = [-float((shares * np.log2(shares)).sum()) for shares in (node, rest)]

    gained = written("tree")["numbers"]["first_gain"]

    assert gained == pytest.approx(bits[0] - 71 / 105 * bits[1])


def test_a_small_forest_is_the_beginning_of_a_large_one():
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(60, 2)), rng.integers(0, 3, 60)
    asked = rng.normal(size=(40, 2))
    grown = RandomForestClassifier(n_estimators=50, random_state=1).fit(features, labels)

    answers = growing(grown, asked)

    for row in (0, 3):
        small = RandomForestClassifier(n_estimators=TREES[row], random_state=1)
        assert (answers[row] == small.fit(features, labels).predict(asked)).all()


def test_one_tree_errs_most_and_all_intervals_overlap(written):
    estimates = written("forests")["numbers"]["cross_validated"]

    assert min(each["value"] for each in estimates) == estimates[0]["value"]
    assert estimates[-1]["value"] > estimates[0]["value"] + 0.01
    assert max(each["low"] for each in estimates) < min(each["high"] for each in estimates)


def test_five_neighbours_are_right_on_all_45_and_too_many_are_not(written):
    numbers = written("neighbours")["numbers"]

    assert numbers["accuracy"]["5"]["test"] == 1
    assert numbers["accuracy"]["75"]["test"] < 0.7
    assert numbers["accuracy"]["1"]["training"] > numbers["accuracy"]["5"]["training"]
    assert numbers["cross_validated"][-1]["value"] < 0.8


def test_cross_validation_asks_every_flower_three_times_and_none_that_was_learnt():
    flowers, count = petals(), np.zeros(150)

    def right(learnt, asked):
        assert not set(learnt) & set(asked)
        count[asked] += 1
        return np.stack([np.ones(len(asked), bool), flowers.labels[asked] == 0])

    always, setosa = cross_validated(flowers, right)

    assert (count == 3).all()
    assert always.value == 1
    assert setosa.value == pytest.approx(1 / 3)
