from __future__ import annotations

from copy import deepcopy
from math import nan
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import RecipeError, TrainingError
from akitsu.training.value_triggers import BestValueTrigger, MaxValueTrigger, MinValueTrigger

KEY = "validation/main/loss"
BATCHES_PER_EPOCH = 2


def at(iteration: int, **observation) -> SimpleNamespace:
    batches = SimpleNamespace(batches_per_epoch=BATCHES_PER_EPOCH)
    updater = SimpleNamespace(iteration=iteration, batches=batches)
    return SimpleNamespace(updater=updater, observation=observation)


def fired(trigger, values, first=1) -> list[int]:
    """The iterations in which it fires; a value of None is not reported."""
    observed = [{} if value is None else {KEY: value} for value in values]
    return [i for i, seen in enumerate(observed, first) if trigger(at(i, **seen))]


@pytest.mark.parametrize(
    ("kind", "values", "iterations"),
    [
        (MaxValueTrigger, [1, 2, 5, 3, 4], [1, 2, 3]),
        (MinValueTrigger, [4, 5, 3, 3, 1], [1, 3, 5]),
        (MaxValueTrigger, [-3, -4, -2], [1, 3]),
        (MaxValueTrigger, [0, 0.0, 0.0], [1]),
    ],
)
def test_it_fires_at_the_first_value_and_at_each_that_is_better_than_all_before(
    kind, values, iterations
):
    assert fired(kind(KEY, check=(1, "iteration")), values) == iterations


def test_what_is_compared_is_the_mean_since_the_last_check():
    """Means 3, 4, 3.5; then 9 alone, where one of two iterations reported nothing."""
    values = [1, 5, 8, 0, 3, 4, None, torch.tensor(9.0)]

    assert fired(MaxValueTrigger(KEY), values) == [2, 4, 8]


def test_better_is_asked_with_the_best_value_first():
    trigger = BestValueTrigger(KEY, lambda best, new: new > best + 1, check=(1, "iteration"))

    assert fired(trigger, [1.0, 1.5, 2.5, 2.0, 3.6]) == [1, 3, 5]


def test_what_is_not_a_number_is_never_the_best_and_hides_nothing():
    trigger = MinValueTrigger(KEY, check=(1, "iteration"))

    assert fired(trigger, [nan, 3, nan, 4, 2]) == [2, 5]
    assert trigger.best == 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=20), st.data())
def test_a_trigger_resumed_anywhere_fires_like_the_unbroken_one(values, data):
    """Also between two checks, where a mean is half gathered."""
    cut = data.draw(st.integers(1, len(values)))
    unbroken, before, after = (MaxValueTrigger(KEY, check=(1, "epoch")) for _ in range(3))
    early = fired(before, values[:cut])
    after.load_state_dict(deepcopy(before.state_dict()))

    late = fired(after, values[cut:], first=cut + 1)

    assert early + late == fired(unbroken, values)


def test_the_trainer_keeps_the_best_value_over_a_resume(trainer):
    """The scores of three epochs are 1, 3 and 2; resumed after the second, the third is no best."""
    acted, ours, resumed = [], trainer(), trainer()
    for each in (ours, resumed):
        each.extend(
            lambda trainer: trainer.observation.update({KEY: [0, 1, 3, 2][trainer.updater.epoch]}),
            name="score",
            trigger=(1, "epoch"),
            priority=300,
        )
        each.extend(
            lambda trainer: acted.append(trainer.updater.iteration),
            name="act",
            trigger=MaxValueTrigger(KEY),
        )
    state = {}
    ours.extend(
        lambda trainer: state.update(deepcopy(trainer.state_dict())),
        trigger=lambda trainer: trainer.updater.iteration == 12,
        priority=0,
    )
    ours.run()
    resumed.load_state_dict(state)

    resumed.run()

    assert acted == [5, 10]


def test_a_misspelt_key_is_answered_at_the_first_check():
    trigger = MaxValueTrigger("validation/main/los")

    with pytest.raises(TrainingError, match=rf"^MaxValueTrigger: .*los was not .* 2 .*write {KEY}"):
        fired(trigger, [1, 2])


@pytest.mark.parametrize("check", [(5, "second"), (0, "epoch"), None])
def test_a_check_that_a_resume_could_not_repeat_is_refused(check):
    with pytest.raises(RecipeError, match=r"^MinValueTrigger: .* says no moment"):
        MinValueTrigger(KEY, check=check)
