"""SqueezeNet: the counts of its page, its bypasses, and torchvision's weights."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import squeezenet1_0, squeezenet1_1

from akitsu.errors import RecipeError, ShapeError
from akitsu.models import registry
from akitsu.models.classification.squeezenet import Fire, from_torchvision, squeezenet


def meta(classes=1000, **options):
    with torch.device("meta"):
        return squeezenet(classes, **options)


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({}, 1_248_424),
        ({"bypass": "simple"}, 1_248_424),
        ({"bypass": "complex"}, 1_589_672),
        ({"version": "1.1"}, 1_235_496),
    ],
)
def test_the_page_states_the_parameters_that_are_there(options, parameters):
    assert count(meta(**options)) == parameters
    assert f"{parameters:,}" in registry.entry("squeezenet").page


@pytest.mark.parametrize(
    ("version", "sides"), [("1.0", [111, 55, 27, 13]), ("1.1", [113, 56, 28, 14])]
)
def test_the_maps_have_the_sides_of_table_1(version, sides):
    seen = []
    image = torch.zeros(1, 3, 227, 227)
    for layer in squeezenet(10, version=version).eval().features:
        image = layer(image)
        if image.shape[-1] not in seen:
            seen.append(image.shape[-1])

    assert seen == sides


@pytest.mark.parametrize("bypass", ["simple", "complex"])
def test_a_bypass_adds_the_input_around_its_fires_and_nothing_around_the_others(bypass):
    plain, with_bypass = meta(), meta(bypass=bypass)

    ways = {
        name: fire.bypass.__class__.__name__
        for name, fire in with_bypass.features.named_children()
        if isinstance(fire, Fire) and fire.bypass is not None
    }

    identities = dict.fromkeys(["fire3", "fire5", "fire7", "fire9"], "Identity")
    projections = dict.fromkeys(["fire2", "fire4", "fire6", "fire8"], "Conv2d")
    assert ways == (identities if bypass == "simple" else identities | projections)
    assert all(getattr(fire, "bypass", None) is None for fire in plain.features)


def test_the_sum_of_a_bypass_is_not_rectified_again():
    torch.manual_seed(0)
    fire = Fire(8, 2, 4, bypass="identity")
    x = torch.randn(1, 8, 5, 5)

    assert (fire(x) < 0).any()
    torch.testing.assert_close(fire(x) - x, Fire.forward(_without_bypass(fire), x))


def _without_bypass(fire):
    plain = Fire(8, 2, 4)
    plain.load_state_dict(fire.state_dict())
    return plain


def test_the_one_by_one_half_of_a_fire_comes_first():
    fire = Fire(8, 2, 4)
    x = torch.rand(1, 8, 5, 5)

    half = fire(x)[:, :4]

    squeezed = fire.squeeze(x).relu()
    torch.testing.assert_close(half, fire.expand1x1(squeezed).relu())


@pytest.mark.parametrize(
    ("version", "theirs"), [("1.0", squeezenet1_0), ("1.1", squeezenet1_1)], ids=["1.0", "1.1"]
)
def test_torchvisions_weights_answer_the_same(version, theirs):
    torch.manual_seed(0)
    reference = theirs(num_classes=7).eval()
    ours = squeezenet(7, version=version).eval()
    images = torch.randn(1, 3, 96, 101)

    ours.load_state_dict(from_torchvision(reference.state_dict(), version=version))

    torch.testing.assert_close(ours(images), reference(images), rtol=0, atol=0)


def test_the_last_relu_leaves_no_negative_logit_and_can_be_left_out():
    torch.manual_seed(0)
    rectified, free = squeezenet(50).eval(), squeezenet(50, last_relu=False).eval()
    free.load_state_dict(rectified.state_dict())
    images = torch.randn(1, 3, 64, 64)

    assert rectified(images).min() >= 0
    assert free(images).min() < 0
    torch.testing.assert_close(free.score_maps(images).relu(), rectified.score_maps(images))


@pytest.mark.parametrize("version", [1.1, "1.1"])
def test_a_version_that_yaml_reads_as_a_number_is_understood(version):
    assert count(meta(version=version)) == 1_235_496


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"version": "1.2"}, r"model\.version: there is no version '1\.2'; write 1\.\d"),
        ({"bypass": "simpel"}, r"model\.bypass: there is no bypass 'simpel'; write simple"),
        ({"activation": "tanh"}, r"model\.activation: there is no activation 'tanh'; choose one"),
    ],
)
def test_an_option_that_does_not_exist_is_named(options, sentence):
    with pytest.raises(RecipeError, match=sentence):
        squeezenet(2, **options)


def test_a_picture_of_twenty_pixels_is_too_small_and_one_of_twenty_one_is_not():
    with pytest.raises(ShapeError, match=r"20 x 20 are too small for squeezenet"):
        registry.build("squeezenet", 2, in_channels=3, input_hw=(20, 20))
    model = registry.build("squeezenet", 2, in_channels=3, input_hw=(21, 21)).eval()

    assert model(torch.rand(1, 3, 21, 21)).shape == (1, 2)
