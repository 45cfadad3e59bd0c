"""YOLO v1: one network reads the whole picture once and writes all boxes (arXiv:1506.02640).

The picture is a grid of S x S cells. The cell in which an object's centre lies is responsible for
it: it says of what class the object is, and B boxes, each with a confidence that should equal its
overlap with the object.

Two small networks are called Tiny YOLO. The author's file of today has a normalisation after every
convolution and one dense layer; that of 2015, which the source notes of this project ran in
Chainer, has biases and three dense layers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.detection.boxes import box_iou, to_cxcywh, to_xyxy
from akitsu.models.detection.detector import (
    DETECTIONS,
    Detected,
    OnePassDetector,
    best_pairs,
    summed,
)
from akitsu.models.registry import register

SLOPE = 0.1
COORDINATES, NO_OBJECT = 5.0, 0.5
"""Weights of the loss (equation 3): most cells are empty, and would drown the few that are not."""

LEAST_SIDE = 0.005
"""As a share of the picture's: the author's program learns from no object that is smaller."""

BOXES = 2

TINY_WIDTHS = (16, 32, 64, 128, 256, 512)
SMALL_WIDTHS = (16, 32, 64, 128)
FULL = (
    # Maps and side of the window, and "max" for a pooling by 2 (figure 3).
    *((192, 3), "max"),
    *((128, 1), (256, 3), (256, 1), (512, 3), "max"),
    *((256, 1), (512, 3)) * 4,
    *((512, 1), (1024, 3), "max"),
    *((512, 1), (1024, 3)) * 2,
)


def convolution(
    in_channels: int, out_channels: int, size: int, *, stride: int = 1, normalised: bool = False
) -> list[nn.Module]:
    """A convolution with a leaky ReLU, and a normalisation between the two if it is wanted."""
    layer = nn.Conv2d(
        in_channels, out_channels, size, stride, padding=size // 2, bias=not normalised
    )
    nn.init.kaiming_normal_(layer.weight, a=SLOPE)
    between = [nn.BatchNorm2d(out_channels)] if normalised else []
    return [layer, *between, nn.LeakyReLU(SLOPE)]


def halving() -> nn.MaxPool2d:
    """Rows and columns to half, rounded up."""
    return nn.MaxPool2d(2, 2, ceil_mode=True)


class YoloV1(OnePassDetector):
    """A network whose last layer is dense, and what its numbers mean.

    Args:
        body: (B, C, H, W) to (B, S² (K + 5 B)); it takes pictures of one size alone.
        classes: K.
        input_hw: That size, in rows and columns.
        grid_hw: Rows and columns of cells; for a square picture both are the paper's S.
        boxes: B, of each cell.
        no_object: Weight of the confidences that should be 0.
    """

    corners: Tensor

    def __init__(
        self,
        body: nn.Sequential,
        *,
        classes: int,
        input_hw: tuple[int, int],
        grid_hw: tuple[int, int],
        boxes: int = BOXES,
        no_object: float = NO_OBJECT,
    ) -> None:
        super().__init__()
        self.body, self.classes, self.boxes = body, classes, boxes
        self.input_hw, self.grid_hw, self.no_object = input_hw, grid_hw, no_object
        self.register_buffer("corners", _corners(grid_hw), persistent=False)

    def raw(self, images: Tensor) -> tuple[Tensor]:
        """(B, C, H, W) to (B, S² (K + 5 B)): classes, confidences, boxes of all cells in turn."""
        return (self.body(images).float(),)

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Equation 3, the mean over the pictures; each part already has its weight.

        A cell learns one object. In training chance chooses which, otherwise the first is taken.
        """
        if self.training:
            order = torch.rand(labels.shape, device=labels.device).argsort(1)
            boxes = boxes.gather(1, order[..., None].expand_as(boxes))
            labels = labels.gather(1, order)
        height, width = self.input_hw
        truths = to_cxcywh(boxes) / boxes.new_tensor([width, height, width, height])
        taken, truths, labels = one_a_cell(truths, labels, grid_hw=self.grid_hw)
        classes, confidences, numbers = self.parts(raw[0])
        found = self.shares(numbers).detach()
        overlaps = box_iou(to_xyxy(found), to_xyxy(truths)[:, :, None])[..., 0]
        responsible = nearest_box(found, truths, overlaps) & taken[..., None]

        wanted = self.numbers(truths)[:, :, None]
        coordinates = (numbers - wanted).square().sum(-1)[responsible].sum()
        certain = (confidences - overlaps).square()[responsible].sum()
        empty = confidences.square()[~responsible].sum()
        kinds = F.one_hot(labels.clamp(min=0), self.classes)
        wrong = (classes - kinds).square().sum(-1)[taken].sum()
        parts = {
            "coordinates": COORDINATES * coordinates,
            "object": certain,
            "no_object": self.no_object * empty,
            "class": wrong,
        }
        return summed({name: part / len(labels) for name, part in parts.items()})

    def decode(self, images: Tensor, *, detections: int = DETECTIONS) -> Detected:
        """The best pairs of a box and a class; no activation holds a score between 0 and 1.

        Args:
            images: (B, C, H, W) normalised pictures.
            detections: M: how many are given back, if there are so many.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
        classes, confidences, numbers = self.parts(self.raw(images)[0])
        pairs = (confidences[..., None] * classes[:, :, None]).flatten(1, 2)
        height, width = self.input_hw
        boxes = to_xyxy(self.shares(numbers).flatten(1, 2))
        boxes = boxes * boxes.new_tensor([width, height] * 2)
        return best_pairs(boxes, pairs, most=detections)

    def parts(self, outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Class probabilities (B, S², K), confidences (B, S², B) and boxes (B, S², B, 4)."""
        cells = math.prod(self.grid_hw)
        first, second = cells * self.classes, cells * (self.classes + self.boxes)
        return (
            outputs[:, :first].reshape(-1, cells, self.classes),
            outputs[:, first:second].reshape(-1, cells, self.boxes),
            outputs[:, second:].reshape(-1, cells, self.boxes, 4),
        )

    def shares(self, numbers: Tensor) -> Tensor:
        """Box outputs (B, S², B, 4) to centre, width and height as shares of the picture.

        The network writes the roots of width and height, so that the same error weighs more in a
        small box (section 2.2).
        """
        rows, columns = self.grid_hw
        cells = numbers.new_tensor([columns, rows])
        centres = (numbers[..., :2] + self.corners[:, None]) / cells
        return torch.cat([centres, numbers[..., 2:].square()], -1)

    def numbers(self, shares: Tensor) -> Tensor:
        """What a cell should write for a box (B, S², 4) in shares of the picture."""
        rows, columns = self.grid_hw
        centres = shares[..., :2] * shares.new_tensor([columns, rows]) - self.corners
        return torch.cat([centres, shares[..., 2:].clamp(min=0).sqrt()], -1)


def one_a_cell(
    truths: Tensor, labels: Tensor, *, grid_hw: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """The object that each cell learns: the first whose centre lies in it.

    Args:
        truths: (B, N, 4) centre, width and height as shares of the picture.
        labels: (B, N), -1 where there is none.
        grid_hw: Rows and columns of cells.

    Returns:
        (B, S²) whether there is one; (B, S², 4) and (B, S²) the box and label, of any object where
        there is none.
    """
    rows, columns = grid_hw
    # One more that is no object, for a batch without any.
    truths, labels = F.pad(truths, (0, 0, 0, 1)), F.pad(labels, (0, 1), value=-1)
    count = labels.shape[1]
    there = (labels >= 0) & (truths[..., 2:] >= LEAST_SIDE).all(-1)
    column = (truths[..., 0] * columns).long().clamp(0, columns - 1)
    row = (truths[..., 1] * rows).long().clamp(0, rows - 1)
    cells = torch.where(there, row * columns + column, rows * columns)  # one behind the last
    order = torch.arange(count, device=labels.device).expand_as(labels)
    owners = order.new_full((len(labels), rows * columns + 1), count)
    owners = owners.scatter_reduce(1, cells, order, "amin")[:, :-1]
    taken, owners = owners < count, owners.clamp(max=count - 1)
    boxes = truths.gather(1, owners[..., None].expand(-1, -1, 4))
    return taken, boxes, labels.gather(1, owners)


def nearest_box(found: Tensor, truths: Tensor, overlaps: Tensor) -> Tensor:
    """Which of a cell's boxes is responsible: that of the highest overlap.

    Where none overlaps, it is that with the smallest difference of coordinates, as in the author's
    program; the paper says nothing of it.

    Args:
        found: (B, S², B, 4) shares of the picture.
        truths: (B, S², 4).
        overlaps: (B, S², B) of the two.

    Returns:
        (B, S², B), true once in each cell.
    """
    apart = (found - truths[:, :, None]).square().sum(-1)
    touching = overlaps.amax(-1) > 0
    chosen = torch.where(touching, overlaps.argmax(-1), apart.argmin(-1))
    return F.one_hot(chosen, overlaps.shape[-1]).bool()


@register("yolo-v1", task="detection", paper="arXiv:1506.02640", year=2016)
def yolo_v1(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (448, 448),
    boxes: int = BOXES,
    no_object: float = NO_OBJECT,
) -> nn.Module:
    """The 24 convolutions and two dense layers of figure 3: (B, C, H, W) to (B, S² (K + 5 B)).

    S = ceil(side / 64), 7 at 448 pixels. There is no normalisation: from random weights it learns
    slowly, and the paper trained the first 20 layers on ImageNet. 271,703,550 parameters at C=3,
    K=20, 448 x 448.
    """
    layers = [*convolution(in_channels, 64, 7, stride=2), halving()]
    channels = 64
    for step in FULL:
        if isinstance(step, str):
            layers.append(halving())
            continue
        width, size = step
        layers += convolution(channels, width, size)
        channels = width
    layers += convolution(1024, 1024, 3) + convolution(1024, 1024, 3, stride=2)
    layers += convolution(1024, 1024, 3) + convolution(1024, 1024, 3)
    grid_hw = _grid_hw(input_hw, 64)
    layers += [nn.Flatten(), nn.Linear(1024 * math.prod(grid_hw), 4096), nn.LeakyReLU(SLOPE)]
    layers.append(nn.Dropout(0.5))
    return _ended(
        layers,
        4096,
        classes=classes,
        input_hw=input_hw,
        grid_hw=grid_hw,
        boxes=boxes,
        no_object=no_object,
    )


@register("tiny-yolo-v1", task="detection", paper="arXiv:1506.02640", year=2016)
def tiny_yolo_v1(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (448, 448),
    boxes: int = BOXES,
    no_object: float = NO_OBJECT,
) -> nn.Module:
    """Darknet's yolov1-tiny.cfg, eight convolutions: (B, C, H, W) to (B, S² (K + 5 B)).

    S = ceil(side / 64), 7 at 448 pixels. 27,095,374 parameters at C=3, K=20, 448 x 448.
    """
    layers = _pooled(in_channels, TINY_WIDTHS, normalised=True)
    layers += convolution(512, 1024, 3, normalised=True)
    layers += convolution(1024, 256, 3, normalised=True)
    grid_hw = _grid_hw(input_hw, 64)
    layers.append(nn.Flatten())
    return _ended(
        layers,
        256 * math.prod(grid_hw),
        classes=classes,
        input_hw=input_hw,
        grid_hw=grid_hw,
        boxes=boxes,
        no_object=no_object,
    )


@register("tiny-yolo-v1-2015", task="detection", paper="arXiv:1506.02640", year=2016)
def tiny_yolo_v1_2015(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (448, 448),
    boxes: int = BOXES,
    no_object: float = NO_OBJECT,
) -> nn.Module:
    """The first Tiny YOLO, nine convolutions with biases: (B, C, H, W) to (B, S² (K + 5 B)).

    S = ceil(side / 64), 7 at 448 pixels. Its released weights want pictures from -1 to 1.
    45,089,374 parameters at C=3, K=20, 448 x 448.
    """
    layers = _pooled(in_channels, TINY_WIDTHS, normalised=False)
    for channels in (512, 1024, 1024):
        layers += convolution(channels, 1024, 3)
    grid_hw = _grid_hw(input_hw, 64)
    layers += [nn.Flatten(), nn.Linear(1024 * math.prod(grid_hw), 256), nn.LeakyReLU(SLOPE)]
    layers += [nn.Linear(256, 4096), nn.LeakyReLU(SLOPE)]
    return _ended(
        layers,
        4096,
        classes=classes,
        input_hw=input_hw,
        grid_hw=grid_hw,
        boxes=boxes,
        no_object=no_object,
    )


@register("small-yolo-v1", task="detection", paper="arXiv:1506.02640", year=2016)
def small_yolo_v1(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (64, 64),
    boxes: int = BOXES,
    no_object: float = NO_OBJECT,
) -> nn.Module:
    """Tiny YOLO for small pictures, five convolutions: (B, C, H, W) to (B, S² (K + 5 B)).

    S = ceil(side / 16). It learns in a minute what `akitsu check yolo-v1` asks. 241,312 parameters
    at C=3, K=3, 64 x 64.
    """
    layers = _pooled(in_channels, SMALL_WIDTHS, normalised=True)
    layers += convolution(SMALL_WIDTHS[-1], 32, 3, normalised=True)
    grid_hw = _grid_hw(input_hw, 16)
    layers.append(nn.Flatten())
    return _ended(
        layers,
        32 * math.prod(grid_hw),
        classes=classes,
        input_hw=input_hw,
        grid_hw=grid_hw,
        boxes=boxes,
        no_object=no_object,
    )


def _pooled(in_channels: int, widths: tuple[int, ...], *, normalised: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [*convolution(in_channels, width, 3, normalised=normalised), halving()]
        in_channels = width
    return layers


def _ended(
    layers: list[nn.Module],
    inputs: int,
    *,
    classes: int,
    input_hw: tuple[int, int],
    grid_hw: tuple[int, int],
    boxes: int,
    no_object: float,
) -> YoloV1:
    """The network of these layers and a dense one behind them that writes all numbers."""
    last = nn.Linear(inputs, math.prod(grid_hw) * (classes + 5 * boxes))
    return YoloV1(
        nn.Sequential(*layers, last),
        classes=classes,
        input_hw=input_hw,
        grid_hw=grid_hw,
        boxes=boxes,
        no_object=no_object,
    )


def _grid_hw(input_hw: tuple[int, int], stride: int) -> tuple[int, int]:
    height, width = input_hw
    return -(-height // stride), -(-width // stride)


def _corners(grid_hw: tuple[int, int]) -> Tensor:
    """(S², 2): column and row of each cell, row by row."""
    rows, columns = (torch.arange(side, dtype=torch.float32) for side in grid_hw)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2)
