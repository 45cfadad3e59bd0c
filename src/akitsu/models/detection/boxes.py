"""The arithmetic of boxes that detectors share: overlap, and the code of a box at an anchor."""

from __future__ import annotations

import math

import torch
from torch import Tensor

MOST_STRETCH = math.log(1000 / 16)
"""A decoded side is at most 62.5 anchors long: beyond it `exp` would run away in early training."""


def box_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """The shared area over the covered area, for each pair of boxes.

    torchvision's gives NaN for two boxes without area; here they share nothing.

    Args:
        boxes: (..., N, 4) XYXY.
        others: (..., M, 4) XYXY.

    Returns:
        (..., N, M), 0–1.
    """
    one, other = boxes[..., :, None, :], others[..., None, :, :]
    sides = torch.minimum(one[..., 2:], other[..., 2:]) - torch.maximum(
        one[..., :2], other[..., :2]
    )
    shared = sides.clamp(min=0).prod(-1)
    covered = area(one) + area(other) - shared
    return shared / covered.clamp(min=torch.finfo(shared.dtype).tiny)


def area(boxes: Tensor) -> Tensor:
    """(..., 4) XYXY to (...); 0 for a box that is turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).prod(-1)


def to_cxcywh(boxes: Tensor) -> Tensor:
    """(..., 4) XYXY to centre x, centre y, width, height."""
    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], -1)


def to_xyxy(boxes_cxcywh: Tensor) -> Tensor:
    """(..., 4) centre x, centre y, width, height to XYXY."""
    centre, half = boxes_cxcywh[..., :2], boxes_cxcywh[..., 2:] / 2
    return torch.cat([centre - half, centre + half], -1)


def encode(boxes: Tensor, anchors: Tensor) -> Tensor:
    """A box as the shift from its anchor (R-CNN, arXiv:1311.2524, appendix C, equations 6-9).

    Args:
        boxes: (..., 4) XYXY with an area.
        anchors: (..., 4) XYXY with an area, one a box.

    Returns:
        (..., 4): shift of the centre in anchor sides, logarithm of the sides' ratio.
    """
    box, anchor = to_cxcywh(boxes), to_cxcywh(anchors)
    shift = (box[..., :2] - anchor[..., :2]) / anchor[..., 2:]
    return torch.cat([shift, torch.log(box[..., 2:] / anchor[..., 2:])], -1)


def decode(codes: Tensor, anchors: Tensor) -> Tensor:
    """The boxes of `encode`'s codes.

    Args:
        codes: (..., 4); the last two are cut at ln(1000/16).
        anchors: (..., 4) XYXY.

    Returns:
        (..., 4) XYXY.
    """
    anchor = to_cxcywh(anchors)
    centre = anchor[..., :2] + codes[..., :2] * anchor[..., 2:]
    sides = anchor[..., 2:] * codes[..., 2:].clamp(max=MOST_STRETCH).exp()
    return to_xyxy(torch.cat([centre, sides], -1))


def clipped(boxes: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """(..., 4) XYXY, cut off at the border of a picture of so many rows and columns."""
    height, width = size_hw
    low, most = boxes.new_zeros(4), boxes.new_tensor([width, height, width, height])
    return torch.minimum(torch.maximum(boxes, low), most)
