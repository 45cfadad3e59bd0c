from __future__ import annotations

from copy import deepcopy
from math import nan

import pytest

from akitsu.errors import RecipeError, TrainingError
from akitsu.training.extensions.early_stopping import EarlyStopping
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport

from ..states import states_of

KEY = "validation/main/score"
SCORES = [0.1, 0.5, 0.4, 0.5, 0.3, 0.9, 0.9, 0.9]


def scored(ours, scores, stopping):
    """A run of eight iterations with a score in each; which one follows from the iteration."""
    evaluate = Evaluator(lambda model: {"score": scores[ours.updater.iteration - 1]})
    ours.extend(evaluate, trigger=(1, "iteration"))
    ours.extend(stopping, trigger=(1, "iteration"))
    return ours


def last_iteration(ours) -> int:
    ours.run()
    return ours.updater.iteration


@pytest.mark.parametrize(
    ("scores", "options", "iteration"),
    [
        (SCORES, {"patience": 3}, 5),
        (SCORES, {"patience": 4}, 8),
        (SCORES, {"patience": 1}, 3),
        ([-score for score in SCORES], {"patience": 3, "mode": "min"}, 5),
        ([0.0, nan, nan, 1, 1, 1, 1, 1], {"patience": 3}, 7),
        ([nan] * 8, {"patience": 2}, 2),
        ([nan, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1], {"patience": 2}, 6),
        ([1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5], {"patience": 2, "min_delta": 0.9}, 8),
        ([1, 1.5, 1.9, 2.5, 3, 3.5, 4, 4.5], {"patience": 2, "min_delta": 1}, 3),
    ],
)
def test_it_stops_when_so_many_scores_in_a_row_were_not_the_best(
    trainer, scores, options, iteration
):
    ours = scored(trainer(stop=(8, "iteration")), scores, EarlyStopping(KEY, **options))

    assert last_iteration(ours) == iteration


def test_it_says_why(trainer):
    ours = scored(trainer(stop=(8, "iteration")), SCORES, EarlyStopping(KEY, patience=3))

    ours.run()

    assert ours.stopped == f"{KEY} has not become better than 0.5 of iteration 2 in 3 checks."


def test_a_run_without_one_number_is_told_so(trainer):
    ours = scored(trainer(stop=(8, "iteration")), [nan] * 8, EarlyStopping(KEY, patience=2))

    ours.run()

    assert ours.stopped == f"{KEY} was not a number at any of 2 checks."


def test_a_training_loss_is_compared_by_its_mean_since_the_last_moment(trainer):
    """Means 3, 2, 4 and 5 of each pair; the newest values alone would be 5, 1, 1 and 1."""
    values, ours = [1, 5, 3, 1, 7, 1, 9, 1], trainer(stop=(8, "iteration"))
    ours.extend(
        lambda trainer: trainer.observation.update(x=values[trainer.updater.iteration - 1]),
        name="x",
        trigger=(1, "iteration"),
        priority=300,
    )
    stopping = EarlyStopping("x", "min", patience=2)
    ours.extend(stopping, trigger=(2, "iteration"))

    assert last_iteration(ours) == 8
    assert (stopping.value, stopping.iteration) == (2, 4)


def test_what_acts_at_the_end_acts_in_the_iteration_that_it_stops(trainer):
    ours, log = trainer(stop=(8, "iteration")), LogReport()
    ours.extend(log, trigger=(100, "iteration"))

    scored(ours, SCORES, EarlyStopping(KEY, patience=3)).run()

    assert [row["iteration"] for row in log.rows] == [5]


@pytest.mark.parametrize("iteration", [1, 3, 4])
def test_patience_goes_on_after_a_resume(trainer, iteration):
    unbroken = scored(trainer(stop=(8, "iteration")), SCORES, EarlyStopping(KEY, patience=3))
    states = states_of(unbroken)
    resumed = scored(trainer(stop=(8, "iteration")), SCORES, EarlyStopping(KEY, patience=3))
    resumed.load_state_dict(deepcopy(states[iteration]))

    assert last_iteration(resumed) == 5
    assert resumed.stopped == unbroken.stopped


def test_a_mean_that_is_half_gathered_goes_on_after_a_resume(trainer):
    def pairs():
        ours = trainer(stop=(6, "iteration"))
        evaluate = Evaluator(
            lambda model: {"score": [4, 0, 2, 3, 1, 0][ours.updater.iteration - 1]}
        )
        ours.extend(evaluate, trigger=(1, "iteration"))
        ours.extend(EarlyStopping(KEY), trigger=(2, "iteration"))
        return ours

    ours, resumed = pairs(), pairs()
    states = states_of(ours)

    resumed.load_state_dict(deepcopy(states[3]))
    resumed.run()

    values = [each.extension("EarlyStopping").value for each in (ours, resumed)]
    assert values == [2.5, 2.5]


def test_a_misspelt_key_is_answered_at_its_first_moment(trainer):
    ours = scored(trainer(), [0.0] * 15, EarlyStopping("validation/main/scor"))

    with pytest.raises(TrainingError, match=rf"^EarlyStopping: .* 1 since .*; write {KEY}"):
        ours.run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "a patience of 0 never begins; give 1 or more"),
        ({"min_delta": -1}, "a min_delta of -1 is no gain; give 0 or more"),
        ({"min_delta": nan}, "a min_delta of nan"),
    ],
)
def test_what_is_no_patience_is_refused(options, message):
    with pytest.raises(RecipeError, match=f"EarlyStopping: {message}"):
        EarlyStopping(KEY, **options)
