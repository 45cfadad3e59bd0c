"""The smallest digit reader that is right in 99 of 100 after a little more than one epoch.

Three convolutions without padding, each with batch normalisation (arXiv:1502.03167), one pooling
and one linear layer: what is left of `digit-net` when seconds count. A small map early is what
makes a step cheap, so the first layer strides where others pool. The one pooling comes before
normalisation and rectifier, which then have a quarter of the work.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from akitsu.models.blocks import conv_norm_relu
from akitsu.models.registry import register


@register("digit-fast", task="classification", paper="arXiv:1502.03167", year=2015, least_side=20)
def digit_fast(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (28, 28),
    widths: Sequence[int] = (16, 32, 64),
) -> nn.Module:
    """The quickest digit network: (B, C, H, W) to (B, K) logits; 29,610 parameters for MNIST."""
    first, second, third = widths
    height, width = (((side - 6) // 2 - 1) // 2 - 2 for side in input_hw)
    return nn.Sequential(
        nn.Conv2d(in_channels, first, 6, stride=2, bias=False),
        nn.BatchNorm2d(first),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, second, 3, bias=False),
        nn.MaxPool2d(2),
        nn.BatchNorm2d(second),
        nn.ReLU(inplace=True),
        *conv_norm_relu(second, third, padding=0),
        nn.Flatten(),
        nn.Linear(third * height * width, classes),
    )
