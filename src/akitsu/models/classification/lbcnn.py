"""Local binary convolution: fixed filters of -1, 0 and 1, and only their mixture is learned.

Juefei-Xu, Boddeti and Savvides, "Local Binary Convolutional Neural Networks" (CVPR 2017,
arXiv:1608.06049).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import RecipeError
from akitsu.models.registry import register

# The mean pooling before the dense layers: 32 x 32 pixels become 6 x 6.
POOL = 5
# Row and column of the eight neighbours in a 3 x 3 filter, clockwise from the upper left.
NEIGHBOURS = ((0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0))


def pattern_filters() -> Tensor:
    """The filters of the classic local binary pattern: a neighbour minus the centre.

    With a step function (1 from 0 on) behind them and 2^i as the weight of filter i they give the
    code of Ojala et al. (1996): the descriptor that the paper's layer generalises (section 3.1).

    Returns:
        (8, 1, 3, 3) int8.
    """
    filters = torch.zeros(len(NEIGHBOURS), 1, 3, 3, dtype=torch.int8)
    filters[:, :, 1, 1] = -1
    for number, (row, column) in enumerate(NEIGHBOURS):
        filters[number, :, row, column] = 1
    return filters


def binary_filters(
    shape: tuple[int, int, int, int], *, density: float, generator: torch.Generator | None = None
) -> Tensor:
    """Sparse random filters: a part of all numbers is 1 or -1, as likely as each other.

    The number that is not 0 is exact. The authors' program draws positions with replacement, so
    that its density of 0.5 leaves 1 - e^-0.5 = 0.39; a port of it throws a coin for each number.

    Args:
        shape: Filters, channels, rows, columns.
        density: Part of all numbers that are not 0, above 0 and up to 1; the paper calls it
            sparsity.
        generator: Source of chance; None is PyTorch's own, as for the weights of its layers.

    Returns:
        int8 of that shape.

    Raises:
        RecipeError: If `density` is no such part.

    Example:
        >>> binary_filters((4, 2, 3, 3), density=0.5).abs().sum()
        tensor(36)
    """
    if not 0 < density <= 1:
        raise RecipeError(
            f"a density of {density} is no part of the filters",
            where="model.density",
            do="write a number above 0, up to 1",
        )
    filters = torch.zeros(shape, dtype=torch.int8)
    filled = max(1, round(density * filters.numel()))
    places = torch.randperm(filters.numel(), generator=generator)[:filled]
    signs = torch.randint(0, 2, (filled,), generator=generator, dtype=torch.int8) * 2 - 1
    filters.view(-1)[places] = signs
    return filters


class LocalBinaryConv(nn.Module):
    """Fixed filters, ReLU, and a learned 1 x 1 convolution (section 3.2, equation 4).

    The filters are a buffer, not a parameter: no optimizer moves or decays them, an average of the
    weights copies them, and the weights' file keeps them, at a byte a number. With as many maps as
    channels, a layer learns k² times fewer numbers than a k x k convolution.

    Args:
        in_channels: C.
        out_channels: C' of the mixture.
        maps: M, the number of fixed filters.
        filters: (M, C, k, k) int8, k odd.
    """

    filters: Tensor

    def __init__(self, in_channels: int, out_channels: int, *, maps: int, filters: Tensor) -> None:
        super().__init__()
        assert filters.shape[:2] == (maps, in_channels)
        self.register_buffer("filters", filters)
        self.mixture = nn.Conv2d(maps, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', H, W)."""
        padding = self.filters.shape[-1] // 2
        maps = F.conv2d(x, self.filters.to(x.dtype), padding=padding)  # (B, M, H, W)
        mixed: Tensor = self.mixture(F.relu(maps))
        return mixed


class LocalBinaryBlock(nn.Module):
    """A shortcut around batch normalisation and a local binary convolution."""

    def __init__(self, channels: int, maps: int, *, filters: Tensor) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.conv = LocalBinaryConv(channels, channels, maps=maps, filters=filters)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        mixed: Tensor = self.conv(self.norm(x))
        return x + mixed


@register("lbcnn", task="classification", paper="arXiv:1608.06049", year=2017, least_side=POOL)
def lbcnn(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (32, 32),
    *,
    channels: int = 16,
    maps: int = 64,
    depth: int = 3,
    dense: int = 128,
    density: float = 0.5,
) -> nn.Module:
    """Local binary convolutions: (B, C, H, W) to (B, K) logits.

    The default is a small one: 78,554 learned numbers beside 27,648 fixed ones at C=1, K=10 and
    32 x 32 pixels. The paper's networks, each for 32 x 32 pixels (MNIST padded to them):

    - MNIST: maps 512, depth 75: 693,338 learned, 5,529,600 fixed
    - SVHN: maps 512, depth 40, dense 512, density 0.9: 630,634 learned, 2,949,120 fixed
    - CIFAR-10: channels 384, maps 704, depth 50, dense 512, density 0.001: 20,669,450 learned,
      121,651,200 fixed

    Args:
        classes: K.
        in_channels: C.
        input_hw: Rows and columns of the picture, which the dense layer depends on.
        channels: Width of the trunk.
        maps: Fixed filters of each block.
        depth: Blocks.
        dense: Width of the hidden dense layer.
        density: Part of the fixed filters that is not 0.

    Raises:
        RecipeError: If `density` is not above 0 and up to 1.
    """
    shape = (maps, channels, 3, 3)
    blocks = [
        LocalBinaryBlock(channels, maps, filters=binary_filters(shape, density=density))
        for _ in range(depth)
    ]
    height, width = (side // POOL for side in input_hw)
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
        *blocks,
        nn.AvgPool2d(POOL),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(channels * height * width, dense),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(dense, classes),
    )
