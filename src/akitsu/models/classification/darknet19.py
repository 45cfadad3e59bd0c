"""Darknet-19: 3 x 3 convolutions that double the maps, 1 x 1 ones that halve them in between.

The classifier of "YOLO9000: Better, Faster, Stronger" (Redmon and Farhadi 2017, arXiv:1612.08242,
table 6), and the first part of its detector.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from akitsu.models.blocks import conv_norm_leaky
from akitsu.models.registry import register

SLOPE = 0.1
Step = tuple[int, int] | str
# Maps and side of the window, and "max" for a pooling by 2.
FIRST: tuple[Step, ...] = (
    *((32, 3), "max", (64, 3), "max"),
    *((128, 3), (64, 1), (128, 3), "max"),
    *((256, 3), (128, 1), (256, 3), "max"),
    *((512, 3), (256, 1), (512, 3), (256, 1), (512, 3)),
)
"""Up to the last map of stride 16, which the detector looks at once more."""

SECOND: tuple[Step, ...] = ("max", (1024, 3), (512, 1), (1024, 3), (512, 1), (1024, 3))


def convolution(in_channels: int, out_channels: int, size: int, stride: int = 1) -> nn.Sequential:
    """A convolution without bias that keeps the size, batch normalisation, leaky ReLU."""
    block = conv_norm_leaky(in_channels, out_channels, size, stride, slope=SLOPE)
    nn.init.kaiming_normal_(block[0].weight, a=SLOPE)  # type: ignore[arg-type]
    return block


def stack(in_channels: int, steps: Sequence[Step]) -> nn.Sequential:
    """The layers of some steps; a side that is odd is rounded up where it is halved."""
    layers: list[nn.Module] = []
    for step in steps:
        if isinstance(step, str):
            layers.append(nn.MaxPool2d(2, 2, ceil_mode=True))
            continue
        layers.append(convolution(in_channels, *step))
        in_channels = step[0]
    return nn.Sequential(*layers)


@register("darknet19", task="classification", paper="arXiv:1612.08242", year=2017)
def darknet19(classes: int, in_channels: int = 3) -> nn.Module:
    """19 convolutions and the mean over all positions: (B, C, H, W) to (B, K) logits.

    20,842,376 parameters at C=3, K=1000; 2.79 thousand million multiply-adds at 224 x 224.
    """
    features = nn.Sequential(stack(in_channels, FIRST), stack(512, SECOND))
    head = nn.Conv2d(1024, classes, 1)
    nn.init.normal_(head.weight, std=0.01)
    nn.init.zeros_(head.bias)  # type: ignore[arg-type]
    return nn.Sequential(features, head, nn.AdaptiveAvgPool2d(1), nn.Flatten())
