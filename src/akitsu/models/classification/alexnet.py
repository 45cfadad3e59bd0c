"""AlexNet as it won ILSVRC 2012: eight learned layers, three of the convolutions in two groups.

"ImageNet Classification with Deep Convolutional Neural Networks" (Krizhevsky, Sutskever, Hinton,
NIPS 2012), sections 3 and 4. torchvision's `alexnet` is the single tower of 2014, without groups
and response normalisation.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from akitsu.errors import RecipeError, ShapeError
from akitsu.models.registry import register

Normalisation = Literal["paper", "caffe", "none"]

LEAST_SIDE = 67  # leaves one position behind the last pooling
# Section 3.3: n = 5 channels, k = 2, alpha = 1e-4, beta = 0.75. PyTorch, as Caffe, divides alpha
# by n; the paper does not. Caffe's own AlexNet kept alpha = 1e-4, and k = 1.
NORMALISATIONS = {"paper": {"alpha": 5e-4, "k": 2.0}, "caffe": {"alpha": 1e-4, "k": 1.0}}


def normalised_pool(normalisation: Normalisation) -> list[nn.Module]:
    """Response normalisation behind the ReLU, then the overlapping pooling of section 3.4."""
    pool = nn.MaxPool2d(3, 2)
    if normalisation == "none":
        return [pool]
    return [nn.LocalResponseNorm(5, beta=0.75, **NORMALISATIONS[normalisation]), pool]


class AlexNet(nn.Module):
    """Five convolutions and three dense layers.

    `features` maps (B, C, H, W) to (B, 256, *map_hw), `classifier` that to (B, K) logits.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        input_hw: tuple[int, int],
        groups: int,
        normalisation: Normalisation,
    ) -> None:
        super().__init__()
        self.map_hw = map_hw(input_hw)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 96, 11, 4),  # 227 -> 55
            nn.ReLU(inplace=True),
            *normalised_pool(normalisation),  # 27
            nn.Conv2d(96, 256, 5, padding=2, groups=groups),
            nn.ReLU(inplace=True),
            *normalised_pool(normalisation),  # 13
            nn.Conv2d(256, 384, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, 3, padding=1, groups=groups),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1, groups=groups),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),  # 6
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(256 * self.map_hw[0] * self.map_hw[1], 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Linear(4096, classes),
        )
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) of the size that it was made for, to (B, K) logits."""
        logits: Tensor = self.classifier(self.features(images))
        return logits


def map_hw(input_hw: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns behind the last pooling: 6 x 6 of 227 x 227.

    Raises:
        ShapeError: If a side is shorter than 67 pixels.
    """
    if min(input_hw) < LEAST_SIDE:
        raise ShapeError(
            f"pictures of {input_hw[0]} x {input_hw[1]} are too small for alexnet-2012",
            do=f"set model.input_hw to [{LEAST_SIDE}, {LEAST_SIDE}] or more",
        )
    height, width = ((((side - 11) // 4 - 2) // 2 - 2) // 2 // 2 for side in input_hw)
    return height, width


def _initialise(model: AlexNet) -> None:
    """Section 5: weights N(0, 0.01²); biases 1 where a ReLU would start in the dark, else 0."""
    learned = [each for each in model.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    for number, layer in enumerate(learned, start=1):
        nn.init.normal_(layer.weight, std=0.01)
        if layer.bias is not None:
            nn.init.constant_(layer.bias, 1.0 if number in (2, 4, 5, 6, 7) else 0.0)


@register(
    "alexnet-2012",
    task="classification",
    paper="Krizhevsky, Sutskever, Hinton, NIPS 2012",
    year=2012,
    least_side=LEAST_SIDE,
)
def alexnet_2012(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (227, 227),
    groups: int = 2,
    normalisation: Normalisation = "paper",
) -> nn.Module:
    """The network of 2012: (B, C, H, W) to (B, K) logits; 60,965,224 parameters at C=3, K=1000.

    The paper prints 224 x 224 pixels; its first map of 55 x 55 belongs to 227 x 227.

    Args:
        classes: K.
        in_channels: C.
        input_hw: Rows and columns of the pictures, on which the first dense layer depends.
        groups: Parts into which convolutions 2, 4 and 5 fall: 2 as on the paper's two GPUs, 1 for
            none (62,378,344 parameters).
        normalisation: Constants of the local response normalisation: "paper", "caffe" (of
            weights made by Caffe), or "none".

    Raises:
        ShapeError: If a side is shorter than 67 pixels.
        RecipeError: If there are other groups than 1 and 2, or no such normalisation.
    """
    if groups not in (1, 2):
        raise RecipeError(f"there are no {groups} groups", do="write 1 or 2", where="model.groups")
    if normalisation not in (*NORMALISATIONS, "none"):
        raise RecipeError(
            f"there is no normalisation {normalisation!r}",
            do="write paper, caffe or none",
            where="model.normalisation",
        )
    return AlexNet(
        classes, in_channels, input_hw=input_hw, groups=groups, normalisation=normalisation
    )
