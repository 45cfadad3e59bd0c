"""Class activation maps: what they sum to, which networks have them, and the boxes around them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from akitsu.errors import ShapeError
from akitsu.models import registry
from akitsu.models.classification.cam import cam, cam_box, enlarged, gap_net, vgg16_cam

ENDS_IN_A_MEAN = ["gap-net", "cifar-resnet", "cifar-densenet", "squeezenet", "vgg16-cam"]


def make(name, **options):
    torch.manual_seed(0)
    return registry.build(name, 5, in_channels=3, input_hw=(48, 48), options=options).eval()


@pytest.mark.parametrize("name", ENDS_IN_A_MEAN)
@pytest.mark.parametrize("label", [0, 4])
def test_the_mean_of_a_map_and_the_bias_are_the_logit(name, label):
    model, images = make(name), torch.rand(2, 3, 48, 48)

    maps = cam(model, images, torch.tensor([label, label]))

    last = list(model.modules())[-1]
    bias = last.bias[label] if isinstance(last, nn.Linear) and last.bias is not None else 0
    torch.testing.assert_close(maps.mean((1, 2)) + bias, model(images)[:, label])
    assert maps.shape[1] > 1


def test_each_picture_gets_the_map_of_its_own_label():
    model, images = make("gap-net"), torch.rand(2, 3, 20, 24)

    both = cam(model, images, torch.tensor([1, 3]))

    assert both.shape == (2, 5, 6)
    torch.testing.assert_close(both[0], cam(model, images, torch.tensor([1, 1]))[0])
    torch.testing.assert_close(both[1], cam(model, images, torch.tensor([3, 3]))[1])


def test_score_maps_without_a_last_relu_are_their_own_class_maps():
    model, images = make("squeezenet", last_relu=False), torch.rand(2, 3, 48, 48)

    maps = cam(model, images, torch.tensor([2, 2]))

    torch.testing.assert_close(maps, model.score_maps(images)[:, 2])


@pytest.mark.parametrize("name", ["digit-net", "digit-cnn", "lbcnn"])
def test_a_network_that_ends_otherwise_is_a_sentence(name):
    with pytest.raises(ShapeError, match="does not end in a mean over all positions"):
        cam(make(name), torch.rand(1, 3, 48, 48), torch.tensor([0]))


def test_the_maximum_in_place_of_the_mean_is_refused():
    torch.manual_seed(0)
    model = gap_net(5)
    model[-3] = nn.AdaptiveMaxPool2d(1)

    with pytest.raises(ShapeError, match="gap-net, cifar-resnet or squeezenet"):
        cam(model.eval(), torch.rand(1, 3, 16, 16), torch.tensor([0]))


def test_a_network_in_training_mode_is_a_sentence():
    with pytest.raises(ShapeError, match=r"model\.eval\(\)"):
        cam(gap_net(5), torch.rand(1, 3, 16, 16), torch.tensor([0]))


def test_no_hook_stays_behind():
    model = make("gap-net")

    cam(model, torch.rand(1, 3, 16, 16), torch.tensor([0]))

    assert not any(layer._forward_hooks for layer in model.modules())


def test_a_box_surrounds_the_largest_connected_part():
    heat = torch.zeros(10, 12)
    heat[1:3, 1:3] = 9.0
    heat[5:9, 4:8] = 5.0

    box = cam_box(heat, size_hw=(10, 12))

    np.testing.assert_array_equal(box, [4, 5, 8, 9])


def test_the_threshold_of_a_box_is_a_part_of_the_maximum():
    heat = torch.zeros(1, 6)
    heat[0, 1:4] = torch.tensor([1.9, 10.0, 2.1])

    assert cam_box(heat, size_hw=(1, 6)).tolist() == [2, 0, 4, 1]
    assert cam_box(heat, size_hw=(1, 6), threshold=0.1).tolist() == [1, 0, 4, 1]


def test_evidence_against_a_class_makes_no_box():
    heat = torch.full((4, 4), -1.0)
    heat[2, 2] = -90

    assert cam_box(heat, size_hw=(8, 8)) is None


def test_a_box_lies_in_pixels_of_the_picture():
    heat = torch.zeros(4, 4)
    heat[:, 2:] = 1

    assert cam_box(heat, size_hw=(40, 80), threshold=0.5).tolist() == [40, 0, 80, 40]


def test_a_map_is_enlarged_without_a_shift():
    heat = torch.tensor([[[0.0, 1.0], [0.0, 1.0]]])

    large = enlarged(heat, (4, 4))[0]

    torch.testing.assert_close(large, torch.tensor([[0, 0.25, 0.75, 1]]).repeat(4, 1))


def test_the_paper_s_vgg_has_its_parameters_and_torchvision_s_numbers():
    from torchvision.models.vgg import vgg16

    with torch.device("meta"):
        model, theirs = vgg16_cam(1000), vgg16()

    assert sum(parameter.numel() for parameter in model.parameters()) == 18_099_008
    convolutions = theirs.features.state_dict()
    ours = model.state_dict()
    assert {name: each.shape for name, each in convolutions.items()} == {
        name: ours[name].shape for name in convolutions
    }


def test_evidence_against_a_class_is_not_in_its_box():
    heat = torch.zeros(4, 4)
    heat[1, 1], heat[3, 3] = 10, -90

    assert cam_box(heat, size_hw=(4, 4)).tolist() == [1, 1, 2, 2]
