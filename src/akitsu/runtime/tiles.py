"""Small things in large pictures: a frame cut into overlapping tiles, and their answers made one.

The way of SAHI (arXiv:2202.06934): shrunk into the input, a person of 15 pixels would be gone; in a
tile it keeps its pixels. The whole frame is looked at, too, for what is larger than a tile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from akitsu.runtime.results import Detections
from akitsu.runtime.suppression import box_iou, non_maximum_suppression

OVERLAP = 0.25
"""The usual share of a tile that its neighbour shows, too."""
LARGEST_OVERLAP = 0.75
"""With more, a frame would be looked at more than sixteen times."""
EDGE = 2.0
"""Frame pixels; a box that ends so near the inner edge of its tile is taken for a piece."""
PIECE = 0.5
"""Share of a piece's area that has to lie in another box for it to be a piece of that."""
AS_SURE = 0.5
"""Of a piece's score the whole needs so much: a guess of 0.01 is no reason to forget a sure one."""


@dataclass(frozen=True)
class Tile:
    """A part of a frame, in frame pixels; `right` and `bottom` lie outside."""

    left: int
    top: int
    right: int
    bottom: int

    def of(self, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """This part of a frame (H, W, …), not copied."""
        return frame[self.top : self.bottom, self.left : self.right]


def tiles(frame_hw: tuple[int, int], tile_hw: tuple[int, int], overlap: float) -> list[Tile]:
    """The fewest tiles that cover a frame, and the whole frame after them.

    Args:
        frame_hw: Rows and columns of the frame.
        tile_hw: Rows and columns of a tile.
        overlap: Least share of a tile that its neighbour shows, too: what is no larger than it
            is whole in some tile.

    Returns:
        Tiles from the left upper one; a frame that fits into one tile gives itself alone.

    Example:
        >>> [(tile.left, tile.right) for tile in tiles((100, 250), (100, 100), 0.25)]
        [(0, 100), (75, 175), (150, 250), (0, 250)]
    """
    rows, columns = (
        _spread(side, tile, overlap) for side, tile in zip(frame_hw, tile_hw, strict=True)
    )
    whole = Tile(0, 0, frame_hw[1], frame_hw[0])
    parts = [Tile(left, top, right, bottom) for top, bottom in rows for left, right in columns]
    return parts if parts == [whole] else [*parts, whole]


def _spread(side: int, tile: int, overlap: float) -> list[tuple[int, int]]:
    if side <= tile:
        return [(0, side)]
    # In whole pixels: the least overlap rounded up, or half-pixels would let an object slip.
    step = max(tile - ceil(tile * overlap), 1)
    last = side - tile
    number = ceil(last / step)
    return [(last * i // number, last * i // number + tile) for i in range(number + 1)]


def merge(
    results: Sequence[Detections],
    parts: Sequence[Tile],
    *,
    iou_threshold: float,
    max_detections: int,
) -> Detections:
    """What the tiles of one frame say together, in frame pixels.

    Of several boxes on one object the best stays, as inside of a tile. An object that is cut by
    the edge of a tile is whole in its neighbour or in the frame: its piece goes where most of it
    lies in another box of its class that is no piece, and about as sure.

    Args:
        results: One a tile, in pixels of the tile.
        parts: The tiles; the last is the whole frame if there are several.
        iou_threshold: An overlap above it removes the worse box.
        max_detections: At most so many stay.
    """
    whole = parts[-1]
    boxes = np.concatenate(
        [
            result.boxes + np.array([part.left, part.top] * 2, np.float32)
            for result, part in zip(results, parts, strict=True)
        ]
    )
    is_piece = np.concatenate(
        [_is_cut(result.boxes, part, whole) for result, part in zip(results, parts, strict=True)]
    )
    scores = np.concatenate([result.scores for result in results])
    labels = np.concatenate([result.labels for result in results])
    keep = ~(is_piece & _lies_in_a_whole(boxes, scores, labels, is_piece))
    boxes, scores, labels = boxes[keep], scores[keep], labels[keep]
    best = non_maximum_suppression(
        boxes, scores, labels, iou_threshold=iou_threshold, max_detections=max_detections
    )
    return Detections(results[0].classes, boxes[best], scores[best], labels[best])


def _is_cut(boxes: NDArray[np.float32], part: Tile, whole: Tile) -> NDArray[np.bool_]:
    """Which boxes (N, 4) of a tile end at an edge of it that is none of the frame."""
    width, height = part.right - part.left, part.bottom - part.top
    at_edge = np.stack(
        [
            (boxes[:, 0] < EDGE) & (part.left > 0),
            (boxes[:, 1] < EDGE) & (part.top > 0),
            (boxes[:, 2] > width - EDGE) & (part.right < whole.right),
            (boxes[:, 3] > height - EDGE) & (part.bottom < whole.bottom),
        ]
    )
    return np.asarray(at_edge.any(axis=0))


def _lies_in_a_whole(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    is_piece: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Which boxes lie for the most part in a whole box of their class that is about as sure."""
    wholes = boxes[~is_piece]
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    area_of_whole = (wholes[:, 2:] - wholes[:, :2]).prod(axis=1)
    overlap = box_iou(boxes, wholes)
    # Of the overlap and both areas follows the shared area: s = o (a + b) / (1 + o).
    shared = overlap * (area[:, None] + area_of_whole) / (1 + overlap)
    same = labels[:, None] == labels[~is_piece]
    sure = scores[~is_piece] >= AS_SURE * scores[:, None]
    inside: NDArray[np.bool_] = ((shared >= PIECE * area[:, None]) & same & sure).any(axis=1)
    return inside
