"""What makes AlexNet the network of 2012."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError, ShapeError
from akitsu.models.classification.alexnet import alexnet_2012, map_hw


def meta(**options):
    with torch.device("meta"):
        return alexnet_2012(1000, **options)


def learned(model):
    return [each for each in model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize(("groups", "parameters"), [(2, 60_965_224), (1, 62_378_344)])
def test_the_parameters_are_the_paper_s(groups, parameters):
    model = meta(groups=groups)

    assert sum(each.numel() for each in model.parameters()) == parameters
    assert f"{parameters:,}" in alexnet_2012.__doc__


@pytest.mark.parametrize("input_hw", [(67, 67), (82, 83), (98, 99), (131, 150), (227, 227)])
def test_the_first_dense_layer_fits_the_map(input_hw):
    model = meta(input_hw=input_hw)

    maps = model.features(torch.empty(1, 3, *input_hw, device="meta"))

    assert maps.shape == (1, 256, *map_hw(input_hw))
    assert model(torch.empty(1, 3, *input_hw, device="meta")).shape == (1, 1000)


@pytest.fixture(scope="module")
def built():
    torch.manual_seed(0)
    return alexnet_2012(10, input_hw=(67, 67))


def test_the_biases_that_a_relu_could_silence_start_at_one(built):
    assert [each.bias.unique().item() for each in learned(built)] == [0, 1, 0, 1, 1, 1, 1, 0]


def test_the_weights_have_the_paper_s_deviation(built):
    assert [each.weight.std().item() for each in learned(built)] == pytest.approx([0.01] * 8, 0.05)


@pytest.mark.parametrize(("normalisation", "k", "alpha"), [("paper", 2, 1e-4), ("caffe", 1, 2e-5)])
def test_response_normalisation_is_the_formula_of_section_3(normalisation, k, alpha):
    layer = next(
        each
        for each in meta(normalisation=normalisation).modules()
        if isinstance(each, nn.LocalResponseNorm)
    )
    maps = 200 * torch.rand(1, 7, 2, 2, generator=torch.Generator().manual_seed(0))

    given = layer(maps)

    for channel in range(7):
        strength = maps[:, max(channel - 2, 0) : channel + 3].square().sum(1)
        wanted = maps[:, channel] / (k + alpha * strength) ** 0.75
        torch.testing.assert_close(given[:, channel], wanted)


def test_without_response_normalisation_none_is_there():
    modules = list(meta(normalisation="none").modules())

    assert not any(isinstance(each, nn.LocalResponseNorm) for each in modules)


def test_a_picture_of_66_rows_is_too_small():
    with pytest.raises(ShapeError, match="66 x 80 are too small for alexnet-2012"):
        alexnet_2012(3, input_hw=(66, 80))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"groups": 3}, "model.groups: there are no 3 groups; write 1 or 2."),
        (
            {"normalisation": "batch"},
            "model.normalisation: there is no normalisation 'batch'; write paper, caffe or none.",
        ),
    ],
)
def test_an_option_that_the_network_lacks_is_a_sentence(options, sentence):
    with pytest.raises(RecipeError) as caught:
        alexnet_2012(3, **options)

    assert str(caught.value) == sentence
