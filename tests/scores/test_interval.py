from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.scores import interval
from akitsu.scores.interval import Estimate, bootstrap

from .planted import detector, judged


def mean_of(numbers):
    return lambda weights: float(weights @ numbers / weights.sum())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_the_interval_holds_the_value(numbers):
    estimate = bootstrap(mean_of(np.array(numbers)), len(numbers), rounds=50)

    assert estimate.low <= estimate.value <= estimate.high


def test_four_times_the_pictures_halve_the_interval():
    rng = np.random.default_rng(0)
    few, many = (bootstrap(mean_of(rng.normal(size=n)), n, rounds=2000) for n in (400, 1600))

    ratio = (many.high - many.low) / (few.high - few.low)

    assert ratio == pytest.approx(0.5, abs=0.06)


def test_the_interval_of_a_mean_is_the_normal_one():
    """900 pictures of standard deviation 1: 1.96 standard errors of 1/30 to either side."""
    numbers = np.random.default_rng(0).normal(size=900)
    numbers = (numbers - numbers.mean()) / numbers.std()

    estimate = bootstrap(mean_of(numbers), 900, rounds=4000)

    assert [estimate.low, estimate.high] == pytest.approx([-1.96 / 30, 1.96 / 30], abs=0.005)


def test_the_interval_of_a_mean_is_not_moved():
    """Draws of four pictures have means in quarters, and so has the interval."""
    right = np.array([1.0, 1.0, 0.0, 1.0])

    ends = {
        end
        for seed in range(20)
        for estimate in [bootstrap(mean_of(right), 4, seed=seed)]
        for end in (estimate.low, estimate.high)
    }

    assert ends <= {0.0, 0.25, 0.5, 1.0}


def test_a_planted_mean_lies_in_95_of_100_intervals():
    """300 repeats of a share of 0.7 in 200 pictures; the standard error of the count is 1.3 %."""
    rng = np.random.default_rng(0)
    held = 0
    for repeat in range(300):
        right = (rng.random(200) < 0.7).astype(np.float64)
        estimate = bootstrap(mean_of(right), 200, rounds=300, seed=repeat)
        held += estimate.low <= 0.7 <= estimate.high

    assert held / 300 == pytest.approx(0.95, abs=0.035)


def intervals_that_hold(truth, *, repeats):
    rng = np.random.default_rng(1)
    held = 0
    for repeat in range(repeats):
        scores = judged(detector(rng, classes=20, pictures=60), classes=20)
        estimate = scores.metrics(rounds=60, seed=repeat)["map50"]
        held += estimate.low <= truth <= estimate.high
    return held


@pytest.mark.slow
def test_the_interval_of_a_biased_score_is_moved_back(monkeypatch):
    """20 classes of 24 boxes each: plain percentiles hold the true mAP in few of 20 cases.

    The true score is taken to be that of 1000 pictures.
    """
    rng = np.random.default_rng(0)
    truth = judged(detector(rng, classes=20, pictures=1000), classes=20).values()["map50"]

    moved = intervals_that_hold(truth, repeats=20)
    monkeypatch.setattr(interval, "_bias", lambda draws, value: 0.0)
    plain = intervals_that_hold(truth, repeats=20)

    assert plain <= 6
    assert moved >= 13


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    numbers = np.random.default_rng(0).normal(size=50)

    one, again, other = (bootstrap(mean_of(numbers), 50, seed=seed) for seed in (1, 1, 2))

    assert one == again
    assert one != other


def test_several_statistics_share_their_draws():
    numbers = np.random.default_rng(0).normal(size=50)

    both = bootstrap(lambda w: {"a": float(w @ numbers), "b": float(w @ numbers)}, 50)

    assert both["a"] == both["b"] == bootstrap(lambda w: float(w @ numbers), 50)


def test_every_draw_has_as_many_pictures_as_there_are():
    sums = []

    bootstrap(lambda weights: sums.append(weights.sum()) or 0.0, 7, rounds=20)

    assert sums == [7] * 21


def test_draws_in_which_the_score_is_not_defined_are_left_out():
    """One picture of two holds the class: a quarter of the draws miss it."""
    has, right = np.array([1.0, 0.0]), np.array([1.0, 0.0])

    def share(weights):
        return float(weights @ right / (weights @ has)) if weights @ has else float("nan")

    assert bootstrap(share, 2) == Estimate(1.0, 1.0, 1.0, 2)


def test_no_pictures_give_no_number():
    estimate = bootstrap(lambda weights: float("nan"), 0)

    assert str(estimate) == "–"
    assert estimate.to_json() == {"value": None, "low": None, "high": None, "n": 0}


def test_an_estimate_reads_as_a_person_would_say_it_and_survives_json():
    estimate = Estimate(0.931, 0.918, 0.943, 900)

    assert str(estimate) == "93.10 % (91.80–94.30)"
    assert Estimate(**json.loads(json.dumps(estimate.to_json()))) == estimate
