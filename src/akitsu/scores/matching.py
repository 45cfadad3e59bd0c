"""Which detection found which box: COCO's greedy matching within one picture and one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# .50, .55, … .95, as COCO spells them: a detection counts if its overlap is at least this.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# A picture's best hundred of each class are judged (COCO's `maxDets`).
MOST_DETECTIONS = 100


@dataclass(frozen=True)
class Matches:
    """The verdict on D detections of one class in one picture, best score first.

    Attributes:
        scores: (D,) falling.
        right: (T, D) bool: found a box that no better detection had found, at each IoU threshold.
        ignored: (T, D) bool: lies on a difficult box, and is neither right nor wrong.
        boxes: Number of boxes to be found; difficult ones are not among them.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    boxes: int


def match(
    detected: NDArray[np.floating],
    scores: NDArray[np.floating],
    *,
    boxes: NDArray[np.floating],
    difficult: NDArray[np.bool_],
) -> Matches:
    """Match the detections of one class in one picture with its boxes, greedily by score.

    Each detection takes the box that it overlaps most among those still free; a difficult box is
    taken only if no other will do, and may be taken by many (as in the VOC protocol).

    Args:
        detected: (D, 4) XYXY.
        scores: (D,) in any order; among equals the earlier goes first.
        boxes: (N, 4) XYXY truth.
        difficult: (N,) boxes that need not be found.
    """
    order = np.argsort(-scores, kind="stable")[:MOST_DETECTIONS]
    shape = len(IOU_THRESHOLDS), len(order)
    right, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    overlaps = iou(detected[order], boxes)
    free = np.ones((shape[0], len(boxes)), np.bool_)
    rows = np.arange(shape[0])
    for d in np.flatnonzero((overlaps >= IOU_THRESHOLDS[0]).any(1)):
        best = _best(overlaps[d], free=free, difficult=difficult)
        matched = best >= 0
        ignored[:, d] = matched & difficult[best]
        right[:, d] = matched & ~difficult[best]
        free[rows[right[:, d]], best[right[:, d]]] = False
    return Matches(scores[order].astype(np.float64), right, ignored, int((~difficult).sum()))


def _best(
    overlap: NDArray[np.float64], *, free: NDArray[np.bool_], difficult: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(T,) the box that one detection takes at each threshold, -1 for none."""
    enough = free & (overlap >= IOU_THRESHOLDS[:, None])
    # Any easy box goes before any difficult one: IoU is at most 1, so 2 puts them a storey higher.
    rank = np.where(enough, overlap + 2.0 * ~difficult, -1.0)
    # COCO takes the last among equals, `argmax` the first: look from behind.
    last = rank.shape[1] - 1 - rank[:, ::-1].argmax(1)
    return np.where(enough.any(1), last, -1)


def iou(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """Intersection over union of every pair.

    Args:
        one: (D, 4) XYXY, half-open.
        other: (N, 4) XYXY, half-open.

    Returns:
        (D, N); 0 where both are empty.

    Example:
        >>> iou(np.array([[0, 0, 10, 10]]), np.array([[5, 0, 15, 10], [20, 0, 30, 10]]))
        array([[0.33333333, 0.        ]])
    """
    a, b = one.astype(np.float64)[:, None], other.astype(np.float64)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = sides.clip(0).prod(-1)
    covered = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - shared
    overlaps: NDArray[np.float64] = np.zeros_like(shared)
    np.divide(shared, covered, out=overlaps, where=covered > 0)
    return overlaps
