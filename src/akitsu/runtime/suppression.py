"""Non-maximum suppression (of several boxes on one object the best stays) and boxes' overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akitsu.errors import ShapeError


def non_maximum_suppression(
    boxes: ArrayLike,
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    iou_threshold: float,
    max_detections: int,
) -> NDArray[np.int64]:
    """Which boxes stay when, class by class, each best box removes the worse ones upon it.

    Args:
        boxes: (N, 4) XYXY; N may be 0.
        scores: (N,), any numbers; of equal ones the first in line is the better.
        labels: (N,) class indices; boxes of different classes never remove each other.
        iou_threshold: An overlap above it removes the worse box, 0 to 1.
        max_detections: At most so many stay, the best over all classes.

    Returns:
        (M,) indices into `boxes`, best score first.

    Raises:
        ShapeError: If the lengths differ or `boxes` is not (N, 4).

    Example:
        >>> boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [50, 50, 60, 60]]
        >>> non_maximum_suppression(
        ...     boxes, [0.8, 0.9, 0.3], [0, 0, 0], iou_threshold=0.5, max_detections=9
        ... )
        array([1, 2])
    """
    boxes, scores, labels = _checked(boxes), np.asarray(scores), np.asarray(labels)
    if not len(boxes) == len(scores) == len(labels):
        raise ShapeError(
            f"{len(boxes)} boxes, {len(scores)} scores and {len(labels)} labels",
            do="pass one score and one label per box",
        )
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting) and len(kept) < max_detections:
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        overlaps = box_iou(boxes[best : best + 1], boxes[waiting])[0]
        waiting = waiting[(overlaps <= iou_threshold) | (labels[waiting] != labels[best])]
    return np.array(kept, np.int64)


def box_iou(boxes: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """The shared area over the covered area, for each pair of boxes.

    Args:
        boxes: (N, 4) XYXY, half-open.
        others: (M, 4) likewise.

    Returns:
        (N, M), 0 to 1; 0 also where both boxes are empty.

    Raises:
        ShapeError: If either is not (…, 4).

    Example:
        >>> box_iou([[0, 0, 10, 10]], [[5, 0, 15, 10], [20, 20, 30, 30]])
        array([[0.33333333, 0.        ]])
    """
    boxes, others = _checked(boxes), _checked(others)
    corner = np.maximum(boxes[:, None, :2], others[None, :, :2])
    opposite = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = (opposite - corner).clip(0).prod(axis=2)
    covered = _area(boxes)[:, None] + _area(others)[None] - shared
    overlaps = np.zeros(shared.shape)
    np.divide(shared, covered, out=overlaps, where=covered > 0)
    return overlaps


def _area(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    area: NDArray[np.float64] = (boxes[:, 2:] - boxes[:, :2]).clip(0).prod(axis=1)
    return area


def _checked(boxes: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(boxes, np.float64)
    if array.ndim != 2 or array.shape[1] != 4:
        raise ShapeError(f"boxes have shape {array.shape}", do="pass x1, y1, x2, y2 per box")
    return array
