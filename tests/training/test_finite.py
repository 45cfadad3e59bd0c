from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from akitsu.errors import TrainingError
from akitsu.training.finite import first_non_finite, require_finite


def small_model() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["0.weight", "2.bias", "1.running_mean", "1.running_var"])
def test_one_broken_value_is_found_and_its_tensor_named(name, value):
    model = small_model()
    model.state_dict()[name].view(-1)[-1] = value

    assert first_non_finite(model) == name


def test_the_sentence_says_where_what_and_what_to_do():
    model = small_model()
    with torch.no_grad():
        model[2].weight[1, 1] = math.nan

    with pytest.raises(TrainingError) as caught:
        require_finite(model, where="runs/digits, iteration 7")

    assert str(caught.value) == (
        "runs/digits, iteration 7: the weights 2.weight are no longer finite; "
        "lower optimizer.lr and begin anew, or set optimizer.clip_norm."
    )


def test_the_first_of_several_is_named():
    model = small_model()
    with torch.no_grad():
        model[0].bias[0] = model[2].bias[0] = math.inf

    assert first_non_finite(model) == "0.bias"


def test_sound_models_pass_whatever_their_size_or_type():
    for model in (small_model(), nn.ReLU(), nn.Linear(2, 1).to(torch.bfloat16)):
        require_finite(model, where="a run")
        assert first_non_finite(model) is None


def test_a_mask_may_hold_infinities_and_no_nan():
    model = nn.Identity()
    model.register_buffer("mask", torch.full((2, 2), -math.inf).triu(1))
    assert first_non_finite(model) is None

    model.mask[0, 0] = math.nan
    assert first_non_finite(model) == "mask"
