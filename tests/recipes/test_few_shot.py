"""A logistic regression becomes a network's head, and the network answers as it does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from akitsu.data.memory import PicturesInMemory
from akitsu.errors import DataError, TrainingError
from akitsu.recipes.few_shot import draw, fit_head
from akitsu.tasks.classification import Classification
from akitsu.tasks.network import Network

SIDE = 8


def pictures(classes: int = 3, each: int = 6) -> PicturesInMemory:
    """Class k is bright in channel k, with noise."""
    chance = torch.Generator().manual_seed(0)
    labels = torch.arange(classes).repeat(each)
    images = torch.randint(0, 160, (len(labels), 3, SIDE, SIDE), generator=chance)
    for row, label in enumerate(labels):
        images[row, label] += 60
    return PicturesInMemory(list("abc")[:classes], images.to(torch.uint8), labels)


def network(classes: int = 3, *, head: nn.Module | None = None) -> Network:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        *(
            [head]
            if head is not None
            else [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)]
        ),
    )
    return Network(model, Classification(), mean=[0.3] * 3, std=[0.3] * 3)


def answers(ours: Network, given: PicturesInMemory) -> torch.Tensor:
    with torch.no_grad():
        return ours.eval().model(ours.normalise(given.images)).argmax(1)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_network_answers_right_after_one_fit(classes):
    """Two classes are a case of their own: scikit-learn has one row of weights for them."""
    given, ours = pictures(classes), network(classes)

    fit = fit_head(ours, given, input_hw=(SIDE, SIDE), mirror=True, say=str)

    assert (answers(ours, given) == given.labels).all()
    assert fit.accuracy == max(fit.accuracies.values())
    assert fit.accuracy > 0.9
    assert fit.features == 8


def test_a_one_by_one_convolution_before_the_mean_is_a_head_too():
    head = nn.Sequential(nn.Conv2d(8, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    given, ours = pictures(), network(head=head)

    fit_head(ours, given, input_hw=(SIDE, SIDE), mirror=False, say=str)

    assert (answers(ours, given) == given.labels).all()


def test_only_the_head_changes_and_the_mode_stays():
    ours = network()
    before = {name: tensor.clone() for name, tensor in ours.model.state_dict().items()}
    ours.train()

    fit_head(ours, pictures(), input_hw=(SIDE, SIDE), mirror=False, say=str)

    changed = {n for n, t in ours.model.state_dict().items() if not torch.equal(t, before[n])}
    assert changed == {"6.weight", "6.bias"}
    assert all(module.training for module in ours.model.modules())


def test_a_relu_behind_the_head_is_noticed():
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3), nn.ReLU())

    with pytest.raises(TrainingError, match="does something behind its last linear layer"):
        fit_head(network(head=head), pictures(), input_hw=(SIDE, SIDE), mirror=False, say=str)


def test_one_picture_a_class_is_enough_and_nothing_is_cross_validated():
    fit = fit_head(network(), pictures(each=1), input_hw=(SIDE, SIDE), mirror=True, say=str)

    assert fit.strength == 1
    assert fit.accuracies == {}
    assert fit.accuracy is None


def test_a_class_without_a_picture_is_named():
    given = pictures()
    some = given.labels != 1
    few = PicturesInMemory(given.classes, given.images[some], given.labels[some])

    with pytest.raises(DataError, match="no picture of b to learn from"):
        fit_head(network(), few, input_hw=(SIDE, SIDE), mirror=False, say=str)


def test_pictures_held_larger_are_seen_at_the_size_of_the_input():
    """A network whose layers fit one size only would refuse them otherwise."""
    head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 2 * 2, 3))
    ours = network(head=head)

    fit = fit_head(ours, pictures(), input_hw=(4, 4), mirror=False, say=str)

    assert fit.features == 32


def test_the_choice_can_be_drawn(tmp_path):
    fit = fit_head(network(), pictures(), input_hw=(SIDE, SIDE), mirror=False, say=str)

    draw(fit, tmp_path / "few_shot.png")

    assert (tmp_path / "few_shot.png").stat().st_size > 1000
    assert np.isfinite(list(fit.accuracies.values())).all()
