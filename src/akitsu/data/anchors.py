"""The shapes of a set's boxes in a few groups: anchors to begin with (arXiv:1612.08242, section 2).

K-means with 1 - IoU as its distance, so that a small box counts as much as a large one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akitsu.data.sample import Dataset
from akitsu.errors import DataError
from akitsu.runtime.letterbox import fit_boxes, plan

STARTS, ROUNDS = 8, 300
Distance = Literal["iou", "squared"]


@dataclass(frozen=True)
class Anchors:
    """Shapes of boxes.

    Attributes:
        sides: (k, 2) width and height, the smallest area first, in the unit of the boxes.
        mean_iou: Of all boxes with the anchor nearest in shape, their corners together; 0-1.
    """

    sides: NDArray[np.float64]
    mean_iou: float


def shape_iou(sides: ArrayLike, others: ArrayLike) -> NDArray[np.float64]:
    """(N, 2) and (M, 2) widths and heights to (N, M): the IoU of boxes that share a corner.

    Example:
        >>> shape_iou([[2, 4]], [[2, 4], [4, 2], [1, 1]]).round(3)
        array([[1.   , 0.333, 0.125]])
    """
    one, other = np.asarray(sides, np.float64)[:, None], np.asarray(others, np.float64)[None]
    shared = np.minimum(one, other).prod(-1)
    iou: NDArray[np.float64] = shared / (one.prod(-1) + other.prod(-1) - shared)
    return iou


def mean_iou(sides: ArrayLike, anchors: ArrayLike) -> float:
    """How well anchors (k, 2) stand for boxes (N, 2): the mean IoU with the nearest in shape."""
    return float(shape_iou(sides, anchors).max(1).mean())


def cluster(
    sides: ArrayLike, k: int, *, seed: int = 0, starts: int = STARTS, distance: Distance = "iou"
) -> Anchors:
    """The best of several runs of k-means from boxes drawn at random.

    Args:
        sides: (N, 2) width and height, above 0.
        k: Anchors.
        seed: Of the draws.
        starts: Runs.
        distance: "iou" is 1 - IoU, "squared" the usual one, for comparison.

    Raises:
        DataError: If there are fewer shapes than anchors, or a side is not above 0.
    """
    shapes = np.asarray(sides, np.float64).reshape(-1, 2)
    if not (shapes > 0).all():
        raise DataError("a box without an area", do="let akitsu doctor find it")
    different = np.unique(shapes, axis=0)
    if not 1 <= k <= len(different):
        what = f"{len(different)} different shapes of boxes do not make {k} anchors"
        raise DataError(what, do=f"ask for 1 to {len(different)}")
    generator = np.random.default_rng(seed)
    found = [
        _settled(shapes, different[generator.choice(len(different), k, replace=False)], distance)
        for _ in range(starts)
    ]
    best = max(found, key=lambda anchors: mean_iou(shapes, anchors))
    return Anchors(best[best.prod(1).argsort()], mean_iou(shapes, best))


def _settled(
    shapes: NDArray[np.float64], anchors: NDArray[np.float64], distance: Distance
) -> NDArray[np.float64]:
    """Move each anchor to the mean of its boxes until no box changes hands."""
    owners = np.full(len(shapes), -1)
    for _ in range(ROUNDS):
        if distance == "iou":
            nearest = shape_iou(shapes, anchors).argmax(1)
        else:
            nearest = np.square(shapes[:, None] - anchors).sum(-1).argmin(1)
        if (nearest == owners).all():
            break
        owners = nearest
        # One that lost all its boxes stays where it is.
        anchors = np.array(
            [
                shapes[owners == place].mean(0) if (owners == place).any() else anchor
                for place, anchor in enumerate(anchors)
            ]
        )
    return anchors


def sides_of(dataset: Dataset, *, input_hw: tuple[int, int]) -> NDArray[np.float64]:
    """(N, 2) width and height of all boxes, in pixels of an input that pictures are fitted into.

    Raises:
        DataError: If the set's answers are no boxes.
    """
    found = [np.zeros((0, 2))]
    for index in range(len(dataset)):
        sample = dataset[index]
        if sample.boxes is None:
            raise DataError("this set has no boxes", do="name one whose labels are boxes")
        height, width = sample.image.shape[:2]
        boxes = fit_boxes(sample.boxes, plan((height, width), input_hw)).astype(np.float64)
        found.append(boxes[:, 2:] - boxes[:, :2])
    sides = np.concatenate(found)
    return sides[(sides > 0).all(1)]
