"""What a recipe's words become: precision, optimizer, and the schedule of the learning rate."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import nn

from akitsu.errors import RecipeError
from akitsu.recipes.engine import choose_precision, make_fabric, make_optimizer, make_schedule
from akitsu.recipes.recipe import ScheduleSettings, load
from akitsu.training.batches import ShuffledBatches
from akitsu.training.hooks import GradientClipping
from akitsu.training.updater import Updater, scales_gradients

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


def test_a_computer_without_a_gpu_says_what_it_takes_for_16_mixed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    assert choose_precision("16-mixed") == ("bf16-mixed", "16-mixed needs a GPU")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)

    assert choose_precision("16-mixed") == ("16-mixed", "as the recipe says")


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (["extensions.average=null", "engine.precision=16-mixed"], "engine.precision"),
        (["extensions.average=0.9"], "extensions.average"),
    ],
)
def test_what_sharded_weights_cannot_have_is_refused_before_a_process_starts(settings, key):
    recipe = load("digits", settings=["engine.strategy=fsdp", "engine.devices=2", *settings])

    with pytest.raises(RecipeError, match=rf"^{key}: where the weights are sharded, .* to ddp"):
        make_fabric(recipe)


def clipped_descent(optimizer, fabric):
    """The weights after three steps whose gradients are clipped to a norm that they exceed."""
    torch.manual_seed(0)
    model = nn.Linear(6, 2)
    inputs, labels = torch.randn(8, 6), torch.arange(8) % 2
    settings = load(
        "digits", settings=[f"optimizer.name={optimizer}", "optimizer.lr=0.5"]
    ).optimizer
    updater = Updater(
        ShuffledBatches(8, 8, seed=0, fetch=lambda plan: (inputs[plan.indices], labels)),
        model,
        make_optimizer(model, settings, scaled=scales_gradients(fabric)),
        loss=lambda model, batch: {"loss": F.cross_entropy(model(batch[0]), batch[1])},
        fabric=fabric,
        hooks=[GradientClipping(0.1)],
    )
    for _ in range(3):
        updater.update()
    return model.weight.detach().float()


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_clipping_sees_the_gradients_of_16_mixed_without_their_scale(optimizer):
    """The scaler of a GPU's 16-mixed, on the CPU."""
    scaled = Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu"))
    plain = Fabric(accelerator="cpu", devices=1, precision="32-true")

    ours, expected = (clipped_descent(optimizer, fabric) for fabric in (scaled, plain))

    torch.testing.assert_close(ours, expected, atol=1e-3, rtol=0)
