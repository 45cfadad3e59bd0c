from __future__ import annotations

import json
import math

import pytest
import torch

from akitsu.errors import TrainingError
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.reporter import report

from ..conftest import tiny_loss


def lines(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_line_holds_the_means_since_the_line_before(trainer, tmp_path):
    values = iter([1.0, 2.0, 6.0, 10.0, 20.0])

    def loss(model, batch):
        return {**tiny_loss(model, batch), "planted": torch.tensor(next(values))}

    ours = trainer(stop=(5, "iteration"), loss=loss)
    ours.extend(LogReport(), trigger=(3, "iteration"))

    ours.run()

    found = [(row["iteration"], row["epoch"], row["main/planted"]) for row in lines(tmp_path)]
    assert found == [(3, 0, 3.0), (5, 1, 15.0)]


def test_the_log_of_an_earlier_run_is_not_continued(trainer, tmp_path):
    (tmp_path / "log.jsonl").write_text('{"iteration": 1000}\n')
    ours = trainer(stop=(1, "iteration"))
    ours.extend(LogReport())

    ours.run()

    assert [row["iteration"] for row in lines(tmp_path)] == [1]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_training_with_advice(trainer, broken):
    def loss(model, batch):
        return {"loss": tiny_loss(model, batch)["loss"] * broken}

    ours = trainer(loss=loss)
    ours.extend(LogReport(), trigger=(2, "iteration"))

    with pytest.raises(TrainingError, match=r"iteration 2: main/loss became .*lower optimizer"):
        ours.run()


def test_a_score_that_is_no_number_is_null_in_the_log(trainer, tmp_path):
    """A class without a picture has no IoU; that is no reason to stop, but JSON has no NaN."""
    ours = trainer(stop=(1, "epoch"))
    ours.extend(
        lambda trainer: report({"validation/main/iou": math.nan, "most": math.inf}),
        name="score",
        priority=300,
    )
    ours.extend(LogReport())

    ours.run()

    row = lines(tmp_path)[0]
    assert row["validation/main/iou"] is None
    assert row["most"] is None
