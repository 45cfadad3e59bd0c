"""YOLOv2: anchors found by clustering, centres that stay in their cell, finer features passed on.

"YOLO9000: Better, Faster, Stronger" (arXiv:1612.08242), sections 2 to 4. Every cell of the last map
has A anchors; for each the network writes four numbers for the box, one for how sure it is, and one
a class. The loss is that of the author's program: the paper does not write it down.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import RecipeError
from akitsu.models.classification.darknet19 import FIRST, SECOND, Step, convolution, stack
from akitsu.models.detection.boxes import MOST_STRETCH, box_iou, to_cxcywh, to_xyxy
from akitsu.models.detection.darknet_heads import grid
from akitsu.models.detection.darknet_layers import Reorganise
from akitsu.models.detection.detector import (
    DETECTIONS,
    Detected,
    OnePassDetector,
    best_pairs,
    summed,
)
from akitsu.models.detection.wordtree import WordTree
from akitsu.models.registry import register

Anchors = Sequence[Sequence[float]]
Order = Literal["space-to-depth", "darknet"]

COORDINATES, OBJECT, NO_OBJECT, CLASS = 1.0, 5.0, 1.0, 1.0
"""Weights of the parts of the loss."""

GOOD = 0.6
"""What overlaps an object by more may be sure of itself, although another anchor learns it."""

SETTLING, SETTLED = 12_800, 0.01
"""For so many pictures every anchor is pulled to the middle of its cell, with this weight."""


FOUND = 0.3
"""A picture of which the class alone is known makes its box no surer than that."""

# Width and height in cells of 32 pixels, as the author's files have them.
VOC_ANCHORS = (
    (1.3221, 1.73145), (3.19275, 4.00944), (5.05587, 8.09892), (9.47112, 4.84053),
    (11.2364, 10.0071),
)  # fmt: skip
TINY_VOC_ANCHORS = ((1.08, 1.19), (3.42, 4.41), (6.63, 11.38), (9.42, 5.11), (16.62, 10.52))
YOLO9000_ANCHORS = ((0.77871, 1.14074), (3.00525, 4.31277), (9.22725, 9.61974))
# In cells of 8 pixels, for things of 8 to 32.
SMALL_ANCHORS = ((1.3, 1.3), (2.0, 2.0), (3.2, 3.2))

TINY: tuple[Step, ...] = (
    *((16, 3), "max", (32, 3), "max", (64, 3), "max", (128, 3), "max", (256, 3), "max", (512, 3)),
)


class Passthrough(nn.Module):
    """Rows and columns of a finer map into channels, so that it lies on the coarser one.

    Args:
        order: "space-to-depth", or "darknet", whose order the released weights need.
    """

    def __init__(self, order: Order = "space-to-depth") -> None:
        super().__init__()
        if order not in get_args(Order):
            what = f"there is no reorg {order!r}"
            raise RecipeError(
                what, where="model.reorg", do=f"choose {' or '.join(get_args(Order))}"
            )
        self.cut = nn.PixelUnshuffle(2) if order == "space-to-depth" else Reorganise(2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, 4 C, ceil(H/2), ceil(W/2)); an odd side gets a row of zeros."""
        height, width = x.shape[-2:]
        output: Tensor = self.cut(F.pad(x, (0, width % 2, 0, height % 2)))
        return output


class YoloV2(OnePassDetector):
    """Two parts of a trunk, what is passed from the first around the second, and the last layers.

    Args:
        first: (B, C, H, W) to the map that is passed on, of half the stride.
        second: That map to the last one.
        passed: What brings the finer map to the size of the last; None passes nothing.
        head: Both, one behind the other in the channels, to (B, A (5 + K), h, w).
        classes: K.
        anchors: Width and height of each, in cells.
        stride: Pixels of the input in a cell.
        direct: Whether centres stay in their cell (equation of section 2, "Direct location
            prediction"); else they move by anchors' sides without bound, as in Faster R-CNN.
        settling: Pictures for which all anchors are pulled to the middle of their cell.
        tree: How the classes are made of one another; None: they exclude each other.
    """

    anchors: Tensor
    seen: Tensor

    def __init__(
        self,
        first: nn.Module,
        second: nn.Module,
        passed: nn.Module | None,
        head: nn.Module,
        *,
        classes: int,
        anchors: Anchors,
        stride: int,
        direct: bool = True,
        settling: int = SETTLING,
        tree: WordTree | None = None,
    ) -> None:
        super().__init__()
        self.first, self.second, self.passed, self.head = first, second, passed, head
        self.classes, self.stride, self.direct, self.tree = classes, stride, direct, tree
        self.settling = settling
        self.register_buffer("anchors", torch.tensor(require_anchors(anchors)), persistent=False)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def raw(self, images: Tensor) -> tuple[Tensor]:
        """(B, C, H, W) to (B, A (5 + K), h, w)."""
        fine = self.first(images)
        last = self.second(fine)
        if self.passed is not None:
            last = torch.cat([self.passed(fine), last], 1)
        return (self.head(last).float(),)

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The mean over the pictures; each part already has its weight.

        The anchor whose shape is nearest learns an object, in the cell of its centre. Where two
        objects meet in one anchor of one cell, the first is taken.
        """
        (outputs,) = raw
        numbers, size_hw = self.numbers(outputs), outputs.shape[-2:]
        truths = to_cxcywh(boxes) / self.stride
        slots, kept = self.owned(truths, labels, size_hw=size_hw)
        found = self.cells(numbers, size_hw=size_hw).detach().flatten(1, 2)
        overlaps = box_iou(to_xyxy(found), to_xyxy(truths)) * (labels >= 0)[:, None]
        best = overlaps.amax(-1) if labels.shape[1] else overlaps.new_zeros(overlaps.shape[:2])
        responsible = torch.zeros_like(best, dtype=torch.int64)
        responsible = responsible.scatter_add(1, slots, kept.long()) > 0

        flat = numbers.flatten(1, 2)
        sure = flat[..., 4].sigmoid()
        empty = sure.square()[(best <= GOOD) & ~responsible].sum()
        own = flat.gather(1, slots[..., None].expand(-1, -1, flat.shape[-1]))[kept]
        reached = overlaps.gather(1, slots[:, None])[:, 0][kept]
        certain = (own[:, 4].sigmoid() - reached).square().sum()
        area = math.prod(size_hw)
        weight = 2 - truths[..., 2:].prod(-1)[kept] / area
        wanted = self.wanted(truths, slots, size_hw=size_hw)[kept]
        coordinates = (self._placed(own) - wanted).square().sum(-1) * weight
        parts = {
            "coordinates": COORDINATES * coordinates.sum(),
            "object": OBJECT * certain,
            "no_object": NO_OBJECT * empty,
            "class": CLASS * self._wrong(own[:, 5:], labels[kept]),
        }
        if self.training and self.settling:
            parts["settling"] = SETTLED * self._unsettled(flat, responsible)
        return summed({name: part / len(labels) for name, part in parts.items()})

    def label_losses(self, raw: tuple[Tensor, ...], labels: Tensor) -> dict[str, Tensor]:
        """The loss of pictures of which the class is known and not the place (section 4).

        The box that already gives the label the highest score learns the class, and to be a little
        surer; all others learn nothing.

        Args:
            raw: Of `raw`.
            labels: (B,) class indices; of a tree any, leaf or not.
        """
        flat = self.numbers(raw[0]).flatten(1, 2)
        sure, logits = flat[..., 4].sigmoid(), flat[..., 5:]
        shares = logits.softmax(-1) if self.tree is None else self.tree.joint(logits)
        scores = sure * shares.gather(2, labels[:, None, None].expand(-1, flat.shape[1], 1))[..., 0]
        best = scores.argmax(1)
        picture = torch.arange(len(labels), device=labels.device)
        parts = {
            "object": OBJECT * (FOUND - sure[picture, best]).clamp(min=0).square().sum(),
            "class": CLASS * self._wrong(logits[picture, best], labels),
        }
        return summed({name: part / len(labels) for name, part in parts.items()})

    def decode(self, images: Tensor, *, detections: int = DETECTIONS) -> Detected:
        """The best pairs of a box and a class.

        Args:
            images: (B, C, H, W) normalised pictures.
            detections: M: how many are given back, if there are so many.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
        (outputs,) = self.raw(images)
        numbers, size_hw = self.numbers(outputs), outputs.shape[-2:]
        flat = numbers.flatten(1, 2)
        shares = flat[..., 5:].softmax(-1) if self.tree is None else self.tree.walked(flat[..., 5:])
        boxes = to_xyxy(self.cells(numbers, size_hw=size_hw).flatten(1, 2)) * self.stride
        return best_pairs(boxes, flat[..., 4:5].sigmoid() * shares, most=detections)

    def numbers(self, outputs: Tensor) -> Tensor:
        """(B, A (5 + K), h, w) to (B, A, h w, 5 + K): x, y, w, h, how sure, and the classes."""
        height, width = outputs.shape[-2:]
        return outputs.reshape(-1, len(self.anchors), 5 + self.classes, height * width).transpose(
            2, 3
        )

    def cells(self, numbers: Tensor, *, size_hw: tuple[int, int] | torch.Size) -> Tensor:
        """(B, A, h w, 5 + K) to centre, width and height (B, A, h w, 4), all in cells."""
        height, width = size_hw
        corner, sides = grid((height, width), numbers.device), self.anchors[:, None]
        placed = self._placed(numbers)
        moved = placed[..., :2] if self.direct else 0.5 + placed[..., :2] * sides
        stretched = sides * placed[..., 2:].clamp(max=MOST_STRETCH).exp()
        return torch.cat([moved + corner, stretched], -1)

    def owned(
        self, truths: Tensor, labels: Tensor, *, size_hw: tuple[int, int] | torch.Size
    ) -> tuple[Tensor, Tensor]:
        """Which prediction has to learn each object.

        Args:
            truths: (B, N, 4) centre, width and height in cells.
            labels: (B, N), -1 where there is none.
            size_hw: Rows and columns of cells.

        Returns:
            (B, N) its place among the A h w, and (B, N) whether it is learned: not where there is
            none, nor where an earlier one has the same place.
        """
        height, width = size_hw
        shapes = [torch.cat([-s / 2, s / 2], -1) for s in (truths[..., 2:], self.anchors)]
        anchor = box_iou(*shapes).argmax(-1)
        column = truths[..., 0].long().clamp(0, width - 1)
        row = truths[..., 1].long().clamp(0, height - 1)
        slots = (anchor * height + row) * width + column
        there = (labels >= 0) & (truths[..., 2:] > 0).all(-1)
        same = (slots[:, :, None] == slots[:, None]) & there[:, None]
        return slots, there & ~same.tril(-1).any(-1)

    def wanted(
        self, truths: Tensor, slots: Tensor, *, size_hw: tuple[int, int] | torch.Size
    ) -> Tensor:
        """What `_placed` should be for boxes (B, N, 4) in cells, at these places (B, N)."""
        height, width = size_hw
        corner = grid((height, width), truths.device)[slots % (height * width)]
        sides = self.anchors[slots // (height * width)]
        shift = truths[..., :2] - corner
        if not self.direct:
            shift = (shift - 0.5) / sides
        tiny = torch.finfo(truths.dtype).tiny
        return torch.cat([shift, (truths[..., 2:].clamp(min=tiny) / sides).log()], -1)

    def _placed(self, numbers: Tensor) -> Tensor:
        """(..., 4): the centre in its cell (or, without bound, from its middle), and tw, th."""
        centre = numbers[..., :2].sigmoid() if self.direct else numbers[..., :2]
        return torch.cat([centre, numbers[..., 2:4]], -1)

    def _wrong(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.tree is not None:
            return self.tree.loss(logits, labels)
        return F.cross_entropy(logits, labels, reduction="sum")

    def _unsettled(self, flat: Tensor, responsible: Tensor) -> Tensor:
        """How far all others are from their anchors, as long as few pictures were seen."""
        middle = flat.new_tensor([0.5, 0.5, 0, 0]) if self.direct else flat.new_zeros(4)
        distance = (self._placed(flat) - middle).square().sum(-1)[~responsible].sum()
        early = self.seen < self.settling
        self.seen += len(flat)
        return distance * early


def require_anchors(anchors: Anchors) -> list[tuple[float, float]]:
    """Width and height of each.

    Raises:
        RecipeError: If there is none, or one is no pair of positive numbers.
    """
    do = "write pairs of width and height in cells, as akitsu doctor --anchors prints them"
    if not anchors or any(len(each) != 2 or min(each) <= 0 for each in anchors):
        raise RecipeError(f"{anchors!r} are no anchors", where="model.anchors", do=do)
    return [(float(width), float(height)) for width, height in anchors]


def outputs(in_channels: int, classes: int, anchors: Anchors) -> nn.Conv2d:
    """The last layer, a 1 x 1 convolution, which begins close to zero.

    Raises:
        RecipeError: If these are no anchors.
    """
    layer = nn.Conv2d(in_channels, len(require_anchors(anchors)) * (5 + classes), 1)
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


@register("yolo-v2", task="detection", paper="arXiv:1612.08242", year=2017)
def yolo_v2(
    classes: int,
    in_channels: int = 3,
    anchors: Anchors = VOC_ANCHORS,
    reorg: Order = "space-to-depth",
    settling: int = SETTLING,
) -> nn.Module:
    """Darknet-19 without its head, five layers more: (B, C, H, W) to (B, A (5 + K), h, w).

    The stride is 32: h = ceil(H / 32). It takes pictures of every size; 416 x 416 is the paper's.
    50,655,389 parameters at C=3, K=20; 50,962,889 at K=80.

    Args:
        classes: K.
        in_channels: C.
        anchors: Width and height of each in cells of 32 pixels, see `akitsu doctor --anchors`.
        reorg: How the finer map is cut: "space-to-depth", or "darknet" for released weights.
        settling: Pictures for which all anchors are pulled to the middle of their cell.

    Raises:
        RecipeError: If an option does not fit.
    """
    head = nn.Sequential(convolution(1024 + 256, 1024, 3), outputs(1024, classes, anchors))
    second = stack(512, (*SECOND, (1024, 3), (1024, 3)))
    return YoloV2(
        stack(in_channels, FIRST),
        second,
        nn.Sequential(convolution(512, 64, 1), Passthrough(reorg)),
        head,
        classes=classes,
        anchors=anchors,
        stride=32,
        settling=settling,
    )


@register("tiny-yolo-v2", task="detection", paper="arXiv:1612.08242", year=2017)
def tiny_yolo_v2(
    classes: int,
    in_channels: int = 3,
    anchors: Anchors = TINY_VOC_ANCHORS,
    last: int = 1024,
    settling: int = SETTLING,
) -> nn.Module:
    """Darknet's tiny YOLOv2, nine convolutions in one row: (B, C, H, W) to (B, A (5 + K), h, w).

    The stride is 32: h = ceil(H / 32). 15,861,773 parameters at C=3, K=20; COCO's file has
    11,232,057 at K=80 and last=512.

    Args:
        classes: K.
        in_channels: C.
        anchors: Width and height of each in cells of 32 pixels, see `akitsu doctor --anchors`.
        last: Maps of the last layer but one.
        settling: Pictures for which all anchors are pulled to the middle of their cell.

    Raises:
        RecipeError: If an option does not fit.
    """
    # A window of 2 at stride 1; what it misses lies right and below, as in Darknet.
    still = nn.Sequential(nn.ConstantPad2d((0, 1, 0, 1), -math.inf), nn.MaxPool2d(2, 1))
    return YoloV2(
        stack(in_channels, TINY),
        nn.Sequential(still, stack(512, ((1024, 3), (last, 3)))),
        None,
        outputs(last, classes, anchors),
        classes=classes,
        anchors=anchors,
        stride=32,
        settling=settling,
    )


@register("yolo9000", task="detection", paper="arXiv:1612.08242", year=2017)
def yolo9000(
    classes: int,
    in_channels: int = 3,
    anchors: Anchors = YOLO9000_ANCHORS,
    tree: str | Sequence[int] | None = None,
    settling: int = SETTLING,
) -> nn.Module:
    """Darknet-19 with a detector's last layer: (B, C, H, W) to (B, A (5 + K), h, w).

    The stride is 32: h = ceil(H / 32). 48,793,101 parameters at C=3, K=9418.

    Args:
        classes: K.
        in_channels: C.
        anchors: Width and height of each in cells of 32 pixels, see `akitsu doctor --anchors`.
        tree: Of each class the index of the one that it is a kind of, or -1; or a file with a line
            for each: its name, and that index. None: the classes exclude each other.
        settling: Pictures for which all anchors are pulled to the middle of their cell.

    Raises:
        RecipeError: If an option does not fit.
    """
    words = WordTree.read(tree)[1] if isinstance(tree, str) else tree and WordTree(tree)
    if words and len(words.parents) != classes:
        what = f"a tree of {len(words.parents)} classes for a set of {classes}"
        raise RecipeError(what, where="model.tree", do="give every class of the set one place")
    return YoloV2(
        stack(in_channels, FIRST),
        stack(512, SECOND),
        None,
        outputs(1024, classes, anchors),
        classes=classes,
        anchors=anchors,
        stride=32,
        settling=settling,
        tree=words or None,
    )


@register("small-yolo-v2", task="detection", paper="arXiv:1612.08242", year=2017)
def small_yolo_v2(
    classes: int,
    in_channels: int = 3,
    anchors: Anchors = SMALL_ANCHORS,
    passthrough: bool = False,
    direct: bool = True,
    settling: int = 0,
) -> nn.Module:
    """YOLOv2 for small pictures, five convolutions: (B, C, H, W) to (B, A (5 + K), h, w).

    The stride is 8: h = ceil(H / 8). It learns in half a minute what `akitsu check yolo-v2` asks.
    99,240 parameters at C=3, K=3.

    Args:
        classes: K.
        in_channels: C.
        anchors: Width and height of each in cells of 8 pixels, see `akitsu doctor --anchors`.
        passthrough: Whether the map of stride 4 is looked at once more.
        direct: Whether centres stay in their cell.
        settling: Pictures for which all anchors are pulled to the middle of their cell.

    Raises:
        RecipeError: If an option does not fit.
    """
    passed = nn.Sequential(convolution(32, 8, 1), Passthrough()) if passthrough else None
    wide = 64 if passed is None else 64 + 32
    return YoloV2(
        nn.Sequential(convolution(in_channels, 16, 3, 2), convolution(16, 32, 3, 2)),
        nn.Sequential(convolution(32, 64, 3, 2), convolution(64, 64, 3)),
        passed,
        nn.Sequential(convolution(wide, 64, 3), outputs(64, classes, anchors)),
        classes=classes,
        anchors=anchors,
        stride=8,
        direct=direct,
        settling=settling,
    )
