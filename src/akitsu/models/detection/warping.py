"""Proposals as a network wants them: cut out with some context, and warped to one square."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE, CONTEXT = 227, 16  # pixels of AlexNet's input, and how many of them lie around the box


def warp(
    image: NDArray[np.uint8],
    boxes: NDArray[np.floating],
    *,
    side: int = SIDE,
    context: int = CONTEXT,
    fill: NDArray[np.uint8] | int = 0,
) -> NDArray[np.uint8]:
    """Warp boxes of a picture to squares (R-CNN, arXiv:1311.2524, appendix A).

    The context is counted in pixels of the square, after warping: the box fills the inner
    `side - 2 * context`, whatever its size and shape.

    Args:
        image: (H, W, C) uint8.
        boxes: (N, 4) XYXY with an area, inside the picture.
        side: Of the squares, in pixels.
        context: Pixels on each side of a square that lie outside of the box.
        fill: What stands where a box's context leaves the picture: the mean that is subtracted.

    Returns:
        (N, side, side, C) uint8.
    """
    squares = np.empty((len(boxes), side, side, image.shape[2]), np.uint8)
    squares[:] = fill
    height, width = image.shape[:2]
    limits = np.array([width, height] * 2)
    for square, box in zip(squares, boxes.astype(np.float64), strict=True):
        centre, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
        half *= side / (side - 2 * context)
        around = np.concatenate([centre - half, centre + half])
        inside = np.clip(np.round(around), 0, limits).astype(int)
        # A sliver of less than a pixel has the pixel that it lies in.
        inside[:2] = np.minimum(inside[:2], limits[:2] - 1)
        inside[2:] = np.maximum(inside[2:], inside[:2] + 1)
        left, top, right, bottom = _places(inside, around, side=side)
        x0, y0, x1, y1 = inside
        cut = image[y0:y1, x0:x1]
        shrinks = (right - left) * (bottom - top) < cut.shape[0] * cut.shape[1]
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        resized = cv2.resize(cut, (right - left, bottom - top), interpolation=how)
        square[top:bottom, left:right] = resized.reshape(bottom - top, right - left, -1)
    return squares


def _places(
    inside: NDArray[np.int64], around: NDArray[np.float64], *, side: int
) -> tuple[int, int, int, int]:
    """Where in the square the part of it that lies in the picture belongs."""
    corner, sides = np.tile(around[:2], 2), np.tile(around[2:] - around[:2], 2)
    places = np.round((inside - corner) / sides * side).clip(0, side).astype(int)
    left, top, right, bottom = places.tolist()
    return left, top, right, bottom
