"""Densely connected networks for 32 x 32 pictures: every layer reads all earlier ones.

"Densely Connected Convolutional Networks" (Huang et al. 2017, arXiv:1608.06993), section 3. The
networks for ImageNet are torchvision's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from akitsu.errors import RecipeError
from akitsu.models.registry import register


class Composite(nn.Module):
    """Batch normalisation, ReLU, convolution, in this order (section 3, "composite function").

    The ReLU is not in place: its input is a part of what later layers read.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.conv = nn.Conv2d(
            in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False
        )

    def forward(self, *maps: Tensor) -> Tensor:
        """Maps (B, C_i, H, W) with C_1 + C_2 + … input channels, to (B, C', H, W)."""
        result: Tensor = self.conv(F.relu(self.norm(torch.cat(maps, 1))))
        return result


@contextmanager
def still_statistics(norm: nn.BatchNorm2d) -> Iterator[None]:
    """Normalise by the batch, but leave the running mean and variance as they are."""
    momentum, counted = norm.momentum, norm.num_batches_tracked
    norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        norm.momentum, norm.num_batches_tracked = momentum, counted


class DenseLayer(nn.Module):
    """`growth` new maps from all earlier ones, through 4 x `growth` ones if it is a bottleneck."""

    def __init__(
        self, in_channels: int, growth: int, *, bottleneck: bool, memory_efficient: bool
    ) -> None:
        super().__init__()
        self.memory_efficient = memory_efficient
        if bottleneck:
            self.first = Composite(in_channels, 4 * growth, 1)
            self.second: nn.Module = Composite(4 * growth, growth, 3)
        else:
            self.first = Composite(in_channels, growth, 3)
            self.second = nn.Identity()

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Maps (B, C_i, H, W) to (B, growth, H, W)."""
        if self.memory_efficient and self.training and torch.is_grad_enabled():
            mixed: Tensor = checkpoint(
                self.first, *maps, use_reentrant=False, context_fn=self._contexts
            )
        else:
            mixed = self.first(*maps)
        grown: Tensor = self.second(mixed)
        return grown

    def _contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        # Computed twice, a batch must not enter the running statistics twice.
        return nullcontext(), still_statistics(self.first.norm)


class DenseBlock(nn.Module):
    """Layers of which each reads the block's input and what all layers before it gave."""

    def __init__(
        self,
        layers: int,
        in_channels: int,
        growth: int,
        *,
        bottleneck: bool,
        memory_efficient: bool,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DenseLayer(
                in_channels + number * growth,
                growth,
                bottleneck=bottleneck,
                memory_efficient=memory_efficient,
            )
            for number in range(layers)
        )
        self.out_channels = in_channels + layers * growth

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + layers x growth, H, W); the first C channels are the input."""
        maps = [x]
        for layer in self.layers:
            maps.append(layer(maps))
        return torch.cat(maps, 1)


class CifarDenseNet(nn.Module):
    """A 3 x 3 convolution, three dense blocks with transitions, the mean, one linear layer.

    `features` maps (B, C, H, W) to a map of a quarter of the sides, rounded down; `head` is the
    linear layer.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        layers: int,
        growth: int,
        compression: float,
        bottleneck: bool,
        memory_efficient: bool,
    ) -> None:
        super().__init__()
        channels = 2 * growth if bottleneck and compression < 1 else 16
        parts: list[nn.Module] = [nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)]
        for number in range(3):
            if number:
                narrowed = int(compression * channels)
                parts += [Composite(channels, narrowed, 1), nn.AvgPool2d(2)]
                channels = narrowed
            block = DenseBlock(
                layers, channels, growth, bottleneck=bottleneck, memory_efficient=memory_efficient
            )
            parts.append(block)
            channels = block.out_channels
        self.features = nn.Sequential(*parts, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        self.head = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K) logits."""
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits


@register(
    "cifar-densenet", task="classification", paper="arXiv:1608.06993", year=2017, least_side=4
)
def cifar_densenet(
    classes: int,
    in_channels: int = 3,
    depth: int = 40,
    growth: int = 12,
    bottleneck: bool = False,
    compression: float = 1.0,
    memory_efficient: bool = False,
) -> nn.Module:
    """The dense network for small pictures: (B, C, H, W) to (B, K) logits.

    1,019,722 parameters at C=3, K=10, depth 40 and growth 12. DenseNet-BC with depth 100,
    `bottleneck` and compression 0.5 has 769,162.

    Args:
        classes: K.
        in_channels: C.
        depth: Layers with weights: 3 n + 4, with bottlenecks 6 n + 4.
        growth: Maps that each layer adds, k in the paper.
        bottleneck: Whether a 1 x 1 convolution to 4 k maps stands before each 3 x 3 one.
        compression: Share of the maps that a transition keeps, above 0 and at most 1.
        memory_efficient: Whether the backward pass computes the concatenations anew instead of
            keeping them all: less memory, more time, the same weights.

    Raises:
        RecipeError: If the depth or the compression is not of that kind.
    """
    step = 6 if bottleneck else 3
    layers, rest = divmod(depth - 4, step)
    if rest or layers < 1:
        raise RecipeError(
            f"no network has {depth} layers: depths are {step} n + 4",
            do=f"write {max(1, round((depth - 4) / step)) * step + 4}",
            where="model.depth",
        )
    if not 0 < compression <= 1:
        raise RecipeError(
            f"a transition cannot keep {compression:g} of its maps",
            do="write a number above 0 and at most 1",
            where="model.compression",
        )
    return CifarDenseNet(
        classes,
        in_channels,
        layers=layers,
        growth=growth,
        compression=compression,
        bottleneck=bottleneck,
        memory_efficient=memory_efficient,
    )
