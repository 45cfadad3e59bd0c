from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from akitsu.training.extensions.evaluator import Evaluator


def restless(model):
    """Draws from every global state, and runs the model."""
    assert not any(module.training for module in model.modules())
    random.random(), np.random.rand(3)
    model(torch.randn(5, 6))
    return {"accuracy": 0.5}


@pytest.mark.parametrize("decay", [None, 0.9])
def test_a_training_with_an_evaluator_gives_the_weights_of_one_without(trainer, decay):
    """Dropout draws from the global state, and BatchNorm's statistics would move in training."""
    plain = trainer(decay=decay)
    plain.run()
    evaluated = trainer(decay=decay)
    evaluated.extend(Evaluator(restless), trigger=(1, "iteration"))

    evaluated.run()

    for name, tensor in plain.updater.model.state_dict().items():
        assert torch.equal(tensor, evaluated.updater.model.state_dict()[name]), name


def test_each_layer_goes_back_to_its_own_mode(trainer):
    ours = trainer(stop=(1, "iteration"), decay=None)
    frozen = ours.updater.model[1].eval()
    ours.extend(Evaluator(restless), trigger=(1, "iteration"))

    ours.run()

    assert ours.updater.model.training
    assert ours.updater.model[3].training
    assert not frozen.training


def test_the_averaged_model_is_scored_without_gradients(trainer):
    ours, seen = trainer(stop=(1, "iteration"), decay=0.9), []
    ours.extend(Evaluator(lambda model: seen.append((model, torch.is_grad_enabled())) or {}))

    ours.run()

    assert seen == [(ours.updater.average.model, False)]


def test_scores_are_reported_below_their_prefix(trainer):
    ours, seen = trainer(stop=(1, "epoch")), {}
    ours.extend(Evaluator(restless))
    ours.extend(Evaluator(restless, prefix="test"), name="second")
    ours.extend(lambda trainer: seen.update(trainer.observation), name="read")

    ours.run()

    assert seen["validation/main/accuracy"] == seen["test/main/accuracy"] == 0.5
