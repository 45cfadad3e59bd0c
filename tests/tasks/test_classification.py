"""Cross-entropy by hand."""

from __future__ import annotations

import math

import pytest
import torch

from akitsu.data.memory import Batch
from akitsu.tasks.classification import Classification

from .said import Said


def loss_of(logits, labels, **options):
    batch = Batch(torch.zeros(len(labels), 1, 2, 2), labels=torch.tensor(labels))
    return Classification(**options).loss(Said(torch.tensor(logits)), batch.images, batch)


def test_knowing_nothing_of_four_classes_costs_the_logarithm_of_four():
    values = loss_of([[0.0] * 4] * 2, [1, 3], label_smoothing=0.1)

    assert values["loss"].item() == pytest.approx(math.log(4))


def test_smoothing_asks_for_a_share_of_every_class():
    """Of K = 2, smoothing 0.2 wants 0.9 and 0.1."""
    p = 1 / (1 + math.exp(-2))

    values = loss_of([[2.0, 0.0]], [0], label_smoothing=0.2)

    assert values["loss"].item() == pytest.approx(-0.9 * math.log(p) - 0.1 * math.log(1 - p))


def test_accuracy_is_the_share_of_right_answers():
    values = loss_of([[2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [3.0, 1.0]], [0, 1, 1, 0])

    assert values["accuracy"].item() == 0.75


def test_decoding_gives_probabilities_that_sum_to_one():
    logits = torch.tensor([[0.0, math.log(3)], [100.0, -100.0]])

    (probabilities,) = Classification().decode(Said(logits), torch.zeros(2, 1, 2, 2))

    torch.testing.assert_close(probabilities, torch.tensor([[0.25, 0.75], [1.0, 0.0]]))


def test_the_temperature_divides_the_logits():
    task = Classification()
    task.temperature = 0.5

    (probabilities,) = task.decode(
        Said(torch.tensor([[0.0, math.log(3)]])), torch.zeros(1, 1, 2, 2)
    )

    torch.testing.assert_close(probabilities, torch.tensor([[0.1, 0.9]]))


def test_members_that_learn_side_by_side_have_the_mean_of_their_losses():
    one, other = [[2.0, 0.0]], [[0.0, 1.0]]
    members = torch.tensor([one[0], other[0]]).T[None].tolist()

    together = loss_of(members, [0], label_smoothing=0.1)

    alone = [loss_of(each, [0], label_smoothing=0.1) for each in (one, other)]
    assert together["loss"].item() == pytest.approx(sum(a["loss"].item() for a in alone) / 2)
    assert together["accuracy"].item() == 0.5
