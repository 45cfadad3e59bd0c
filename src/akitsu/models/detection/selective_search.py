"""Selective search: boxes that may hold an object, of whatever class (Uijlings et al., IJCV 2013).

A picture falls apart into small regions of one colour (Felzenszwalb and Huttenlocher, IJCV 2004,
from scikit-image). The two most similar neighbours are joined again and again until one region is
left; the box of every region on the way is a proposal. Several colour spaces and measures of
similarity make several such hierarchies.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ShapeError, require

SMOOTHING = 0.8  # sigma of the blur before the first regions are sought, in pixels
COLOUR_BINS, TEXTURE_BINS, DIRECTIONS = 25, 10, 8
LEAST_SIDE = 20  # pixels
Number = TypeVar("Number", np.float64, np.int64)
COLOURS = {"hsv": cv2.COLOR_RGB2HSV_FULL, "lab": cv2.COLOR_RGB2LAB}


@dataclass(frozen=True)
class Hierarchy:
    """One way to group.

    Attributes:
        colours: The space in which regions are compared, "hsv" or "lab".
        scale: k of the first regions: the larger, the larger are they, in pixels at the least.
        by_colour: Whether similarity counts colour besides texture, size and fill.
    """

    colours: str = "hsv"
    scale: int = 100
    by_colour: bool = True


FAST = tuple(Hierarchy(*choice) for choice in product(COLOURS, (50, 100), (True, False)))
"""The authors' quicker setting: eight hierarchies."""


def selective_search(
    image: NDArray[np.uint8],
    *,
    hierarchies: Sequence[Hierarchy] = FAST,
    least_side: int = LEAST_SIDE,
    seed: int = 0,
) -> NDArray[np.float32]:
    """Propose boxes, the likelier ones first.

    The authors enlarge or shrink a picture to a width of 500 pixels before; so small ones as these
    tests have are better left as they are, with a smaller `least_side`.

    Args:
        image: (H, W, 3) uint8 RGB.
        hierarchies: As many ways to group.
        least_side: Boxes narrower or lower than so many pixels are left out.
        seed: Of the chance in the order: a box's rank from the top of its hierarchy times a random
            number, so that no hierarchy stands before the others.

    Returns:
        (N, 4) XYXY, no two alike.

    Raises:
        ShapeError: If the picture is no such array.
        MissingExtraError: If scikit-image is not installed.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ShapeError(
            f"the picture is {image.dtype} of shape {image.shape}", do="pass (H, W, 3) uint8 RGB"
        )
    generator = np.random.default_rng(seed)
    found, ranks = [np.empty((0, 4), np.int64)], [np.empty(0)]
    for hierarchy in hierarchies:
        boxes = group(image, hierarchy)[::-1]
        found.append(boxes)
        ranks.append(np.arange(1, len(boxes) + 1) * generator.random(len(boxes)))
    boxes = np.concatenate(found)[np.argsort(np.concatenate(ranks), kind="stable")]
    boxes = boxes[((boxes[:, 2:] - boxes[:, :2]) >= least_side).all(1)]
    _, first = np.unique(boxes, axis=0, return_index=True)
    return boxes[np.sort(first)].astype(np.float32)


def group(image: NDArray[np.uint8], hierarchy: Hierarchy) -> NDArray[np.int64]:
    """The boxes of one hierarchy: first the small regions, then every joined one, the whole last.

    Returns:
        (2R - 1, 4) XYXY in whole pixels, of R first regions.
    """
    require("skimage", extra="train", purpose="selective search")
    from skimage.segmentation import felzenszwalb

    picture = cv2.cvtColor(image, COLOURS[hierarchy.colours]) / 255
    scale = hierarchy.scale
    labels = felzenszwalb(picture, scale=scale, sigma=SMOOTHING, min_size=scale, channel_axis=-1)
    regions = _Regions(picture, labels, by_colour=hierarchy.by_colour)
    waiting = [(-regions.similarity(a, b), a, b) for a, b in _touching(labels)]
    heapq.heapify(waiting)
    while waiting:
        _, a, b = heapq.heappop(waiting)
        if a in regions.neighbours and b in regions.neighbours:
            # Only the pairs of the new region are new: the search stays far from cubic.
            new = regions.join(a, b)
            for other in regions.neighbours[new]:
                heapq.heappush(waiting, (-regions.similarity(other, new), other, new))
    return regions.boxes


class _Regions:
    """All regions, those joined already too, and which of those that are left touch.

    Attributes:
        boxes: (2R - 1, 4) XYXY.
        neighbours: Of each region that is left, the others that it touches.
    """

    def __init__(
        self, picture: NDArray[np.float64], labels: NDArray[np.int64], *, by_colour: bool
    ) -> None:
        count = int(labels.max()) + 1
        self.next, self.area = count, labels.size
        self.by_colour = by_colour
        self.neighbours: dict[int, set[int]] = {each: set() for each in range(count)}
        for a, b in _touching(labels):
            self.neighbours[a].add(b)
            self.neighbours[b].add(a)
        self.sizes = self._room(np.bincount(labels.ravel(), minlength=count).astype(np.float64))
        self.boxes = self._room(_boxes(labels, count))
        self.colour = self._room(_histograms(picture, labels, bins=COLOUR_BINS))
        self.texture = self._room(_histograms(_edges(picture), labels, bins=TEXTURE_BINS))

    def similarity(self, a: int, b: int) -> float:
        """Equations 2 to 5 of the paper; each part is from 0 to 1."""
        both = self.sizes[a] + self.sizes[b]
        low = np.minimum(self.boxes[a, :2], self.boxes[b, :2])
        high = np.maximum(self.boxes[a, 2:], self.boxes[b, 2:])
        covered = float((high - low).prod())
        alike = float(np.minimum(self.texture[a], self.texture[b]).sum())
        if self.by_colour:
            alike += float(np.minimum(self.colour[a], self.colour[b]).sum())
        return alike + float(1 - both / self.area) + float(1 - (covered - both) / self.area)

    def join(self, a: int, b: int) -> int:
        """Make one region of two, and return its number."""
        new, self.next = self.next, self.next + 1
        around = (self.neighbours.pop(a) | self.neighbours.pop(b)) - {a, b}
        for other in around:
            self.neighbours[other] -= {a, b}
            self.neighbours[other].add(new)
        self.neighbours[new] = around
        low = np.minimum(self.boxes[a, :2], self.boxes[b, :2])
        high = np.maximum(self.boxes[a, 2:], self.boxes[b, 2:])
        self.boxes[new] = np.concatenate([low, high])
        parts = self.sizes[[a, b]]
        self.sizes[new] = parts.sum()
        for histograms in (self.colour, self.texture):
            histograms[new] = parts @ histograms[[a, b]] / parts.sum()
        return new

    def _room(self, first: NDArray[Number]) -> NDArray[Number]:
        """With rows for the regions to come."""
        return np.concatenate([first, np.zeros_like(first[:-1])])


def _touching(labels: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Pairs of regions with pixels side by side, the smaller number first, in order."""
    pairs = [
        np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], 1),
        np.stack([labels[:-1].ravel(), labels[1:].ravel()], 1),
    ]
    both = np.sort(np.concatenate(pairs), 1)
    different = np.unique(both[both[:, 0] != both[:, 1]], axis=0)
    return [(int(a), int(b)) for a, b in different]


def _boxes(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    rows, columns = np.indices(labels.shape)
    boxes = np.zeros((count, 4), np.int64)
    boxes[:, :2] = max(labels.shape)
    flat = labels.ravel()
    for axis, places in enumerate((columns.ravel(), rows.ravel())):
        np.minimum.at(boxes[:, axis], flat, places)
        np.maximum.at(boxes[:, axis + 2], flat, places + 1)
    return boxes


def _histograms(
    channels: NDArray[np.float64], labels: NDArray[np.int64], *, bins: int
) -> NDArray[np.float64]:
    """(R, C * bins), each row summing to 1 (equation 2): values from 0 to 1, channel by channel."""
    count, depth = int(labels.max()) + 1, channels.shape[2]
    places = np.minimum((channels * bins).astype(np.int64), bins - 1)
    places += np.arange(depth) * bins + labels[..., None] * depth * bins
    counted = np.bincount(places.ravel(), minlength=count * depth * bins)
    rows = counted.reshape(count, -1)
    shares: NDArray[np.float64] = rows / rows.sum(1, keepdims=True)
    return shares


def _edges(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """(H, W, 8 C) Gaussian derivatives (sigma 1) in eight directions, as a part of the greatest."""
    from scipy.ndimage import gaussian_filter

    down = gaussian_filter(picture, (1, 1, 0), order=(1, 0, 0))
    right = gaussian_filter(picture, (1, 1, 0), order=(0, 1, 0))
    angles = np.arange(DIRECTIONS) * (2 * np.pi / DIRECTIONS)
    each = [np.cos(angle) * right + np.sin(angle) * down for angle in angles]
    edges = np.concatenate(each, axis=2).clip(0)
    greatest: NDArray[np.float64] = edges.max((0, 1))
    return edges / np.maximum(greatest, np.finfo(np.float64).tiny)
