"""Which detection found which box: greedy matching within one picture and one class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.scores.rules import COCO, Rule

# .50, .55, … .95, as COCO spells them: a detection counts if its overlap is at least this.
IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)


@dataclass(frozen=True)
class Verdicts:
    """What is said of D detections of one class in one picture, best score first.

    Attributes:
        scores: (D,) falling.
        right: (T, D) bool: found a box that no better detection had found, at each IoU threshold.
        ignored: (T, D) bool: lies on a difficult box, or is not asked for: neither right nor wrong.
        boxes: Number of boxes to be found; difficult ones are not among them.
    """

    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    boxes: int


@dataclass(frozen=True)
class Matches(Verdicts):
    """The same, with what lies behind it.

    Attributes:
        rows: (D,) which of the detections that were given each of these is.
        found: (D,) the box that it found at the lowest IoU threshold, -1 for none.
    """

    rows: NDArray[np.int64]
    found: NDArray[np.int64]


def match(
    detected: NDArray[np.floating],
    scores: NDArray[np.floating],
    *,
    boxes: NDArray[np.floating],
    difficult: NDArray[np.bool_],
    rule: Rule = COCO,
    areas: tuple[float, float] | None = None,
) -> Matches:
    """Match the detections of one class in one picture with its boxes, greedily by score.

    By COCO's rule each detection takes the box that it overlaps most among those still free; a box
    that is not asked for is taken only if no other will do. By VOC's rule it is judged by the box
    that it overlaps most, be that taken or difficult. Difficult boxes may be taken by many.

    Args:
        detected: (D, 4) XYXY.
        scores: (D,) in any order; among equals the earlier goes first.
        boxes: (N, 4) XYXY truth.
        difficult: (N,) boxes that need not be found.
        rule: Whose way of matching.
        areas: Ask only for boxes with an area in this range, both ends included; a detection of
            another area is no mistake. None asks for all.
    """
    order = np.argsort(-scores, kind="stable")[: rule.most]
    detected = detected[order]
    shape = len(IOU_THRESHOLDS), len(order)
    right, ignored = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    overlaps = iou(detected, boxes)
    unasked = difficult if areas is None else difficult | _outside(boxes, areas)
    free = np.ones((shape[0], len(boxes)), np.bool_)
    rows = np.arange(shape[0])
    taken, found = np.zeros(shape, np.bool_), np.full(len(order), -1)
    for d in np.flatnonzero((overlaps >= IOU_THRESHOLDS[0]).any(1)):
        if rule.only_free:
            best = _best_free(overlaps[d], free=free, unasked=unasked)
        else:
            best = np.where(overlaps[d].max() >= IOU_THRESHOLDS, overlaps[d].argmax(), -1)
        taken[:, d] = best >= 0
        first = taken[:, d] & free[rows, best]
        ignored[:, d] = taken[:, d] & unasked[best]
        right[:, d] = first & ~unasked[best]
        used = first & ~difficult[best]
        free[rows[used], best[used]] = False
        found[d] = best[0] if right[0, d] else -1
    if areas is not None:
        ignored |= ~taken & _outside(detected, areas)
    sorted_scores = scores[order].astype(np.float64)
    return Matches(sorted_scores, right, ignored, int((~unasked).sum()), order, found)


def _best_free(
    overlap: NDArray[np.float64], *, free: NDArray[np.bool_], unasked: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """(T,) the box that one detection takes at each threshold, -1 for none."""
    enough = free & (overlap >= IOU_THRESHOLDS[:, None])
    # Any box that is asked for goes first: IoU is at most 1, so 2 puts it a storey higher.
    rank = np.where(enough, overlap + 2.0 * ~unasked, -1.0)
    # COCO takes the last among equals, `argmax` the first: look from behind.
    last = rank.shape[1] - 1 - rank[:, ::-1].argmax(1)
    return np.where(enough.any(1), last, -1)


def _outside(boxes: NDArray[np.floating], areas: tuple[float, float]) -> NDArray[np.bool_]:
    area = area_of(boxes)
    return (area < areas[0]) | (area > areas[1])


def area_of(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) areas of (N, 4) XYXY boxes, half-open."""
    exact = boxes.astype(np.float64)
    area: NDArray[np.float64] = (exact[:, 2:] - exact[:, :2]).prod(-1)
    return area


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
    covered = area_of(one)[:, None] + area_of(other)[None] - shared
    overlaps: NDArray[np.float64] = np.zeros_like(shared)
    np.divide(shared, covered, out=overlaps, where=covered > 0)
    return overlaps
