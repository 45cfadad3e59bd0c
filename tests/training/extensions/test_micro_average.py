from __future__ import annotations

from copy import deepcopy
from math import isnan

import pytest
import torch

from akitsu.errors import TrainingError
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.micro_average import MicroAverage

from ..states import states_of

CORRECT = [1, 3, 0, 7, 2, 2]
TOTAL = [2, 3, 0, 70, 8, 2]


def counted(ours, *, correct=CORRECT, total=TOTAL, **averaged):
    """A run of six iterations that reports these numbers, and its log; averages over two."""

    def count(trainer):
        place = trainer.updater.iteration - 1
        if total[place] is not None:
            counts = {"correct": torch.tensor(correct[place]), "total": float(total[place])}
            trainer.observation.update(counts)

    ours.extend(count, trigger=(1, "iteration"), priority=301)
    average = MicroAverage("correct", "total", result_key="right")
    ours.extend(average, trigger=averaged.get("trigger", (2, "iteration")))
    ours.extend(LogReport(), trigger=(2, "iteration"))
    return ours


def quotients(ours) -> list[float]:
    ours.run()
    return [row["right"] for row in ours.extension("LogReport").rows if "right" in row]


def test_it_is_the_sum_over_the_sum(trainer):
    """4/5, 7/70, 4/10; the means of the batches' quotients would be 3/4 and so on."""
    ours = counted(trainer(stop=(6, "iteration")))

    assert quotients(ours) == pytest.approx([4 / 5, 7 / 70, 4 / 10])


def test_what_an_evaluator_reports_is_averaged_in_the_same_iteration(trainer):
    """Also by an average that was hung on before it."""
    ours, log = trainer(stop=(1, "iteration")), LogReport()
    keys = ("validation/main/correct", "validation/main/total")
    ours.extend(MicroAverage(*keys, result_key="right"))
    ours.extend(Evaluator(lambda model: {"correct": 3, "total": 4}))
    ours.extend(log)

    ours.run()

    assert log.rows[0]["right"] == 0.75


def test_an_iteration_that_reports_nothing_adds_nothing(trainer):
    ours = counted(trainer(stop=(6, "iteration")), total=[2, None, 1, 70, 8, 2])

    assert quotients(ours) == pytest.approx([1 / 2, 7 / 71, 4 / 10])


def test_nothing_of_nothing_is_not_a_number(trainer):
    ours = counted(trainer(stop=(2, "iteration")), total=[0, 0])

    assert isnan(quotients(ours)[0])


def test_the_rest_at_the_end_is_averaged_too(trainer):
    ours = counted(trainer(stop=(6, "iteration")), trigger=(4, "iteration"))

    assert quotients(ours) == pytest.approx([11 / 75, 4 / 10])


@pytest.mark.parametrize("iteration", range(1, 6))
def test_a_run_resumed_anywhere_averages_like_the_unbroken_one(trainer, iteration):
    states = states_of(counted(trainer(stop=(6, "iteration"))))
    resumed = counted(trainer(stop=(6, "iteration")))
    resumed.load_state_dict(deepcopy(states[iteration]))

    assert quotients(resumed) == pytest.approx([4 / 5, 7 / 70, 4 / 10])


def test_a_misspelt_key_is_answered_at_its_first_moment(trainer):
    ours = counted(trainer(stop=(6, "iteration")))
    ours.extend(MicroAverage("correkt", "total", result_key="x"), name="misspelt")

    with pytest.raises(TrainingError, match=r"MicroAverage: correkt is not .* 5; write correct"):
        ours.run()
