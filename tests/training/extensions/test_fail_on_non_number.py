from __future__ import annotations

import math

import pytest
import torch

from akitsu.errors import TrainingError
from akitsu.training.extensions.fail_on_non_number import FailOnNonNumber
from akitsu.training.extensions.snapshot import Snapshot


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_broken_weight_is_named_before_a_snapshot_keeps_it(trainer, tmp_path, value):
    def break_weight(trainer):
        with torch.no_grad():
            trainer.updater.model[4].bias[1] = value

    ours = trainer()
    ours.extend(Snapshot())
    ours.extend(FailOnNonNumber())
    ours.extend(break_weight, trigger=(5, "iteration"), priority=1000)

    with pytest.raises(TrainingError, match=r"iteration 5: the weights 4\.bias are no longer fin"):
        ours.run()
    assert not (tmp_path / "snapshots").exists()


def test_sound_weights_pass(trainer):
    ours = trainer(stop=(1, "epoch"))
    ours.extend(FailOnNonNumber())

    ours.run()

    assert ours.finished
