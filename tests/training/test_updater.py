from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from akitsu.training.reporter import observing
from akitsu.training.schedules import cosine

from .conftest import tiny_batches, tiny_loss, tiny_model


def test_an_update_is_the_step_that_one_would_write_by_hand(updater):
    torch.manual_seed(0)
    model, batches = tiny_model(), tiny_batches()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    ours = updater(schedule=None, clip_norm=None, decay=None)

    for _ in range(3):
        inputs, labels = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    torch.manual_seed(0)
    tiny_model()  # the same draws before the Dropout's
    for _ in range(3):
        ours.update()

    for mine, theirs in zip(ours.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_learning_rate_follows_the_schedule_from_the_iteration_alone(updater):
    ours = updater(schedule=cosine())
    ours.last_iteration = 8
    rates = []

    for _ in range(8):
        ours.update()
        rates.append(ours.optimizer.param_groups[0]["lr"])

    assert rates == pytest.approx([0.05 * cosine()(i / 8) for i in range(8)])


def test_each_group_of_parameters_keeps_its_own_rate(updater):
    model = tiny_model()
    groups = [{"params": model[0].parameters(), "lr": 0.1}, {"params": model[4].parameters()}]
    ours = updater(
        model=model, optimizer=torch.optim.SGD(groups, lr=1.0), schedule=lambda fraction: 0.5
    )
    ours.last_iteration = 8

    ours.update()
    ours.update()

    assert [group["lr"] for group in ours.optimizer.param_groups] == [0.05, 0.5]


def test_a_clipped_gradient_moves_plain_descent_by_its_norm_at_most(updater):
    model = nn.Sequential(nn.Linear(6, 2))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    ours = updater(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        loss=lambda model, batch: {"loss": 1000 * tiny_loss(model, batch)["loss"]},
        schedule=None,
        clip_norm=0.25,
    )

    ours.update()

    moved = [a.detach() - b for a, b in zip(model.parameters(), before, strict=True)]
    assert float(torch.cat([m.flatten() for m in moved]).norm()) == pytest.approx(0.25, rel=1e-4)


def test_losses_and_what_the_loss_reports_are_observed_as_main(updater):
    ours, observation = updater(schedule=None), {}

    with observing(observation):
        ours.update()

    assert set(observation) == {"main/loss", "main/accuracy"}


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_the_loss_runs_in_the_precision_of_fabric(updater, precision, dtype):
    seen = []

    def loss(model, batch):
        seen.append(model(batch[0]).dtype)
        return tiny_loss(model, batch)

    updater(schedule=None, precision=precision, loss=loss).update()

    assert seen == [dtype]


def test_double_precision_reaches_the_pictures_too(updater):
    """Here Fabric's wrapper does more than autocast, and must not be left out."""
    ours = updater(schedule=None, precision="64-true")
    before = ours.model[0].weight.detach().clone()

    ours.update()

    assert ours.model[0].weight.dtype == torch.float64
    assert not torch.equal(ours.model[0].weight, before)


def test_on_one_device_the_loss_gets_the_model_without_a_wrapper(updater):
    seen = []

    def loss(model, batch):
        seen.append(model)
        return tiny_loss(model, batch)

    ours = updater(schedule=None, loss=loss)
    ours.update()

    assert seen == [ours.model]


def test_what_is_scored_is_the_average_where_there_is_one(updater):
    plain, averaged = updater(decay=None), updater(decay=0.9)

    assert plain.best_model is plain.model
    assert averaged.best_model is averaged.average.model
