from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.training.average import Average


def one_weight(value: float) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, value)
    return model


def test_three_updates_are_what_they_are_on_paper():
    """Decays 0.1, 2/11 and 0.2 (the given one, 3/12 would be more): 0 -> 0.9 -> 1.8 -> 2.76."""
    model = one_weight(0.0)
    average = Average(model, decay=0.2)

    for weight in (1.0, 2.0, 3.0):
        nn.init.constant_(model.weight, weight)
        average.update()

    expected = 0.2 * (2 / 11 * 0.9 + 9 / 11 * 2.0) + 0.8 * 3.0
    assert average.model.weight.item() == pytest.approx(expected)


def test_statistics_of_batchnorm_are_averaged_and_its_counter_is_copied():
    model = nn.BatchNorm1d(1)
    average = Average(model, decay=0.99)
    model.running_mean.fill_(1.0)
    model.num_batches_tracked.fill_(7)

    average.update()

    assert average.model.running_mean.item() == pytest.approx(0.9)
    assert average.model.num_batches_tracked.item() == 7


def test_a_weight_that_two_layers_share_is_averaged_once():
    model = nn.Sequential(one_weight(0.0), one_weight(0.0))
    model[1].weight = model[0].weight
    average = Average(model, decay=0.99)
    nn.init.constant_(model[0].weight, 1.0)

    average.update()

    assert average.model[1].weight is average.model[0].weight
    assert average.model[0].weight.item() == pytest.approx(0.9)


def test_a_buffer_that_the_model_replaces_is_followed():
    model = nn.BatchNorm1d(1)
    average = Average(model, decay=0.99)
    model.running_mean = torch.ones(1)

    average.update()

    assert average.model.running_mean.item() == pytest.approx(0.9)


def test_the_averaged_model_evaluates_and_the_trained_one_still_trains():
    model = nn.Sequential(nn.Dropout(0.5), one_weight(1.0))
    average = Average(model, decay=0.9)

    assert model.training
    assert not any(module.training for module in average.model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert not any(parameter.requires_grad for parameter in average.model.parameters())


def test_averaging_draws_no_random_number():
    model = one_weight(1.0)
    before = torch.get_rng_state()

    Average(model, decay=0.9).update()

    assert torch.equal(torch.get_rng_state(), before)


def test_a_saved_average_goes_on_with_the_same_decay():
    model = one_weight(1.0)
    unbroken, resumed = Average(model, 0.9), Average(one_weight(5.0), 0.9)
    unbroken.update()
    resumed.load_state_dict(unbroken.state_dict())

    assert resumed.updates == 1
    assert resumed.model.weight.item() == unbroken.model.weight.item()
