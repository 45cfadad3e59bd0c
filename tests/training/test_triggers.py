from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import RecipeError
from akitsu.training.triggers import (
    IntervalTrigger,
    ManualTrigger,
    OnceTrigger,
    TimeTrigger,
    make_trigger,
)


@dataclass
class Clock:
    """A trainer of which a TimeTrigger sees no more than this."""

    clock_s: float = 0.0


def at(iteration: int, batches_per_epoch: int) -> SimpleNamespace:
    epoch, rest = divmod(iteration, batches_per_epoch)
    new = iteration > 0 and rest == 0
    batches = SimpleNamespace(batches_per_epoch=batches_per_epoch)
    return SimpleNamespace(
        updater=SimpleNamespace(iteration=iteration, epoch=epoch, is_new_epoch=new, batches=batches)
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
@given(st.fractions(Fraction(1, 12), 4, max_denominator=12), st.integers(1, 30))
def test_a_part_of_an_epoch_ends_with_the_batch_that_fills_it(part, batches_per_epoch):
    trigger, iterations = IntervalTrigger(float(part), "epoch"), 4 * batches_per_epoch

    fired = [i for i in range(iterations + 1) if trigger(at(i, batches_per_epoch))]

    ends = {ceil(part * batches_per_epoch * k) for k in range(1, iterations * 20)}
    assert fired == sorted(end for end in ends if end <= iterations)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.fractions(Fraction(1, 12), 4, max_denominator=12)), st.integers(1, 30))
def test_a_manual_trigger_fires_with_the_batch_that_fills_each_moment(moments, batches_per_epoch):
    trigger = ManualTrigger(tuple(map(float, moments)), "epoch")

    fired = [i for i in range(4 * batches_per_epoch + 1) if trigger(at(i, batches_per_epoch))]

    assert fired == sorted({ceil(moment * batches_per_epoch) for moment in moments})


def test_a_moment_that_floating_point_misses_is_met():
    """5/3 of 7 batches, three times, are 35; 7/3 of 27 are 63. Doubles say a little otherwise."""
    every, once = IntervalTrigger(5 / 3, "epoch"), ManualTrigger((7 / 3,), "epoch")

    assert [i for i in range(30, 40) if every(at(i, 7))] == [35]
    assert [i for i in range(60, 70) if once(at(i, 27))] == [63]


def test_a_manual_trigger_counts_iterations_too():
    trigger = ManualTrigger((1, 7), "iteration")

    assert [i for i in range(20) if trigger(at(i, 5))] == [1, 7]


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
    for clock.clock_s in (3, 12, 13, 14, 22, 23, 24):
        if trigger(clock):
            fired.append(clock.clock_s)

    assert fired == [13, 23]


@pytest.mark.parametrize(("again", "second"), [(False, [False, False]), (True, [True, False])])
def test_a_once_trigger_fires_once_and_after_a_resume_only_where_that_is_wished(again, second):
    trigger, resumed = (OnceTrigger(again_after_resume=again) for _ in range(2))

    first = [trigger(at(i, 5)) for i in (3, 4, 5)]
    resumed.load_state_dict(trigger.state_dict())

    assert first == [True, False, False]
    assert [resumed(at(i, 5)) for i in (6, 7)] == second


def test_a_once_trigger_that_was_saved_before_it_fired_fires_after_the_resume():
    trigger = OnceTrigger()
    trigger.load_state_dict(OnceTrigger().state_dict())

    assert trigger(at(9, 5))


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
    "spec",
    [
        (0, "epoch"),
        (-1, "epoch"),
        (0.0, "epoch"),
        (float("nan"), "epoch"),
        (float("inf"), "epoch"),
        (1.5, "iteration"),
        (True, "epoch"),
        (1, "epochs"),
        7,
        "ab",
    ],
)
def test_what_says_no_moment_is_refused_with_what_would(spec):
    with pytest.raises(RecipeError, match=r"trigger: .* says no moment; write it like \[100, "):
        make_trigger(spec)
