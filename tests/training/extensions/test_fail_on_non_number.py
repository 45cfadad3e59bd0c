from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from akitsu.errors import TrainingError
from akitsu.training.batches import ShuffledBatches
from akitsu.training.broken_layer import named_tensors
from akitsu.training.extensions.fail_on_non_number import FailOnNonNumber
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.hooks import GradientClipping
from akitsu.training.reporter import report, scope
from akitsu.training.trainer import Trainer
from akitsu.training.updater import Updater

BREAKS_AT = 7


class Breaking(nn.Module):
    """Passes its input on, until in one iteration it does what is planted."""

    def __init__(self, value: float = math.nan) -> None:
        super().__init__()
        self.value, self.broken = value, False

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.value if self.broken else inputs


class BrokenGradient(torch.autograd.Function):
    """Passes its input on, and no number back."""

    @staticmethod
    def forward(ctx, inputs):
        return inputs.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.nan


class BreakingBackward(Breaking):
    def forward(self, inputs: Tensor) -> Tensor:
        return BrokenGradient.apply(inputs) if self.broken else inputs


def layers(*, breaking: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), breaking, nn.Dropout(0.5), nn.Linear(8, 2))


def breaks(module, at: int = BREAKS_AT):
    """An extension that plants the fault for the iteration `at`."""

    def plant(trainer):
        module.broken = trainer.updater.iteration + 1 >= at

    return plant


def message(ours, *extensions) -> str:
    for each in extensions:
        ours.extend(each, trigger=(1, "iteration"))
    with pytest.raises(TrainingError) as caught:
        ours.run()
    return str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_the_first_layer_whose_output_broke_is_named_at_its_iteration(trainer, tmp_path, value):
    breaking = Breaking(value)
    ours = trainer(model=layers(breaking=breaking))
    ours.extend(FailOnNonNumber())

    text = message(ours, breaks(breaking))

    assert text == (
        f"{tmp_path}, iteration 7: main/loss became nan: the first layer with a non-finite output "
        "is 2 (Breaking), its inputs and weights are finite; lower optimizer.lr and begin anew, "
        "or set optimizer.clip_norm."
    )


def test_the_step_that_would_spread_it_is_not_taken(trainer):
    breaking = Breaking()
    ours = trainer(model=layers(breaking=breaking), decay=None)
    ours.extend(FailOnNonNumber())

    message(ours, breaks(breaking))

    assert ours.updater.iteration == BREAKS_AT - 1
    assert all(each.isfinite().all() for each in ours.updater.model.parameters())


def test_the_second_pass_draws_what_the_first_drew(trainer):
    class Unlucky(nn.Module):
        def forward(self, inputs):
            return inputs * (math.nan if torch.rand(()) < 0.2 else 1.0)

    ours = trainer(model=layers(breaking=Unlucky()), stop=(100, "epoch"))
    ours.extend(FailOnNonNumber())

    assert "the first layer with a non-finite output is 2 (Unlucky)" in message(ours)


def test_a_fault_between_two_layers_is_placed_before_the_second(trainer):
    class Between(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.broken = nn.Linear(6, 8), nn.Linear(8, 2), False

        def forward(self, inputs):
            inner = self.first(inputs)
            return self.second(inner.mul(0).log() * 0 if self.broken else inner)

    model = Between()
    ours = trainer(model=model)
    ours.extend(FailOnNonNumber())

    text = message(ours, breaks(model))

    assert "the first layer with a non-finite input is second (Linear), and the outputs" in text


def test_bad_data_is_told_from_a_bad_layer(trainer):
    def fetch(plan):
        inputs = torch.ones(20, 6)
        inputs[13, 2] = math.nan
        return inputs[plan.indices], torch.zeros(len(plan.indices), dtype=torch.long)

    ours = trainer(batches=ShuffledBatches(20, 4, seed=0, fetch=fetch))
    ours.extend(FailOnNonNumber())

    text = message(ours)

    assert "main/loss became nan: the batch itself (0) is not finite; mend the data" in text


def test_a_loss_function_that_breaks_by_itself_is_told(trainer):
    def loss(model, batch):
        return {"loss": F.cross_entropy(model(batch[0]), batch[1]) * math.inf}

    ours = trainer(loss=loss)
    ours.extend(FailOnNonNumber())

    text = message(ours)

    assert "became inf: the outputs of all layers are finite, so it broke in the loss" in text


def test_any_part_of_a_batch_in_parts_is_seen(trainer):
    """The first of two is broken; what the Updater keeps is the loss of the last."""

    def loss(model, batch):
        calls.append(1)
        scale = math.nan if len(calls) == 3 else 1.0
        return {"loss": F.cross_entropy(model(batch[0]), batch[1]) * scale}

    calls: list[int] = []
    ours = trainer(loss=loss, accumulate=2)
    ours.extend(FailOnNonNumber())

    assert "iteration 2: main/loss became nan" in message(ours)


def test_a_way_of_learning_of_ones_own_is_watched_by_what_it_reports(trainer):
    class Own(Updater):
        def learn(self, batch):
            loss = self.network(batch[0]).mean() * (math.nan if self.iteration == 3 else 1.0)
            with scope("main"):
                report({"critic_loss": loss})
            self.descend(loss)

    made = trainer(loss=None).updater
    own = Own(made.batches, made.model, made.optimizers["main"], fabric=made.fabric)
    ours = Trainer(own, stop=(9, "iteration"), out=trainer().out)
    ours.extend(FailOnNonNumber())

    assert "iteration 4: main/critic_loss became nan: the Updater learns" in message(ours)


def test_a_score_without_a_value_is_no_broken_loss(trainer):
    def loss(model, batch):
        loss = F.cross_entropy(model(batch[0]), batch[1])
        return {"loss": loss, "accuracy": torch.tensor(math.nan)}

    ours = trainer(loss=loss, stop=(1, "epoch"))
    ours.extend(FailOnNonNumber(thorough=True))

    ours.run()

    assert ours.finished


def test_a_gradient_that_broke_alone_shows_in_the_next_iteration(trainer):
    breaking = BreakingBackward()
    ours = trainer(model=layers(breaking=breaking))
    ours.extend(FailOnNonNumber(), trigger=(100, "epoch"))

    text = message(ours, breaks(breaking))

    assert "iteration 8: main/loss became nan: the weights 0.weight were not finite before" in text


def test_thorough_names_the_gradient_at_its_iteration_before_clipping_spreads_it(trainer):
    breaking = BreakingBackward()
    ours = trainer(model=layers(breaking=breaking), hooks=[GradientClipping(1.0)])
    ours.extend(FailOnNonNumber(thorough=True), trigger=(100, "epoch"))

    text = message(ours, breaks(breaking))

    assert "iteration 7: the gradient of 0.bias is not finite, while the loss and all" in text


def test_a_layer_without_layers_inside_that_is_called_functionally_is_found(trainer):
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix, self.out = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 2)

        def forward(self, inputs):
            return self.out(self.mix(inputs[:, None], inputs[:, None], inputs[:, None])[0][:, 0])

    def break_weights(trainer):
        if trainer.updater.iteration == BREAKS_AT - 1:
            with torch.no_grad():
                trainer.updater.model.mix.out_proj.bias[0] = math.nan

    ours = trainer(model=Attention())
    ours.extend(FailOnNonNumber(), trigger=(100, "epoch"))

    assert "iteration 7: main/loss became nan: the weights mix.out_proj.bias" in message(
        ours, break_weights
    )


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_broken_weight_is_named_before_a_snapshot_keeps_it(trainer, tmp_path, value):
    def break_weight(trainer):
        with torch.no_grad():
            trainer.updater.model[4].bias[1] = value

    ours = trainer()
    ours.extend(Snapshot())
    ours.extend(FailOnNonNumber())
    ours.extend(break_weight, trigger=(5, "iteration"), priority=1000)

    with pytest.raises(
        TrainingError, match=r"iteration 5: the weights 4\.bias are .*thorough=True"
    ):
        ours.run()
    assert not (tmp_path / "snapshots").exists()


@pytest.mark.parametrize("thorough", [False, True])
def test_sound_numbers_pass_and_learn_what_they_would_without(trainer, thorough):
    plain, watched = (trainer(stop=(1, "epoch"), hooks=[]) for _ in range(2))
    watched.extend(FailOnNonNumber(thorough=thorough))

    plain.run()
    watched.run()

    torch.testing.assert_close(
        watched.updater.model.state_dict(), plain.updater.model.state_dict(), rtol=0, atol=0
    )
    assert watched.updater.hooks == []


def test_every_tensor_of_a_batch_is_found_by_its_place():
    @dataclass
    class Batch:
        images: Tensor
        labels: Tensor | None
        boxes: list[Tensor]

    one = torch.ones(1)

    assert [name for name, _ in named_tensors((Batch(one, None, [one]), {"a": one}))] == [
        "0.images",
        "0.boxes.0",
        "1.a",
    ]
