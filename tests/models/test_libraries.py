"""The networks of torchvision and timm: counted, one of each family asked, their ends replaced."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision import models as torchvision_models

from akitsu.errors import MissingExtraError, RecipeError, ShapeError
from akitsu.models import registry
from akitsu.models.classification.torchvision_models import FAMILIES

COUNTS = {name: count for family in FAMILIES for name, (count, _) in family.members.items()}
TOP1 = {name: top1 for family in FAMILIES for name, (_, top1) in family.members.items()}

# One small member of each family, at the least side that it takes.
SMALL = [
    "alexnet",
    "vgg11",
    "resnet18",
    "squeezenet1_1",
    "densenet121",
    "googlenet",
    "inception_v3",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "shufflenet_v2_x0_5",
    "efficientnet_b0",
]


def make(name, classes, *, channels=3, side=96):
    return registry.build(name, classes, in_channels=channels, input_hw=(side, side))


@pytest.mark.parametrize("name", COUNTS)
def test_the_parameters_for_a_thousand_classes_are_those_of_the_table(name):
    with torch.device("meta"):
        model = make(name, 1000)

    counted = sum(parameter.numel() for parameter in model.parameters())
    assert counted == COUNTS[name]
    assert f"{counted:,}" in registry.entry(name).page


@pytest.mark.parametrize("name", COUNTS)
def test_the_accuracy_on_the_page_is_that_of_torchvision_s_own_metadata(name):
    first = next(iter(torchvision_models.get_model_weights(name)))

    assert first.meta["_metrics"]["ImageNet-1K"]["acc@1"] == TOP1[name]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", SMALL)
def test_one_of_each_family_answers_pictures_of_its_least_side(name, channels):
    side = registry.entry(name).least_side
    with torch.device("meta"):
        model = make(name, 5, channels=channels, side=side).eval()

        assert model(torch.zeros(2, channels, side, side)).shape == (2, 5)


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "squeezenet1_0", "inception_v3"])
def test_a_smaller_picture_is_refused_before_it_breaks_a_layer(name):
    least = registry.entry(name).least_side
    with torch.device("meta"):
        model = make(name, 5, side=least).eval()
        with pytest.raises((RuntimeError, ValueError)):
            model(torch.zeros(2, 3, least - 1, least - 1))

    with pytest.raises(ShapeError, match="are too small for"):
        make(name, 5, side=least - 1)


def test_every_network_of_the_library_is_named_as_there_and_says_where_it_is_from():
    for name in COUNTS:
        assert name in torchvision_models.list_models(module=torchvision_models)
        assert registry.entry(name).library == "torchvision"


def test_without_its_last_relu_a_squeezenet_may_say_less_than_nothing():
    torch.manual_seed(0)
    images = torch.randn(4, 3, 33, 33)
    rectified, free = (
        registry.build(
            "squeezenet1_1", 5, in_channels=3, input_hw=(33, 33), options={"last_relu": last}
        ).eval()
        for last in (True, False)
    )
    free.load_state_dict(rectified.state_dict())
    nn.init.constant_(rectified.classifier[1].bias, -5.0)
    nn.init.constant_(free.classifier[1].bias, -5.0)

    assert (rectified(images) == 0).all()
    assert (free(images) < 0).all()


def test_timm_s_networks_are_made_when_one_is_named():
    pytest.importorskip("timm")
    name = "timm/mobilenetv3_small_050"

    model = make(name, 5, channels=1, side=64).eval()

    assert model(torch.zeros(2, 1, 64, 64)).shape == (2, 5)
    assert registry.entry(name, task="classification").library == "timm"
    assert name not in registry.entries()


def test_a_misspelt_network_of_timm_gets_the_nearest():
    pytest.importorskip("timm")
    with pytest.raises(RecipeError, match=r"no network 'resnet_18'; write timm/resnet18\."):
        registry.entry("timm/resnet_18")


def test_without_timm_a_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r'timm/resnet18 needs timm.*"akitsu\[timm\]"'):
        registry.entry("timm/resnet18")


def test_a_network_of_timm_is_no_detector():
    with pytest.raises(RecipeError):
        registry.entry("timm/resnet18", task="detection")
