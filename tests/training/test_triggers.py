from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import RecipeError
from akitsu.training.triggers import IntervalTrigger, TimeTrigger, make_trigger


@dataclass
class Clock:
    """A trainer of which a TimeTrigger sees no more than this."""

    elapsed_s: float = 0.0


def at(iteration: int, batches_per_epoch: int) -> SimpleNamespace:
    epoch, rest = divmod(iteration, batches_per_epoch)
    new = iteration > 0 and rest == 0
    return SimpleNamespace(
        updater=SimpleNamespace(iteration=iteration, epoch=epoch, is_new_epoch=new)
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 7), st.integers(1, 9), st.integers(0, 60))
def test_an_epoch_trigger_fires_at_every_nth_end_of_an_epoch(n, batches_per_epoch, iterations):
    trigger = IntervalTrigger(n, "epoch")

    fired = [i for i in range(iterations + 1) if trigger(at(i, batches_per_epoch))]

    assert fired == list(range(n * batches_per_epoch, iterations + 1, n * batches_per_epoch))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(0, 60))
def test_an_iteration_trigger_fires_every_n_iterations(n, iterations):
    trigger = IntervalTrigger(n, "iteration")

    fired = [i for i in range(iterations + 1) if trigger(at(i, 5))]

    assert fired == list(range(n, iterations + 1, n))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.sampled_from(["iteration", "epoch"]), st.integers(0, 60))
def test_a_trigger_made_after_a_resume_agrees_with_the_one_before_it(n, unit, iteration):
    """Also when the old one was asked several times in one iteration."""
    old = IntervalTrigger(n, unit)
    asked = [old(at(i, 5)) for i in range(iteration + 1) for _ in range(2)]

    assert asked[-1] == asked[-2] == IntervalTrigger(n, unit)(at(iteration, 5))


def test_a_time_trigger_fires_when_its_seconds_have_passed_since_it_fired():
    trigger, clock = TimeTrigger(10), Clock()
    fired = []
    for clock.elapsed_s in (3, 12, 13, 14, 22, 23, 24):
        if trigger(clock):
            fired.append(clock.elapsed_s)

    assert fired == [13, 23]


@pytest.mark.parametrize("spec", [(10, "iteration"), [10, "iteration"]])
def test_the_short_form_is_a_list_or_a_tuple(spec):
    assert make_trigger(spec) == IntervalTrigger(10, "iteration")


def test_seconds_make_a_time_trigger_and_none_makes_one_that_never_fires():
    assert isinstance(make_trigger((600, "second")), TimeTrigger)
    assert not any(make_trigger(None)(at(i, 5)) for i in range(20))


def test_a_trigger_is_given_back_as_it_is():
    trigger = IntervalTrigger(1, "epoch")

    assert make_trigger(trigger) is trigger


@pytest.mark.parametrize(
    "spec", [(0, "epoch"), (-1, "epoch"), (1.5, "epoch"), (True, "epoch"), (1, "epochs"), 7, "ab"]
)
def test_what_says_no_moment_is_refused_with_what_would(spec):
    with pytest.raises(RecipeError, match=r"trigger: .* says no moment; write it like \[100, "):
        make_trigger(spec)
