from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from akitsu.errors import RecipeError
from akitsu.training.hooks import GradientClipping
from akitsu.training.randomness import mixed
from akitsu.training.reporter import observing, report
from akitsu.training.schedules import cosine
from akitsu.training.updater import MAIN, MODEL, Updater

from .conftest import tiny_batches, tiny_loss, tiny_model


def same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def plain_model():
    """Nothing in it depends on how a batch is cut."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 2))


def test_an_update_is_the_step_that_one_would_write_by_hand(updater):
    torch.manual_seed(0)
    model, batches = tiny_model(), tiny_batches()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    ours = updater(schedule=None, hooks=(), decay=None, seed=5)

    for iteration in range(3):
        torch.manual_seed(mixed(5, MODEL, iteration, 0))  # what the Dropout draws
        inputs, labels = next(batches)
        optimizer.zero_grad()
        F.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
    for _ in range(3):
        ours.update()

    assert same_weights(ours.model, model)


def test_what_the_model_draws_follows_from_seed_and_iteration_alone(updater):
    quiet, noisy = updater(decay=None), updater(decay=None)
    for each in (quiet, noisy):
        each.last_iteration = 8

    for _ in range(2):
        quiet.update()
        torch.rand(3)  # somebody else draws from the global state
        noisy.update()

    assert same_weights(quiet.model, noisy.model)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_of_a_batch_in_parts_add_up_to_those_of_the_whole(updater, precision):
    models = [plain_model(), plain_model()]
    whole, parts = (
        updater(
            model=model,
            optimizer=torch.optim.SGD(model.parameters(), lr=0.5),
            schedule=None,
            accumulate=accumulate,
            precision=precision,
        )
        for model, accumulate in zip(models, (1, 2), strict=True)
    )
    seen = [{}, {}]
    for each, observation in zip((whole, parts), seen, strict=True):
        with observing(observation):
            each.update()

    tolerance = (
        {"atol": 1e-6, "rtol": 1e-5} if precision == "32-true" else {"atol": 3e-3, "rtol": 0}
    )
    for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True):
        torch.testing.assert_close(a, b, **tolerance)
    assert seen[0].keys() == seen[1].keys()
    assert float(seen[1]["main/loss"]) == pytest.approx(float(seen[0]["main/loss"]), abs=3e-3)
    assert float(seen[1]["main/accuracy"]) == float(seen[0]["main/accuracy"])


def test_a_batch_that_does_not_give_equal_parts_is_a_sentence(updater):
    with pytest.raises(RecipeError, match=r"engine.accumulate: 4 pictures do not give 3 equal"):
        updater(schedule=None, accumulate=3).update()


def test_hooks_see_the_gradients_in_their_order(updater):
    order = []

    def note(name):
        def hook(updater, optimizer):
            assert optimizer.param_groups[0]["params"][0].grad is not None
            order.append(name)

        return hook

    updater(schedule=None, hooks=[note("first"), note("second")]).update()

    assert order == ["first", "second"]


class TwoOptimizers(Updater):
    """Each half of the model goes its own way."""

    def learn(self, batch):
        for name in ("left", "right"):
            loss = F.cross_entropy(self.networks[name](batch[0]), batch[1])
            self.descend(loss, name)
            report({f"main/{name}": loss})


def test_an_updater_of_ones_own_moves_several_networks_with_an_optimizer_each(updater):
    halves = nn.ModuleDict({"left": plain_model(), "right": plain_model()})
    before = {name: copy.deepcopy(half) for name, half in halves.items()}
    rates = {"left": 0.5, "right": 0.0}
    optimizers = {
        name: torch.optim.SGD(halves[name].parameters(), lr=rate) for name, rate in rates.items()
    }
    ours = TwoOptimizers(tiny_batches(), halves, optimizers, schedule=lambda fraction: 0.5)
    ours.last_iteration = 3

    with observing(seen := {}):
        ours.update()

    assert not same_weights(halves["left"], before["left"])
    assert same_weights(halves["right"], before["right"])
    assert set(seen) == {"main/left", "main/right"}
    assert optimizers["left"].param_groups[0]["lr"] == 0.25


def test_the_learning_rate_follows_the_schedule_from_the_iteration_alone(updater):
    ours = updater(schedule=cosine())
    ours.last_iteration = 8
    rates = []

    for _ in range(8):
        ours.update()
        rates.append(ours.optimizers[MAIN].param_groups[0]["lr"])

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

    assert [group["lr"] for group in ours.optimizers[MAIN].param_groups] == [0.05, 0.5]


def test_a_clipped_gradient_moves_plain_descent_by_its_norm_at_most(updater):
    model = nn.Sequential(nn.Linear(6, 2))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    ours = updater(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=1.0),
        loss=lambda model, batch: {"loss": 1000 * tiny_loss(model, batch)["loss"]},
        schedule=None,
        hooks=[GradientClipping(0.25)],
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
