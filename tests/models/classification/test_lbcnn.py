"""Local binary convolution: the filters that are fixed, and stay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError
from akitsu.models.classification.lbcnn import LocalBinaryConv, binary_filters, lbcnn
from akitsu.training.average import Average
from akitsu.training.weights import load_weights, save_weights


def fixed(model):
    return [layer.filters for layer in model.modules() if isinstance(layer, LocalBinaryConv)]


@pytest.mark.parametrize(
    ("options", "channels", "learned", "filters"),
    [
        ({}, 1, 78_554, 27_648),
        ({"maps": 512, "depth": 75}, 1, 693_338, 5_529_600),
        ({"maps": 512, "depth": 40, "dense": 512, "density": 0.9}, 3, 630_634, 2_949_120),
    ],
    ids=["small", "MNIST", "SVHN"],
)
def test_as_many_numbers_are_learned_and_fixed_as_the_page_says(
    options, channels, learned, filters
):
    model = lbcnn(10, channels, **options)

    assert sum(parameter.numel() for parameter in model.parameters()) == learned
    assert sum(each.numel() for each in fixed(model)) == filters
    assert f"{learned:,}" in lbcnn.__doc__
    assert f"{filters:,}" in lbcnn.__doc__


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9, 1.0])
def test_exactly_the_density_is_not_zero_and_half_of_it_is_negative(density):
    filters = binary_filters(
        (40, 10, 3, 3), density=density, generator=torch.Generator().manual_seed(0)
    )

    assert filters.abs().sum() == round(density * 3600)
    assert abs(int((filters == 1).sum()) - int((filters == -1).sum())) < 0.15 * density * 3600


@pytest.mark.parametrize("density", [0, -0.5, 1.01])
def test_a_density_that_is_none_is_a_sentence(density):
    with pytest.raises(RecipeError, match=r"^model.density: a density of .* above 0"):
        lbcnn(10, density=density)


def test_a_layer_is_the_sum_that_its_definition_says():
    torch.manual_seed(0)
    filters = binary_filters((5, 2, 3, 3), density=0.5)
    layer, x = LocalBinaryConv(2, 3, maps=5, filters=filters), torch.randn(1, 2, 4, 4)

    given = layer(x)[0, :, 1, 2]

    window = x[0, :, 0:3, 1:4]
    maps = [float((window * each).sum().clamp(min=0)) for each in filters]
    wanted = layer.mixture.weight[:, :, 0, 0] @ torch.tensor(maps) + layer.mixture.bias
    torch.testing.assert_close(given, wanted)


def test_the_filters_are_in_the_weights_file_and_come_back(tmp_path):
    """Other filters would make another network of the same weights."""
    torch.manual_seed(0)
    model, other = lbcnn(10, 1, depth=2).eval(), lbcnn(10, 1, depth=2).eval()
    save_weights(model.state_dict(), tmp_path / "weights.safetensors")
    before = fixed(other)[0].clone()

    load_weights(other, tmp_path / "weights.safetensors")

    images = torch.rand(2, 1, 32, 32)
    assert not torch.equal(before, fixed(model)[0])
    assert fixed(other)[0].dtype == torch.int8
    assert torch.equal(model(images), other(images))


def test_training_and_averaging_leave_the_filters_alone():
    torch.manual_seed(0)
    model = lbcnn(10, 1, depth=2)
    before = [each.clone() for each in fixed(model)]
    average = Average(model, 0.9)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.5)

    nn.functional.cross_entropy(
        model(torch.rand(4, 1, 32, 32)), torch.tensor([0, 1, 2, 3])
    ).backward()
    optimizer.step()
    average.update()

    for kept in (fixed(model), fixed(average.model)):
        assert all(torch.equal(one, other) for one, other in zip(before, kept, strict=True))
        assert all(each.dtype == torch.int8 for each in kept)
