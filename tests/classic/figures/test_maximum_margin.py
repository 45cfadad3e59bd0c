"""The street is the widest there is, and its support vectors stand where they must."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from akitsu.classic.figures.maximum_margin import STREETS, street
from akitsu.classic.figures.petals import petals


@pytest.fixture(params=STREETS, ids=lambda each: f"C={each[1]:g}")
def fitted(request):
    pair, c = request.param
    return street(petals(), pair, c=c)


def test_free_support_vectors_lie_on_the_margin(fitted):
    f = fitted.f(fitted.points[fitted.support])

    np.testing.assert_allclose(np.abs(f[~fitted.bound]), 1, atol=1e-4)
    assert (~fitted.bound).any()


def test_bound_ones_stand_in_the_street_or_beyond_and_all_others_outside(fitted):
    reach = fitted.sides * fitted.f(fitted.points)
    others = np.setdiff1d(np.arange(len(reach)), fitted.support)

    assert (reach[fitted.support[fitted.bound]] <= 1 + 1e-4).all()
    assert (reach[others] >= 1 - 1e-4).all()


def test_f_is_negative_on_the_side_of_the_first_class():
    """Versicolor's petals are the larger, so f grows with the size of the petal."""
    hard = street(petals(), (0, 1), c=1000.0)

    assert (hard.weights > 0).all()


def test_the_street_is_as_wide_as_the_gap_between_the_two_hulls():
    """An independent reference: the two nearest convex mixtures of the classes' flowers."""
    hard = street(petals(), (0, 1), c=1000.0)
    one, other = hard.points[hard.sides < 0], hard.points[hard.sides > 0]

    def gap(raw):
        mixes = [np.exp(part - part.max()) for part in (raw[: len(one)], raw[len(one) :])]
        first, second = (mix / mix.sum() for mix in mixes)
        return float(np.sum((first @ one - second @ other) ** 2))

    found = minimize(gap, np.zeros(len(hard.points)), tol=1e-14, options={"maxiter": 2000})

    assert hard.width == pytest.approx(np.sqrt(found.fun), rel=1e-2)
    assert not hard.bound.any()


def test_a_small_price_of_slack_buys_a_wide_street(written):
    _, cheap, dear = written("maximum-margin")["numbers"]["streets"]

    assert cheap["c"] < dear["c"]
    assert cheap["width"] > 2 * dear["width"]
    assert len(cheap["support_vectors"]) > len(dear["support_vectors"])
