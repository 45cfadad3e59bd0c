from __future__ import annotations

import pytest
import torch

from akitsu.errors import TrainingError
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.observe_learning_rate import ObserveLearningRate
from akitsu.training.schedules import linear

from ..conftest import tiny_model


def test_the_rate_of_each_update_is_reported(trainer):
    """0.4 goes down by a quarter of itself in each of four iterations, the first at full rate."""
    model = tiny_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.4)
    ours = trainer(
        stop=(4, "iteration"), model=model, optimizer=optimizer, schedule=linear(), hooks=[]
    )
    log = LogReport()
    ours.extend(log, trigger=(1, "iteration"))
    ours.extend(ObserveLearningRate(key="rate"), trigger=(1, "iteration"))

    ours.run()

    assert [row["rate"] for row in log.rows] == pytest.approx([0.4, 0.3, 0.2, 0.1])


def test_an_optimizer_that_there_is_not_is_answered_with_one_that_there_is(trainer):
    ours = trainer()
    ours.extend(ObserveLearningRate("mainn"))

    with pytest.raises(TrainingError, match="there is no optimizer 'mainn'; write main"):
        ours.run()
