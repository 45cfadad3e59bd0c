"""The layers of a Darknet network that are not PyTorch's own, or not quite.

Each takes the output of the layer before it and the outputs of all earlier ones by number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

Earlier = Mapping[int, Tensor]


class Layer(nn.Module):
    """One numbered layer; its module does the work, earlier outputs are passed over."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, earlier: Earlier) -> Tensor:
        """The output of this layer."""
        del earlier
        output: Tensor = self.module(x)
        return output


class Route(nn.Module):
    """Earlier outputs side by side in their channels, or one part of each.

    Args:
        sources: Their numbers, in the order of the channels.
        parts: Into how many equal parts the channels of each are cut.
        part: Which of these is taken, from 0.
    """

    def __init__(self, sources: Sequence[int], *, parts: int = 1, part: int = 0) -> None:
        super().__init__()
        self.sources, self.parts, self.part = tuple(sources), parts, part

    def forward(self, x: Tensor, earlier: Earlier) -> Tensor:
        """(B, sum of C, H, W)."""
        del x
        taken = [earlier[source].chunk(self.parts, 1)[self.part] for source in self.sources]
        return torch.cat(taken, 1) if len(taken) > 1 else taken[0]


class Shortcut(nn.Module):
    """This input plus an earlier output; where channels differ, the common first ones are added."""

    def __init__(self, source: int, activation: nn.Module) -> None:
        super().__init__()
        self.source, self.activation = source, activation

    def forward(self, x: Tensor, earlier: Earlier) -> Tensor:
        """(B, C, H, W), of the channels that the layer before has."""
        other = earlier[self.source]
        common = min(x.shape[1], other.shape[1])
        added = x[:, :common] + other[:, :common]
        if common < x.shape[1]:
            added = torch.cat([added, x[:, common:]], 1)
        output: Tensor = self.activation(added)
        return output


class MaxPool(nn.Module):
    """The largest in a window; the border holds nothing, rather than zeros.

    Args:
        size: Of the window.
        stride: From window to window.
        padding: Rows and columns in all: the smaller half left and above, the rest right and below.
        side_hw: Of the input.
    """

    def __init__(self, size: int, stride: int, padding: int, side_hw: tuple[int, int]) -> None:
        super().__init__()
        first = padding // 2
        rows, columns = (
            max(0, (pooled_side(side, size, stride, padding) - 1) * stride + size - side - first)
            for side in side_hw
        )
        # PyTorch's own border is the same on all sides, and no operation of its own in the graph.
        even = rows == columns == first
        self.pool = nn.MaxPool2d(size, stride, first if even else 0)
        self.border = (0, 0, 0, 0) if even else (first, columns, first, rows)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, h, w)."""
        if any(self.border):
            x = F.pad(x, self.border, value=-math.inf)
        output: Tensor = self.pool(x)
        return output


def pooled_side(side: int, size: int, stride: int, padding: int) -> int:
    """Rows or columns after a pooling.

    Example:
        >>> pooled_side(13, 2, 1, 1), pooled_side(416, 2, 2, 1)
        (13, 208)
    """
    return (side + padding - size) // stride + 1


class Reorganise(nn.Module):
    """Rows and columns into channels, in the order of Darknet's own code.

    The buffer is read as if it had C / s² maps of sH x sW pixels, and what comes out is read as
    maps of H / s x W / s again; released weights of YOLOv2 (arXiv:1612.08242) need that order. It
    is not PyTorch's `pixel_unshuffle`.
    """

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C s², H / s, W / s)."""
        batch, channels, height, width = x.shape
        s = self.stride
        parts = x.reshape(batch, channels // s**2, height, s, width, s)
        return parts.permute(0, 3, 5, 1, 2, 4).reshape(
            batch, channels * s**2, height // s, width // s
        )


class LocallyConnected(nn.Module):
    """A convolution with weights of its own at every position.

    Args:
        channels: Of the input.
        filters: Of the output.
        size: Of the window.
        stride: From window to window.
        padding: Zeros on each side.
        output_hw: Of the output.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        size: int,
        stride: int,
        padding: int,
        output_hw: tuple[int, int],
    ) -> None:
        super().__init__()
        self.size, self.stride, self.padding = size, stride, padding
        height, width = output_hw
        self.weight = nn.Parameter(torch.zeros(height * width, filters, channels * size**2))
        self.bias = nn.Parameter(torch.zeros(filters, height, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, filters, h, w)."""
        patches = F.unfold(x, self.size, padding=self.padding, stride=self.stride)
        output = torch.einsum("pfc,bcp->bfp", self.weight, patches)
        return output.reshape(-1, *self.bias.shape) + self.bias


class GlobalMean(nn.Module):
    """(B, C, H, W) to (B, C)."""

    def forward(self, x: Tensor) -> Tensor:
        """The mean over all pixels."""
        return x.mean((2, 3))


class Upsample(nn.Module):
    """Each pixel `stride` times beside and below itself."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    @override
    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, sH, sW)."""
        return F.interpolate(x, scale_factor=float(self.stride), mode="nearest")
