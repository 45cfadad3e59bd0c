"""Blocks that three or more networks share, and the small encoder-decoder under our own ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_norm_relu(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    padding: int | None = None,
) -> nn.Sequential:
    """A convolution without bias, batch normalisation, ReLU; padding None is "same"."""
    padding = kernel_size // 2 if padding is None else padding
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def conv_norm_leaky(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    *,
    slope: float = 0.1,
) -> nn.Sequential:
    """The same with padding "same" and a leaky ReLU, as Darknet's networks have it."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.LeakyReLU(slope),
    )


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al., arXiv:1512.03385, figure 2).

    The shortcut is the identity where shapes agree, else a 1 x 1 convolution (option B of
    section 3.3), behind an average pooling when the block halves the map, so that no pixel is
    left out (ResNet-D, arXiv:1812.01187).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *conv_norm_relu(in_channels, out_channels, 3, stride),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        shortcut: list[nn.Module] = []
        if stride != 1:
            shortcut.append(nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False))
        if in_channels != out_channels:
            shortcut.append(nn.Conv2d(in_channels, out_channels, 1, bias=False))
            shortcut.append(nn.BatchNorm2d(out_channels))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C', ceil(H/s), ceil(W/s))."""
        return F.relu(self.body(x) + self.shortcut(x))


class PooledContext(nn.Module):
    """What the whole picture and its quarters say, added to every position.

    Average pooling to 1 x 1, 2 x 2 and 4 x 4 bins, a 1 x 1 convolution each, brought back and
    concatenated: the pyramid pooling of PSPNet (arXiv:1612.01105, section 3.2) in small.
    """

    def __init__(self, channels: int, bins: Sequence[int] = (1, 2, 4)) -> None:
        super().__init__()
        branch = channels // len(bins)
        self.bins = tuple(bins)
        self.branches = nn.ModuleList(nn.Conv2d(channels, branch, 1) for _ in bins)
        self.merge = conv_norm_relu(channels + branch * len(bins), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same."""
        size_hw = x.shape[-2:]
        parts = [x]
        for bins, branch in zip(self.bins, self.branches, strict=True):
            pooled = F.relu(branch(_pool_to(x, bins)))
            parts.append(F.interpolate(pooled, size_hw, mode="bilinear", align_corners=False))
        merged: Tensor = self.merge(torch.cat(parts, 1))
        return merged


def _pool_to(x: Tensor, bins: int) -> Tensor:
    if bins == 1:
        return x.mean((2, 3), keepdim=True)
    # Adaptive pooling to sizes that do not divide the map has no ONNX form: resize instead,
    # after averaging, which is the same thing where the bins divide the map.
    height, width = x.shape[-2:]
    kernel = (max(height // bins, 1), max(width // bins, 1))
    return F.avg_pool2d(x, kernel, kernel)


class EncoderDecoder(nn.Module):
    """A small residual U-Net: down to stride 16, and back up to stride 2 or 4 with skips.

    The U of U-Net (arXiv:1505.04597) with residual blocks and additive-cost skips: each skip is
    narrowed by a 1 x 1 convolution before it is concatenated, since at high resolution it is the
    width that costs time on a CPU. Any H and W of at least 16 work.

    Args:
        in_channels: C of the picture.
        widths: Channels at strides 2, 4, 8 and 16.
        depths: Residual blocks at strides 4, 8 and 16.
        out_stride: 2 or 4: where the decoder stops.
    """

    def __init__(
        self,
        in_channels: int,
        widths: tuple[int, int, int, int] = (24, 48, 96, 160),
        depths: tuple[int, int, int] = (1, 2, 2),
        out_stride: int = 4,
    ) -> None:
        super().__init__()
        self.stem = conv_norm_relu(in_channels, widths[0], 3, 2)
        self.stages = nn.ModuleList()
        for before, width, depth in zip(widths[:-1], widths[1:], depths, strict=True):
            blocks = [ResidualBlock(before, width, 2)]
            blocks += [ResidualBlock(width, width) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
        self.context = PooledContext(widths[-1])
        self.rises = nn.ModuleList()
        below = widths[-1]
        targets = [widths[2], widths[1]] + ([widths[0]] if out_stride == 2 else [])
        for width in targets:
            self.rises.append(Rise(below, width))
            below = width
        self.out_channels = below

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, out_channels, ceil(H/s), ceil(W/s)) with s = `out_stride`."""
        maps = [self.stem(x)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        x = self.context(maps.pop())
        for rise in self.rises:
            x = rise(x, maps.pop())
        return x


class Rise(nn.Module):
    """One step up: the coarse map at the skip's size, concatenated, mixed by a residual block."""

    def __init__(self, coarse: int, width: int) -> None:
        super().__init__()
        self.narrow = conv_norm_relu(coarse, width, 1)
        self.mix = ResidualBlock(2 * width, width)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """(B, coarse, h, w) and a skip (B, width, H, W) to (B, width, H, W)."""
        x = F.interpolate(self.narrow(x), skip.shape[-2:], mode="bilinear", align_corners=False)
        mixed: Tensor = self.mix(torch.cat([x, skip], 1))
        return mixed
