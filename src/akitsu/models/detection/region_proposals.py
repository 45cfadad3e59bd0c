"""The region proposal network: where something may be, whatever it is.

Of *Faster R-CNN* (arXiv:1506.01497), section 3. It slides over a map, and says of each of a few
anchors in every cell how likely it is an object, and how to move it there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.detection.boxes import box_iou, clipped, decode, encode

IGNORED, BACKGROUND, OBJECT = -1, 0, 1
SURE, UNLIKE = 0.7, 0.3
"""Overlap from which an anchor is an object, and below which it is none (section 3.1.2)."""

OVERLAP = 0.7
"""Of two proposals that overlap more, the worse is left out (section 3.3)."""

ANCHORS, ANCHOR_OBJECTS = 64, 32
"""How many anchors a picture learns from, and how many of them may be objects.

The paper's 256 and 128 are for photographs with 20,000 anchors; where a picture has 200, they would
drown the objects in background."""

SHARPNESS = 1 / 9
"""Where the proposer's smooth L1 loss turns from a square to a line (authors' code: sigma 3)."""

LEAST_SIDE = 2.0
"""Pixels; what is narrower or lower is not proposed (16 in the paper's enlarged pictures)."""

CANDIDATES = 400
"""How many boxes enter the suppression."""


def anchors(
    size_hw: tuple[int, int], stride: int, scales: Sequence[float], ratios: Sequence[float]
) -> Tensor:
    """Boxes of a few shapes around the middle of every cell.

    Args:
        size_hw: Rows and columns of the map.
        stride: Pixels per cell, the side of the base anchor.
        scales: How many times the base anchor, for each ratio.
        ratios: Height over width; the sides of the base are rounded to whole pixels, as in the
            authors' code.

    Returns:
        (N, 4) XYXY in pixels: row by row, cell by cell, ratio by ratio, scale by scale.

    Example:
        >>> anchors((1, 1), 16, scales=(8,), ratios=(0.5, 1))
        tensor([[-84., -40., 100.,  56.],
                [-56., -56.,  72.,  72.]])
    """
    shapes = []
    for ratio in ratios:
        width = round(math.sqrt(stride**2 / ratio))
        height = round(width * ratio)
        shapes += [(width * scale, height * scale) for scale in scales]
    half = torch.tensor(shapes, dtype=torch.float32) / 2
    rows, columns = ((torch.arange(cells) + 0.5) * stride for cells in size_hw)
    y, x = torch.meshgrid(rows, columns, indexing="ij")
    middles = torch.stack([x, y], -1).view(-1, 1, 2)
    return torch.cat([middles - half, middles + half], -1).view(-1, 4)


class Proposer(nn.Module):
    """The region proposal network: at each cell, how likely each anchor is an object, and where.

    Args:
        channels: Of the map.
        stride: Pixels per cell.
        scales, ratios: Of the anchors.
    """

    def __init__(
        self, channels: int, stride: int, scales: Sequence[float], ratios: Sequence[float]
    ) -> None:
        super().__init__()
        self.stride, self.scales, self.ratios = stride, tuple(scales), tuple(ratios)
        shapes = len(self.scales) * len(self.ratios)
        self.slide = nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())
        self.objectness = started(nn.Conv2d(channels, shapes, 1), 0.01)
        self.shift = started(nn.Conv2d(channels, 4 * shapes, 1), 0.01)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, h, w) to objectness logits (B, N) and shifts (B, N, 4), in the anchors' order."""
        slid = self.slide(features)
        # Not len(): it would fix the number of pictures in the graph of a model file.
        objectness = self.objectness(slid).permute(0, 2, 3, 1).flatten(1)
        shifts = self.shift(slid).permute(0, 2, 3, 1).reshape(features.shape[0], -1, 4)
        return objectness.float(), shifts.float()

    def anchors(self, features: Tensor) -> Tensor:
        """(N, 4): those of a map of this size."""
        height, width = features.shape[-2:]
        return anchors((height, width), self.stride, self.scales, self.ratios).to(features.device)


def propose(
    objectness: Tensor, shifts: Tensor, at: Tensor, *, size_hw: tuple[int, int], n: int
) -> tuple[Tensor, Tensor]:
    """The best shifted anchors that do not lie on each other.

    Args:
        objectness: (B, N) logits.
        shifts: (B, N, 4).
        at: (N, 4) the anchors.
        size_hw: Rows and columns of the pictures; boxes are cut off there.
        n: M: how many.

    Returns:
        boxes (B, M, 4) XYXY, best first, and (B, M) whether there is an M-th one.
    """
    scores, best = objectness.sigmoid().topk(min(CANDIDATES, objectness.shape[1]), 1)
    shifts = shifts.gather(1, best[..., None].expand(-1, -1, 4))
    boxes = clipped(decode(shifts, at[best]), size_hw)
    wide = (boxes[..., 2:] - boxes[..., :2] >= LEAST_SIDE).all(-1)
    scores = torch.where(wide & apart(boxes, scores * wide, size_hw=size_hw), scores, -1.0)
    scores, best = scores.topk(min(n, scores.shape[1]), 1)
    return boxes.gather(1, best[..., None].expand(-1, -1, 4)), scores >= 0


def apart(boxes: Tensor, scores: Tensor, *, size_hw: tuple[int, int]) -> Tensor:
    """(B, N, 4) and (B, N) to (B, N): which boxes have no better one of their picture upon them."""
    from torchvision.ops import nms  # here: who trains a classifier does without

    if not torch.compiler.is_compiling():
        pairs = zip(boxes, scores, strict=True)
        return torch.stack([_marked(nms(box, score, OVERLAP), score) for box, score in pairs])
    # A graph has no loop over pictures: one call for all of them, side by side, none touching.
    places = torch.arange(boxes.shape[0], device=boxes.device).view(-1, 1, 1) * (max(size_hw) + 1)
    flat = scores.flatten()
    return _marked(nms((boxes + places).flatten(0, 1), flat, OVERLAP), flat).view_as(scores)


def _marked(indices: Tensor, like: Tensor) -> Tensor:
    """(M,) to (N,): true at the indices."""
    return torch.zeros_like(like).scatter(0, indices, torch.ones_like(indices).to(like)) > 0


def proposer_targets(at: Tensor, boxes: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """What each anchor should say (section 3.1.2).

    Args:
        at: (N, 4) the anchors.
        boxes: (B, T, 4) XYXY in pixels.
        labels: (B, T), -1 where there is no T-th box.

    Returns:
        kinds (B, N): `OBJECT`, `BACKGROUND` or `IGNORED`; owners (B, N): the box that it overlaps
        most, for its shift.
    """
    overlap = box_iou(at, boxes).masked_fill((labels < 0)[:, None], 0)
    most, owners = overlap.max(-1)
    kinds = torch.full_like(owners, IGNORED)
    kinds[most < UNLIKE] = BACKGROUND
    # After the line above: a box that no anchor fits still has its best ones, ties included.
    best_of_a_box = (overlap == overlap.amax(1, keepdim=True)) & (overlap > 0)
    kinds[best_of_a_box.any(-1) | (most >= SURE)] = OBJECT
    return kinds, owners


def some(of: Tensor, n: int | Tensor) -> Tensor:
    """(B, N) true or false to the same with at most n true in a row, drawn at random.

    Args:
        of: Among these.
        n: One number, or (B, 1).
    """
    keys = torch.rand(of.shape, device=of.device) * of
    rank = keys.argsort(1, descending=True).argsort(1)
    return of & (rank < n)


def sampled(objects: Tensor, background: Tensor, *, n: int, most: int) -> tuple[Tensor, Tensor]:
    """(B, N) each to the same: at most `most` objects, filled with background up to n."""
    chosen = some(objects, most)
    return chosen, some(background, n - chosen.sum(1, keepdim=True))


def proposer_losses(
    objectness: Tensor, shifts: Tensor, at: Tensor, *, boxes: Tensor, labels: Tensor
) -> dict[str, Tensor]:
    """Of the first look, each over the number of anchors that learn (equation 1).

    Args:
        objectness: (B, N) logits.
        shifts: (B, N, 4).
        at: (N, 4) the anchors.
        boxes, labels: (B, T, 4) and (B, T), T at least 1.
    """
    kinds, owners = proposer_targets(at, boxes, labels)
    objects, background = sampled(
        kinds == OBJECT, kinds == BACKGROUND, n=ANCHORS, most=ANCHOR_OBJECTS
    )
    learns = objects | background
    picture, place = objects.nonzero(as_tuple=True)
    wanted = encode(boxes[picture, owners[picture, place]], at[place])
    count = learns.sum().clamp(min=1)
    said, true = objectness[learns], objects[learns].to(objectness)
    off = F.smooth_l1_loss(shifts[objects], wanted, reduction="sum", beta=SHARPNESS)
    return {
        "proposal_score": F.binary_cross_entropy_with_logits(said, true, reduction="sum") / count,
        "proposal_box": off / count,
    }


def started(layer: nn.Conv2d | nn.Linear, deviation: float) -> nn.Module:
    """Small normal weights and no bias at first (section 3.1.3)."""
    nn.init.normal_(layer.weight, std=deviation)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
