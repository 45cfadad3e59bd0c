from __future__ import annotations

import torch

from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.observe_value import ObserveValue


def test_the_value_stands_in_the_log_of_the_same_moment(trainer):
    ours, log = trainer(), LogReport()
    ours.extend(log)
    ours.extend(ObserveValue("squared", lambda trainer: trainer.updater.iteration**2))

    ours.run()

    assert [row["squared"] for row in log.rows] == [25, 100, 225]


def test_a_tensor_is_cut_off_from_its_graph(trainer):
    seen, ours = [], trainer(stop=(1, "iteration"))
    weight = torch.ones((), requires_grad=True)
    ours.extend(ObserveValue("twice", lambda trainer: 2 * weight))
    ours.extend(lambda trainer: seen.append(trainer.observation["twice"]), trigger=(1, "iteration"))

    ours.run()

    assert seen == [torch.tensor(2.0)]
    assert not seen[0].requires_grad
