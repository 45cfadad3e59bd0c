"""RoIPool and RoIAlign: a piece of a map, cut out by a box and brought to a fixed size.

Both are written here bin by bin, to be read and to test others against; networks use the fast ones
of torchvision, which give the same. They differ in one thing: RoIPool (*Fast R-CNN*,
arXiv:1504.08083, section 2.1) rounds the box to whole cells, twice, and RoIAlign (*Mask R-CNN*,
arXiv:1703.06870, section 3) never rounds. At stride 8 a rounded side may be off by 4 pixels of the
picture, which a classifier does not mind and a box regression does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def roi_pool(
    features: Tensor, boxes: Tensor, pictures: Tensor, *, bins: int, stride: int
) -> Tensor:
    """The largest value of each bin, bins in whole cells.

    Args:
        features: (B, C, h, w), float32.
        boxes: (R, 4) XYXY in pixels of the picture.
        pictures: (R,) which of the B pictures each box lies in.
        bins: P: rows and columns of the answer.
        stride: Pixels of the picture per cell of the map.

    Returns:
        (R, C, P, P); 0 where a bin lies beyond the map. Bit for bit that of torchvision, but for
        boxes of exactly 57, 62, 114, ... cells a side in 7 or 14 bins, where its float32 quotients
        exceed the whole number and a bin gets a cell more.
    """
    pooled = [
        _pool_one(features[picture], *(_rounded(side) for side in box.tolist()), bins=bins)
        for box, picture in zip(boxes / stride, pictures.tolist(), strict=True)
    ]
    return torch.stack(pooled) if pooled else features.new_zeros(0, features.shape[1], bins, bins)


def _pool_one(maps: Tensor, x0: int, y0: int, x1: int, y1: int, *, bins: int) -> Tensor:
    """(C, h, w) to (C, P, P); sides in whole cells."""
    # The last cell is included, and a box turned inside out is one cell.
    rows = _whole_bins(y0, max(y1 - y0 + 1, 1), bins, maps.shape[1])
    columns = _whole_bins(x0, max(x1 - x0 + 1, 1), bins, maps.shape[2])
    cells = [
        maps[:, top:low, left:right].flatten(1) for top, low in rows for left, right in columns
    ]
    nothing = maps.new_zeros(len(maps))
    largest = [each.amax(1) if each.shape[1] else nothing for each in cells]
    return torch.stack(largest, 1).view(-1, bins, bins)


def _rounded(value: float) -> int:
    """Half away from zero, as C does it: 2.5 to 3, where Python says 2."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _whole_bins(first: int, cells: int, bins: int, length: int) -> list[tuple[int, int]]:
    """Where each bin begins and ends; neighbours share a cell if the cells cannot be shared out."""
    ends = [(first + i * cells // bins, first - (-(i + 1) * cells // bins)) for i in range(bins)]
    return [(min(max(low, 0), length), min(max(high, 0), length)) for low, high in ends]


def roi_align(
    features: Tensor,
    boxes: Tensor,
    pictures: Tensor,
    *,
    bins: int,
    stride: int,
    samples: int = 2,
    aligned: bool = True,
) -> Tensor:
    """The mean of some samples of each bin, each read between the cells.

    Args:
        features: (B, C, h, w), float32; the value of a cell belongs to its centre.
        boxes: (R, 4) XYXY in pixels of the picture.
        pictures: (R,) which of the B pictures each box lies in.
        bins: P: rows and columns of the answer.
        stride: Pixels of the picture per cell of the map.
        samples: Per side of a bin.
        aligned: False reads half a cell to the right and below, as the first programs did: they
            took the value of a cell to belong to its corner.

    Returns:
        (R, C, P, P).
    """
    cut = [
        _align_one(features[picture], *box.tolist(), points=bins * samples, aligned=aligned)
        for box, picture in zip(boxes / stride, pictures.tolist(), strict=True)
    ]
    if not cut:
        return features.new_zeros(0, features.shape[1], bins, bins)
    return F.avg_pool2d(torch.stack(cut), samples)  # the mean of each bin's samples


def _align_one(
    maps: Tensor, x0: float, y0: float, x1: float, y1: float, *, points: int, aligned: bool
) -> Tensor:
    """(C, h, w) to (C, S, S): what is read at as many evenly spaced points a side; in cells."""
    width, height = x1 - x0, y1 - y0
    if aligned:
        x0, y0 = x0 - 0.5, y0 - 0.5  # the centre of cell 0 lies half a cell from the border
    else:
        width, height = max(width, 1.0), max(height, 1.0)
    steps = [(i + 0.5) / points for i in range(points)]
    read = [
        _between(maps, y0 + down * height, x0 + along * width) for down in steps for along in steps
    ]
    return torch.stack(read, 1).view(-1, points, points)


def _between(maps: Tensor, y: float, x: float) -> Tensor:
    """(C, h, w) to (C,): bilinear among the four cells around; 0 more than a cell outside."""
    height, width = maps.shape[1:]
    if not (-1 <= y <= height and -1 <= x <= width):
        return maps.new_zeros(len(maps))
    y, x = min(max(y, 0.0), height - 1.0), min(max(x, 0.0), width - 1.0)
    top, left = int(y), int(x)
    bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, along = y - top, x - left
    above = maps[:, top, left] * (1 - along) + maps[:, top, right] * along
    below = maps[:, bottom, left] * (1 - along) + maps[:, bottom, right] * along
    mixed: Tensor = above * (1 - down) + below * down
    return mixed


def ramp(size_hw: tuple[int, int]) -> Tensor:
    """A map (1, 1, h, w) whose value is its column: what is cut out of it says from where."""
    height, width = size_hw
    return torch.arange(width, dtype=torch.float32).expand(1, 1, height, width)
