"""A classifier's weights in the detectors whose trunk it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.models import registry
from akitsu.weights.pretrained import Pretrained, put_into
from akitsu.weights.trunk import for_trunk

# How many tensors of the classifier the detector has, counters of batch normalisation left out.
# Of VGG16 its 13 convolutions; SSDlite's trunk becomes narrower than MobileNetV3 at block 13.
DETECTORS = [
    pytest.param("ssdlite320_mobilenet_v3_large", 214, id="ssdlite"),
    pytest.param("fasterrcnn_mobilenet_v3_large_320_fpn", 262, id="fasterrcnn-mobilenet"),
    pytest.param("ssd300_vgg16", 26, id="ssd300", marks=pytest.mark.slow),
    pytest.param("retinanet_resnet50_fpn", 265, id="retinanet", marks=pytest.mark.slow),
]


def make(name, *, classes=3, channels=3, **options):
    return registry.build(name, classes, in_channels=channels, input_hw=(300, 300), options=options)


def weights_of(name):
    """Of a classifier, each tensor with values of its own."""
    with torch.device("meta"):
        state = make(name).state_dict()
    generator = torch.Generator().manual_seed(0)
    return {key: torch.rand(tensor.shape, generator=generator) for key, tensor in state.items()}


@pytest.mark.parametrize(("name", "count"), DETECTORS)
def test_a_detector_computes_with_the_convolutions_of_its_classifier(name, count):
    backbone = registry.entry(name).backbone
    weights, detector = weights_of(backbone), make(name)

    loaded = put_into(
        detector, for_trunk(detector, Pretrained(weights, "a file"), backbone=backbone)
    )

    assert len(loaded.taken) == count
    convolutions = [each for each in detector.backbone.modules() if isinstance(each, nn.Conv2d)]
    kernels = [tensor for tensor in weights.values() if tensor.ndim == 4]
    assert torch.equal(convolutions[0].weight, kernels[0])
    assert torch.equal(convolutions[9].weight, kernels[9])


def test_frozen_norms_and_grey_pictures_take_them_too():
    name, backbone = "fasterrcnn_mobilenet_v3_large_320_fpn", "mobilenet_v3_large"
    weights, detector = weights_of(backbone), make(name, channels=1, frozen_norm=True)

    put_into(detector, for_trunk(detector, Pretrained(weights, "a file"), backbone=backbone))

    first = next(each for each in detector.modules() if isinstance(each, nn.Conv2d))
    torch.testing.assert_close(first.weight, weights["features.0.0.weight"].sum(1, keepdim=True))


def test_a_detector_s_own_weights_are_left_as_they_are():
    name = "ssdlite320_mobilenet_v3_large"
    found = Pretrained(make(name, classes=5).state_dict(), "a file")

    assert for_trunk(make(name), found, backbone="mobilenet_v3_large") is found
