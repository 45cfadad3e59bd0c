"""The geometry of SqueezeNet-FCN, and that its skips are heard."""

from __future__ import annotations

import pytest
import torch

from akitsu.models.segmentation.squeezenet_fcn import SqueezeNetFCN

SIZES = [(17, 17), (17, 80), (24, 18), (33, 64), (45, 60), (63, 65), (80, 79)]


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return SqueezeNetFCN(5, 3).eval()


@pytest.mark.parametrize("size_hw", SIZES)
def test_the_answer_has_the_size_of_the_picture(network, size_hw):
    with torch.no_grad():
        assert network(torch.rand(1, 3, *size_hw)).shape == (1, 5, *size_hw)


@pytest.mark.parametrize("size_hw", [(24, 32), (64, 40), (80, 80)])
def test_the_core_gives_four_times_the_twice_halved_side(network, size_hw):
    wanted = tuple(4 * (-(-side // 2) // 2) for side in size_hw)

    with torch.no_grad():
        assert network.core(torch.rand(1, 3, *size_hw)).shape == (1, 5, *wanted)


@pytest.mark.parametrize("skip", ["up4", "up9"])
def test_each_deeper_reading_changes_the_scores(network, skip):
    torch.manual_seed(0)
    cut, images = SqueezeNetFCN(5, 3).eval(), torch.rand(1, 3, 32, 40)
    with torch.no_grad():
        whole = cut(images)
        for parameter in getattr(cut, skip).parameters():
            parameter.zero_()

        without = cut(images)

    assert (whole - without).abs().max() > 1e-3


def test_the_trunk_has_the_parameters_of_squeezenet():
    network = SqueezeNetFCN(11, 3)

    trunk = [network.conv1, network.fire2_to_4, network.fire5_to_9]

    assert sum(p.numel() for part in trunk for p in part.parameters()) == 712_880
