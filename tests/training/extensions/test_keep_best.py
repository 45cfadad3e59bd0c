from __future__ import annotations

import math

import pytest
import torch

from akitsu.errors import TrainingError
from akitsu.training.extensions.evaluator import Evaluator
from akitsu.training.extensions.keep_best import KeepBest
from akitsu.training.weights import load_weights

from ..conftest import tiny_model


def best_of(ours, scores, mode="max") -> KeepBest:
    """Train one iteration a score; give back what was kept."""
    planned = iter(scores)
    keeper = KeepBest("validation/main/score", mode)
    ours.extend(Evaluator(lambda model: {"score": next(planned)}), trigger=(1, "iteration"))
    ours.extend(keeper, trigger=(1, "iteration"))
    ours.run()
    return keeper


@pytest.mark.parametrize(
    ("scores", "mode", "iteration"),
    [
        ([0.1, 0.7, 0.7, 0.3], "max", 2),
        ([0.4, 0.2, 0.3, 0.2], "min", 2),
        ([math.nan, 0.1, math.nan, 0.05], "max", 2),
        ([math.nan, math.nan, math.nan, math.nan], "max", 1),
        ([0.0, -1.0, -2.0, -3.0], "max", 1),
    ],
)
def test_the_first_of_the_best_scores_is_kept(trainer, scores, mode, iteration):
    assert best_of(trainer(stop=(4, "iteration")), scores, mode).iteration == iteration


def test_the_file_holds_the_averaged_weights_of_the_best_iteration(trainer, tmp_path):
    ours, kept = trainer(stop=(4, "iteration")), {}

    def remember(trainer):
        state = trainer.updater.average.model.state_dict()
        kept[trainer.updater.iteration] = {name: state[name].clone() for name in state}

    ours.extend(remember, trigger=(1, "iteration"))
    best_of(ours, [0.1, 0.2, 0.9, 0.3])
    model = tiny_model()

    load_weights(model, tmp_path / "best.safetensors")

    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, kept[3][name])


def test_a_misspelt_score_is_answered_at_its_first_moment(trainer):
    ours = trainer()
    ours.extend(Evaluator(lambda model: {"accuracy": 0.5}))
    ours.extend(KeepBest("validation/main/acuracy"))

    with pytest.raises(TrainingError, match="in iteration 5; write validation/main/accuracy"):
        ours.run()
