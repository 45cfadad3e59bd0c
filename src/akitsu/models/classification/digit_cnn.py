"""The digit reader of the source notes: two 5 x 5 convolutions, two poolings, one linear layer.

The layout follows the convolutional network of LeCun et al., "Gradient-based learning applied to
document recognition" (Proceedings of the IEEE, 1998), with ReLU and max pooling.
"""

from __future__ import annotations

from torch import nn

from akitsu.errors import ShapeError
from akitsu.models.registry import register


@register("digit-cnn", task="classification", paper="LeCun et al. 1998", year=1998)
def digit_cnn(
    classes: int, in_channels: int = 3, input_hw: tuple[int, int] = (28, 28)
) -> nn.Module:
    """The two-convolution digit network: (B, C, H, W) to (B, K) logits.

    62,346 parameters at C=1, K=10 and 28 x 28 pixels. ReLU comes after the pooling, on a quarter of
    the numbers: the largest of four is the same before and after it.

    Raises:
        ShapeError: If a side is shorter than 16 pixels: nothing is left to classify.
    """
    height, width = (((side - 4) // 2 - 4) // 2 for side in input_hw)
    if height < 1 or width < 1:
        raise ShapeError(
            f"pictures of {input_hw[0]} x {input_hw[1]} are too small for digit-cnn",
            do="use pictures of 16 x 16 or more, or model.name=digit-net",
        )
    return nn.Sequential(
        nn.Conv2d(in_channels, 32, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * height * width, classes),
    )
