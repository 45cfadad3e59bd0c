"""The mean of several networks, and of several looks at one picture."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.models import registry
from akitsu.models.classification.digit_ensemble import Ensemble, moved


class Corner(nn.Module):
    """As logits the first pixels of a picture, so that a move can be followed by hand."""

    def __init__(self, factor):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, x):
        return self.factor * x[:, 0, 0, :2]


def test_the_answer_is_the_mean_of_the_probabilities_of_all_members_and_looks():
    x = torch.tensor([[[[0.0, 1.0, 3.0], [2.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]])
    model = Ensemble([Corner(1.0), Corner(2.0)], shifts=[(0, 0), (0, -1), (-1, 0)]).eval()

    probabilities = model(x).softmax(1)

    looks = torch.tensor([[0.0, 1.0], [1.0, 3.0], [2.0, 0.0]])
    wanted = torch.cat([looks.softmax(1), (2 * looks).softmax(1)]).mean(0)
    torch.testing.assert_close(probabilities[0], wanted)


def test_in_training_every_member_answers_for_itself_and_looks_once():
    model = Ensemble([Corner(1.0), Corner(2.0)], shifts=[(0, 0), (1, 0)]).train()

    logits = model(torch.ones(4, 1, 3, 3))

    assert logits.shape == (4, 2, 2)
    torch.testing.assert_close(logits[..., 1], 2 * logits[..., 0])


@pytest.mark.parametrize(("down", "right"), [(1, 0), (-1, 0), (0, 1), (0, -1), (2, -1), (0, 0)])
def test_a_moved_picture_has_its_pixels_elsewhere_and_its_rim_repeated(down, right):
    x = torch.arange(30.0).view(1, 1, 5, 6)

    there = moved(x, down=down, right=right)

    rows = (torch.arange(5) - down).clamp(0, 4)
    columns = (torch.arange(6) - right).clamp(0, 5)
    torch.testing.assert_close(there, x[:, :, rows][..., columns])


def test_a_member_learns_as_it_would_alone():
    """The gradient of a member has no part from the others, but for the factor 1 / M."""
    torch.manual_seed(0)
    together = registry.build("digit-ensemble", 10, in_channels=1, input_hw=(12, 12))
    x, labels = torch.rand(8, 1, 12, 12), torch.arange(8)
    alone = together.members[1]

    nn.functional.cross_entropy(alone(x), labels).backward()
    wanted = [parameter.grad.clone() / 3 for parameter in alone.parameters()]
    together.zero_grad()
    nn.functional.cross_entropy(together(x), labels[:, None].expand(-1, 3)).backward()

    for parameter, grad in zip(alone.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, grad, rtol=1e-3, atol=1e-6)


def test_the_page_states_the_parameters_that_are_there():
    model = registry.build("digit-ensemble", 10, in_channels=1, input_hw=(28, 28))

    assert sum(parameter.numel() for parameter in model.parameters()) == 516_342
    assert "516,342" in registry.entry("digit-ensemble").page
