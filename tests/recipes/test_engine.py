"""What a recipe's words become: the schedule of the learning rate."""

from __future__ import annotations

from typing import get_args

import pytest

from akitsu.errors import RecipeError
from akitsu.recipes.engine import make_schedule
from akitsu.recipes.recipe import ScheduleSettings, load

NAMES = get_args(ScheduleSettings.model_fields["name"].annotation)


def schedule(*settings):
    return make_schedule(load("digits", settings=[f"schedule.{own}" for own in settings]).schedule)


@pytest.mark.parametrize("name", NAMES)
def test_every_schedule_rises_first_and_stands_at_the_top_after_it(name):
    made = schedule(f"name={name}", "warmup=0.2", "final=0.1")

    assert made(0.0) == pytest.approx(0.04)
    assert made(0.2) == pytest.approx(1.0)


@pytest.mark.parametrize("name", ["one-cycle", "cosine", "linear", "polynomial", "exponential"])
def test_a_schedule_with_an_end_comes_to_it(name):
    assert schedule(f"name={name}", "final=0.1")(1.0) == pytest.approx(0.1)


def test_the_keys_of_a_schedule_reach_it():
    assert schedule("name=polynomial", "power=2", "warmup=0")(0.5) == pytest.approx(0.25)
    assert schedule("name=step", "parts=2", "gamma=0.3", "warmup=0")(0.5) == pytest.approx(0.3)
    assert schedule("name=multistep", "at=[0.4]", "warmup=0")(0.4) == pytest.approx(0.1)
    assert schedule("name=inverse", "gamma=3", "power=0.5", "warmup=0")(1.0) == pytest.approx(0.5)


def test_a_key_of_another_schedule_is_refused():
    with pytest.raises(RecipeError, match=r"^schedule.power: cosine has no power; leave this key"):
        schedule("name=cosine", "power=2")


def test_an_exponential_way_to_nothing_is_refused():
    with pytest.raises(RecipeError, match=r"^schedule.final: .* never comes to 0; write what"):
        schedule("name=exponential")


def test_a_schedule_that_there_is_not_is_refused():
    with pytest.raises(RecipeError, match=r"schedule.name"):
        schedule("name=cosin")
