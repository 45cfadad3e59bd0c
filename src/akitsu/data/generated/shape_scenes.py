"""Squares, discs and triangles on noise: what the claims of the detectors are tried on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.data.sample import Sample

CLASSES = ["square", "disc", "triangle"]
LEVEL, GRAIN, TINT, NOISE = 0.45, 0.08, 0.1, 0.04
MOST_OVERLAP = 0.3
"""A new shape may cover so much of an older one's width and height at once, and no more."""

TRIES = 20


@dataclass(frozen=True)
class Kind:
    """How difficult scenes are.

    Attributes:
        side: Rows and columns of a picture, in pixels.
        widths: Narrowest and widest shape, in pixels; between them as many at each octave.
        most: Shapes in a picture: one to so many.
    """

    side: int = 64
    widths: tuple[int, int] = (8, 32)
    most: int = 4


DEFAULT = Kind()
EASY = Kind(widths=(12, 32), most=2)
WIDE = Kind(side=96, widths=(8, 80), most=3)


@dataclass(frozen=True)
class ShapeScenes:
    """A Dataset of `n` scenes, each drawn when it is asked for.

    Attributes:
        n: How many.
        seed: Of the random generators: the same scenes everywhere.
        kind: How difficult.
    """

    n: int
    seed: int
    kind: Kind = DEFAULT

    @property
    def classes(self) -> list[str]:
        """The three shapes."""
        return CLASSES

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.n:
            raise IndexError(index)
        generator = np.random.default_rng((self.seed, index))
        return _scene(generator, self.kind, name=f"scene {index}")

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(self.n))


def _scene(generator: np.random.Generator, kind: Kind, *, name: str) -> Sample:
    side = kind.side
    canvas = generator.normal(LEVEL, GRAIN, (side, side, 3)) + generator.uniform(-TINT, TINT, 3)
    boxes: list[NDArray[np.float64]] = []
    labels: list[int] = []
    for _ in range(int(generator.integers(1, kind.most + 1))):
        box = _free_box(generator, kind, boxes)
        if box is None:
            continue
        label = int(generator.integers(len(CLASSES)))
        canvas[inside(label, box, side)] = _colour(generator)
        boxes.append(box)
        labels.append(label)
    canvas += generator.normal(0, NOISE, canvas.shape)
    return Sample(
        image=(canvas.clip(0, 1) * 255).round().astype(np.uint8),
        name=name,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=np.array(labels, np.int64),
    )


def _free_box(
    generator: np.random.Generator, kind: Kind, taken: list[NDArray[np.float64]]
) -> NDArray[np.float64] | None:
    """A box in whole pixels that hides none of the others, or None after many tries."""
    least, most = kind.widths
    for _ in range(TRIES):
        width = math.exp(generator.uniform(math.log(least), math.log(most)))
        height = float(np.clip(width * math.exp(generator.uniform(-0.5, 0.5)), least, most))
        sides = np.array([round(width), round(height)], np.float64)
        corner = np.floor(generator.uniform(0, 1, 2) * (kind.side - sides + 1))
        box = np.concatenate([corner, corner + sides])
        if not any(_hides(box, other) for other in taken):
            return box
    return None


def _hides(box: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    shared = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return bool((shared > MOST_OVERLAP * (other[2:] - other[:2])).all())


def inside(label: int, box: NDArray[np.floating], side: int) -> NDArray[np.bool_]:
    """(side, side): the pixels whose centre lies in the shape, also where another one hides it."""
    rows, columns = np.mgrid[:side, :side] + 0.5
    x = (columns - box[0]) / (box[2] - box[0])
    y = (rows - box[1]) / (box[3] - box[1])
    in_box: NDArray[np.bool_] = (x > 0) & (x < 1) & (y > 0) & (y < 1)
    if CLASSES[label] == "disc":
        in_box &= (x - 0.5) ** 2 + (y - 0.5) ** 2 <= 0.25
    if CLASSES[label] == "triangle":  # its tip in the middle of the upper side
        in_box &= abs(x - 0.5) <= y / 2
    return in_box


def _colour(generator: np.random.Generator) -> NDArray[np.float64]:
    """Any colour with one channel at an end, so that it stands out."""
    colour = generator.uniform(0, 1, 3)
    colour[generator.integers(3)] = generator.integers(2)
    return colour
