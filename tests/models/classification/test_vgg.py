"""Configuration C, and dense layers that became convolutions."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import vgg11

from akitsu.errors import ShapeError
from akitsu.models.classification.alexnet import alexnet_2012
from akitsu.models.classification.resnet import cifar_resnet
from akitsu.models.classification.vgg import densify, vgg16_c

SMALL = {"widths": (4, 4, 8, 8, 8), "dense": 16}


def small(input_hw=(64, 96)):
    torch.manual_seed(0)
    return vgg16_c(5, 3, input_hw, **SMALL).eval()


def test_configuration_c_has_the_parameters_that_follow_from_table_1():
    with torch.device("meta"):
        model = vgg16_c(1000)

    assert sum(each.numel() for each in model.parameters()) == 133_638_952
    assert "133,638,952" in vgg16_c.__doc__


def test_it_has_thirteen_convolutions_of_which_three_are_one_by_one():
    with torch.device("meta"):
        layers = [each for each in vgg16_c(10).modules() if isinstance(each, nn.Conv2d)]

    assert [layer.kernel_size[0] for layer in layers] == [3, 3, 3, 3, 3, 3, 1, 3, 3, 1, 3, 3, 1]


def test_a_densified_network_answers_as_it_did_on_pictures_of_its_size():
    model, images = small(), torch.rand(2, 3, 64, 96)

    dense = densify(model)

    assert not dense.training
    with torch.no_grad():
        assert dense.score_map(images).shape == (2, 5, 1, 1)
        torch.testing.assert_close(dense(images), model(images), rtol=1e-5, atol=1e-6)


def test_each_place_of_a_larger_picture_gets_the_scores_of_the_dense_layers():
    model, larger = small(), torch.rand(1, 3, 128, 128)

    dense = densify(model)

    with torch.no_grad():
        scores, maps = dense.score_map(larger)[0], model.features(larger)
        wanted = [
            [
                model.classifier(maps[:, :, row : row + 2, column : column + 3])[0]
                for column in (0, 1)
            ]
            for row in (0, 1, 2)
        ]
    assert scores.shape == (5, 3, 2)
    for row in range(3):
        for column in range(2):
            torch.testing.assert_close(scores[:, row, column], wanted[row][column])


def test_the_answer_to_a_larger_picture_is_the_mean_over_its_places():
    dense, larger = densify(small()), torch.rand(1, 3, 128, 128)

    with torch.no_grad():
        answer, scores = dense(larger), dense.score_map(larger)

    torch.testing.assert_close(answer[0], scores[0].flatten(1).mean(1))


@pytest.mark.parametrize("make", [lambda: vgg11(num_classes=5), lambda: alexnet_2012(5)])
def test_torchvision_s_networks_and_alexnet_become_convolutions_too(make):
    with torch.device("meta"):
        model = make()

        dense = densify(model)

        assert dense.score_map(torch.empty(1, 3, 291, 259)).shape[:2] == (1, 5)
    kernels = [each.kernel_size for each in dense.head.modules() if isinstance(each, nn.Conv2d)]
    first = {"VGG": (7, 7), "AlexNet": (6, 6)}[type(model).__name__]
    assert kernels == [first, (1, 1), (1, 1)]


def test_a_network_without_dense_layers_over_a_map_is_refused():
    with pytest.raises(ShapeError, match="CifarResNet does not end in dense layers over a map"):
        densify(cifar_resnet(3, depth=8))


def test_a_picture_of_31_rows_is_too_small():
    with pytest.raises(ShapeError, match="31 x 80 are too small for vgg16-c"):
        vgg16_c(3, input_hw=(31, 80))
