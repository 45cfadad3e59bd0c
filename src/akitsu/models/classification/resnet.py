"""Residual networks for 32 x 32 pictures, and their plain twins without the shortcuts.

"Deep Residual Learning for Image Recognition" (He et al. 2016, arXiv:1512.03385), section 4.2. The
networks for ImageNet are torchvision's.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import RecipeError
from akitsu.models.registry import register

Shortcut = Literal["A", "B", "C"]
SHORTCUTS = ("A", "B", "C")


class PaddedShortcut(nn.Module):
    """Option A: every `stride`-th pixel, and zeros in the new channels; nothing to learn."""

    def __init__(self, new_channels: int, stride: int) -> None:
        super().__init__()
        self.new_channels, self.stride = new_channels, stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + new_channels, ceil(H/s), ceil(W/s))."""
        thinned = x[:, :, :: self.stride, :: self.stride]
        return F.pad(thinned, (0, 0, 0, 0, 0, self.new_channels))


def make_shortcut(in_channels: int, out_channels: int, stride: int, option: Shortcut) -> nn.Module:
    """What carries a block's input around it (section 3.3)."""
    same = stride == 1 and in_channels == out_channels
    if option == "C" or (option == "B" and not same):
        return nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
            nn.BatchNorm2d(out_channels),
        )
    return nn.Identity() if same else PaddedShortcut(out_channels - in_channels, stride)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and, unless `shortcut` is None, their input added (figure 2).

    Its output is ReLU(F(x) + shortcut(x)): the second ReLU stands behind the sum.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, shortcut: Shortcut | None
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut = (
            None if shortcut is None else make_shortcut(in_channels, out_channels, stride, shortcut)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H/s), ceil(W/s))."""
        residual: Tensor = self.body(x)
        return F.relu(residual if self.shortcut is None else residual + self.shortcut(x))


class CifarResNet(nn.Module):
    """A 3 x 3 convolution, three stages of n blocks, the mean over all positions, one linear layer.

    `features` maps (B, C, H, W) to (B, 4 width, H/4, W/4), rounded up; `head` is the linear layer.
    """

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        blocks: int,
        width: int,
        shortcut: Shortcut | None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        channels = width
        for out_channels in (width, 2 * width, 4 * width):
            for _ in range(blocks):
                stride = out_channels // channels  # 2 where a stage begins, but for the first
                layers.append(BasicBlock(channels, out_channels, stride=stride, shortcut=shortcut))
                channels = out_channels
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes)
        _initialise(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K) logits."""
        logits: Tensor = self.head(self.features(images).mean((2, 3)))
        return logits


def _initialise(model: nn.Module) -> None:
    """He et al., arXiv:1502.01852, equation 10: the variance of a map survives its ReLU."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")


@register("cifar-resnet", task="classification", paper="arXiv:1512.03385", year=2016)
def cifar_resnet(
    classes: int,
    in_channels: int = 3,
    depth: int = 20,
    residual: bool = True,
    shortcut: Shortcut = "A",
    width: int = 16,
) -> nn.Module:
    """The residual network for small pictures: (B, C, H, W) to (B, K) logits.

    269,722 parameters at C=3, K=10 and depth 20; 853,018 at depth 56; 1,727,962 at depth 110.

    Args:
        classes: K.
        in_channels: C.
        depth: Layers with weights, 6 n + 2: 8, 14, 20, 26, 32, …
        residual: False leaves out the shortcuts: the paper's plain network.
        shortcut: Where shapes differ: "A" zeros in the new channels, "B" a 1 x 1 convolution;
            "C" has a 1 x 1 convolution around every block.
        width: Maps of the first stage; the second has twice, the third four times as many.

    Raises:
        RecipeError: If the depth is not of that kind, or there is no such shortcut.
    """
    blocks, rest = divmod(depth - 2, 6)
    if rest or blocks < 1:
        nearest = max(8, 6 * round((depth - 2) / 6) + 2)
        raise RecipeError(
            f"no network has {depth} layers: depths are 6 n + 2",
            do=f"write {nearest}",
            where="model.depth",
        )
    if shortcut not in SHORTCUTS:
        raise RecipeError(
            f"there is no shortcut {shortcut!r}", do="write A, B or C", where="model.shortcut"
        )
    return CifarResNet(
        classes,
        in_channels,
        blocks=blocks,
        width=width,
        shortcut=shortcut if residual else None,
    )
