"""Handwritten digits to draw with: scikit-learn's 1,797, half of which training never sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import require
from akitsu.runtime.threads import opencv

INK = 0.5
"""A pixel belongs to a digit from half ink on: where boxes and masks end."""

GLYPH_PX = 8
FULL_INK = 16


@dataclass(frozen=True)
class Handwriting:
    """Handwritten digits.

    Attributes:
        ink: (N, 8, 8) float32, 0 paper to 1 ink.
        labels: (N,) int64, the digit.
    """

    ink: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Pose:
    """Where and how a glyph lies in a picture.

    Attributes:
        x: Centre, in pixels from the left edge.
        y: Centre, in pixels from the upper edge.
        side: Side of the glyph's square, in pixels.
        turn: In radians, against the clock.
    """

    x: float
    y: float
    side: float
    turn: float

    @property
    def reach(self) -> float:
        """Half the width of the turned square: a centre nearer to the border may lose ink."""
        return reach(self.side, self.turn)


def handwriting(split: str) -> Handwriting:
    """Scikit-learn's digits: those of even index for "train", of odd index otherwise.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
    """
    everything = all_handwriting()
    half = slice(0 if split == "train" else 1, None, 2)
    return Handwriting(everything.ink[half], everything.labels[half])


@cache
def all_handwriting() -> Handwriting:
    """All 1,797 digits (UCI "Optical Recognition of Handwritten Digits", its test part).

    Raises:
        MissingExtraError: If scikit-learn is not installed.
    """
    require("sklearn", extra="train", purpose="drawing handwritten digits")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    ink = (bunch.images / FULL_INK).astype(np.float32)
    return Handwriting(ink, bunch.target.astype(np.int64))


def reach(side: float, turn: float) -> float:
    """Half the width of a square of `side` pixels that is turned by `turn` radians."""
    return side / 2 * (abs(math.cos(turn)) + abs(math.sin(turn)))


def lay_ink(
    glyph: NDArray[np.float32], pose: Pose, *, size_hw: tuple[int, ...]
) -> NDArray[np.float32]:
    """The glyph enlarged smoothly, turned and laid into a picture of nothing.

    Args:
        glyph: (8, 8) ink.
        pose: Where it lies.
        size_hw: Rows and columns of the picture.

    Returns:
        (H, W) float32 ink, 0 to 1.
    """
    height, width = size_hw
    scale = pose.side / GLYPH_PX
    cosine, sine = scale * math.cos(pose.turn), scale * math.sin(pose.turn)
    # warpAffine counts from pixel centres: 0.5 less than from edges, on both sides.
    middle = (GLYPH_PX - 1) / 2
    x = pose.x - 0.5 - middle * (cosine + sine)
    y = pose.y - 0.5 - middle * (cosine - sine)
    matrix = np.array([[cosine, sine, x], [-sine, cosine, y]])
    ink = opencv().warpAffine(glyph, matrix, (width, height), flags=opencv().INTER_CUBIC)
    return np.asarray(ink, np.float32).clip(0, 1)


def tight_box(solid: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """The smallest XYXY box, in whole pixels, around all True pixels, of which there is one."""
    columns = np.flatnonzero(solid.any(axis=0))
    rows = np.flatnonzero(solid.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
