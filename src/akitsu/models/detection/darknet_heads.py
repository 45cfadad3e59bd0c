"""What the last layers of Darknet's detectors mean: boxes, how sure, and of what class.

Each gives rows (B, N, 5 + K): centre x and y, width and height as shares of the picture, the
objectness, and the scores of the K classes, which the objectness is already a factor of.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class GridHead(nn.Module):
    """`[detection]`, YOLO v1 (arXiv:1506.02640).

    The input is all class probabilities, then all confidences, then all boxes.

    Args:
        side: S: cells in a row and in a column.
        classes: K.
        boxes: B: of each cell.
        rooted: Whether the numbers for width and height are the roots of these.
        softmax: Whether class probabilities are.
    """

    def __init__(self, side: int, classes: int, boxes: int, *, rooted: bool, softmax: bool) -> None:
        super().__init__()
        self.side, self.classes, self.boxes = side, classes, boxes
        self.rooted, self.softmax = rooted, softmax

    @property
    def inputs(self) -> int:
        """How many numbers a picture must have."""
        return self.side**2 * (self.classes + 5 * self.boxes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, S² (K + 5 B)) to (B, S² B, 5 + K)."""
        s, k, b = self.side, self.classes, self.boxes
        x = x.flatten(1)
        first, second = s * s * k, s * s * (k + b)
        classes = x[:, :first].reshape(-1, s * s, 1, k)
        if self.softmax:
            classes = classes.softmax(-1)
        sure = x[:, first:second].reshape(-1, s * s, b, 1)
        boxes = x[:, second:].reshape(-1, s * s, b, 4)
        corner = grid((s, s), x.device).reshape(s * s, 1, 2)
        centre = (boxes[..., :2] + corner) / s
        sides = boxes[..., 2:] ** 2 if self.rooted else boxes[..., 2:]
        rows = torch.cat([centre, sides, sure, classes * sure], -1)
        return rows.reshape(-1, s * s * b, 5 + k)


class AnchorHead(nn.Module):
    """`[region]`, YOLOv2 (arXiv:1612.08242), and `[yolo]`, YOLOv3 (arXiv:1804.02767).

    The input has 5 + K channels for each anchor: x, y, w, h, objectness and classes. Centres stay
    in their cell: (s sigmoid(x) - (s - 1) / 2 + column) / columns; sides are the anchor's times e^w
    and e^h.

    Args:
        anchors: Width and height of each, as shares of the picture.
        classes: K.
        softmax: Whether the classes exclude each other; else each has a sigmoid of its own.
        stretch: s, Darknet's `scale_x_y`.
    """

    anchors: Tensor

    def __init__(
        self,
        anchors: Sequence[tuple[float, float]],
        classes: int,
        *,
        softmax: bool,
        stretch: float = 1.0,
    ) -> None:
        super().__init__()
        self.classes, self.softmax, self.stretch = classes, softmax, stretch
        self.register_buffer("anchors", torch.tensor(anchors), persistent=False)

    @property
    def channels(self) -> int:
        """How many the input must have."""
        return len(self.anchors) * (5 + self.classes)

    def forward(self, x: Tensor) -> Tensor:
        """(B, A (5 + K), H, W) to (B, A H W, 5 + K)."""
        height, width = x.shape[2:]
        count = len(self.anchors)
        x = x.reshape(-1, count, 5 + self.classes, height * width).transpose(2, 3)
        cells = x.new_tensor([width, height])
        within = x[..., :2].sigmoid() * self.stretch - (self.stretch - 1) / 2
        centre = (within + grid((height, width), x.device)) / cells
        sides = x[..., 2:4].exp() * self.anchors[:, None]
        sure = x[..., 4:5].sigmoid()
        classes = x[..., 5:].softmax(-1) if self.softmax else x[..., 5:].sigmoid()
        rows = torch.cat([centre, sides, sure, classes * sure], -1)
        return rows.reshape(-1, count * height * width, 5 + self.classes)


def grid(size_hw: tuple[int, int], device: torch.device) -> Tensor:
    """(H W, 2): column and row of each cell, row by row."""
    rows, columns = (torch.arange(side, dtype=torch.float32, device=device) for side in size_hw)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)


Head = GridHead | AnchorHead
