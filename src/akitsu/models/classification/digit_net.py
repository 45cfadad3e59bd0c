"""A small digit reader of our own: five convolutions, made for two CPU cores.

The plan is LeNet's (LeCun et al. 1998) with what came later: batch normalisation after every
convolution (arXiv:1502.03167), two 3 x 3 layers where one 5 x 5 stood (VGG, arXiv:1409.1556), and
channels that double where the map shrinks. On a CPU the first layer is the dear one, since a
single input channel fills no vector register: it is kept narrow and pooled at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from akitsu.errors import ShapeError
from akitsu.models.blocks import conv_norm_relu
from akitsu.models.registry import register


@register("digit-net", task="classification", paper="arXiv:1502.03167", year=2015)
def digit_net(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (28, 28),
    widths: Sequence[int] = (24, 48, 96),
) -> nn.Module:
    """The default digit network: (B, C, H, W) to (B, K) logits; 172,114 parameters for MNIST.

    A map is pooled while both of its sides have at least 8 pixels, so that 8 x 8 pictures keep
    something to look at.

    Raises:
        ShapeError: If a side is shorter than 8 pixels.
    """
    if min(input_hw) < 8:
        raise ShapeError(
            f"pictures of {input_hw[0]} x {input_hw[1]} are too small for digit-net",
            do="set model.input_hw to [8, 8] or more",
        )
    first, second, third = widths
    padding = 0 if min(input_hw) >= 20 else 2
    sides = [side - 4 + 2 * padding for side in input_hw]
    layers = [*conv_norm_relu(in_channels, first, 5, padding=padding)]

    def pool() -> None:
        if min(sides) >= 8:
            layers.append(nn.MaxPool2d(2))
            sides[:] = [side // 2 for side in sides]

    pool()
    layers += [*conv_norm_relu(first, second), *conv_norm_relu(second, second)]
    pool()
    layers += [*conv_norm_relu(second, third), *conv_norm_relu(third, third, padding=0)]
    sides = [side - 2 for side in sides]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(third * sides[0] * sides[1], classes))
