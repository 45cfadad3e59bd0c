"""Curves that follow on paper: the logistic function, its cost, and the impurities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from akitsu.classic.figures.impurities import entropy, gain, gini, misclassification
from akitsu.classic.figures.logistic_cost import cost
from akitsu.classic.figures.logistic_function import log_odds, logistic

SHARES = st.lists(st.floats(0.01, 1), min_size=2, max_size=6).map(lambda s: np.array(s) / sum(s))


@given(st.floats(-1e4, 1e4))
def test_the_logistic_function_of_z_and_of_minus_z_sum_to_one(z):
    assert logistic(np.array(z)) + logistic(np.array(-z)) == pytest.approx(1)


@given(st.floats(-30, 30))
def test_the_log_odds_undo_the_logistic_function(z):
    assert log_odds(logistic(np.array(z))) == pytest.approx(z, abs=1e-2)


@pytest.mark.parametrize("y", [0, 1])
@given(p=st.floats(0.001, 0.999))
def test_the_cost_is_the_log_loss_of_a_second_library(y, p):
    assert cost(np.array(p), y) == pytest.approx(log_loss([y], [p], labels=[0, 1]))


def test_at_one_half_entropy_is_one_and_gini_and_error_are_one_half():
    half = np.array([0.5, 0.5])

    assert [float(each(half)) for each in (entropy, gini, misclassification)] == [1, 0.5, 0.5]


def test_the_curves_are_highest_at_one_half(written):
    numbers = written("impurities")["numbers"]
    p = numbers.pop("p")

    assert {p[int(np.argmax(values))] for values in numbers.values()} == {0.5}
    assert {values[0] for values in numbers.values()} == {0}
    assert numbers["entropy, halved"] == [bits / 2 for bits in numbers["entropy"]]


@given(st.integers(2, 9))
def test_k_classes_of_one_share_are_as_mixed_as_can_be(k):
    alike = np.full(k, 1 / k)

    assert entropy(alike) == pytest.approx(np.log2(k))
    assert gini(alike) == pytest.approx(1 - 1 / k)
    assert misclassification(alike) == pytest.approx(1 - 1 / k)


@given(SHARES, SHARES, st.floats(0, 1))
def test_no_question_makes_the_children_more_mixed_than_their_parent(left, right, share):
    k = min(len(left), len(right))
    left, right = left[:k] / left[:k].sum(), right[:k] / right[:k].sum()
    parent = share * left + (1 - share) * right

    for impurity in (entropy, gini, misclassification):
        children = {"left": impurity(left), "right": impurity(right)}
        assert gain(impurity(parent), **children, share_left=share) > -1e-9
