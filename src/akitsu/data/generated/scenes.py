"""Scenes that draw themselves: handwritten digits before clutter, with exact boxes and masks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.generated.clutter import clutter, contrasting_colour
from akitsu.data.sample import Sample
from akitsu.errors import DataError, require

SIZE_HW = (96, 128)
MOST_DIGITS = 5
SIDE_PX = (12, 40)
"""The side of a digit's square; the ink in it is a little smaller."""

MOST_TURN_DEG = 20

INK = 0.5
"""A pixel belongs to a digit from half ink on: where boxes and masks end."""

MOST_HIDDEN = 0.4
"""A digit is not placed where this share of it, or of another one, would be hidden."""

TRIES = 8

COUNTS = {"train": (800, 0), "val": (160, 1)}
"""Pictures and seed of each split."""

BOX_CLASSES = [str(digit) for digit in range(10)]
MASK_CLASSES = ["background", *BOX_CLASSES]


@dataclass(frozen=True)
class Handwriting:
    """Handwritten digits to draw with.

    Attributes:
        ink: (N, 8, 8) float32, 0 paper to 1 ink.
        labels: (N,) int64, the digit.
    """

    ink: NDArray[np.float32]
    labels: NDArray[np.int64]


def handwriting(split: str) -> Handwriting:
    """Scikit-learn's digits: those of even index for "train", of odd index otherwise.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
    """
    ink, labels = _all_handwriting()
    half = slice(0 if split == "train" else 1, None, 2)
    return Handwriting(ink[half], labels[half])


def scenes(
    n: int, *, seed: int, digits: Handwriting, size_hw: tuple[int, int] = SIZE_HW
) -> list[Sample]:
    """Draw `n` scenes of one to five digits before clutter.

    Args:
        n: How many.
        seed: Of the random generator: the same scenes everywhere.
        digits: The handwriting to draw with.
        size_hw: Rows and columns, at least 40 each.

    Returns:
        Samples with `boxes` (tight around what is visible, in whole pixels), `labels` (the digit,
        0 to 9) and `mask` (0 background, 1 + digit).
    """
    generator = np.random.default_rng(seed)
    return [_scene(generator, digits, size_hw=size_hw, name=f"scene {index}") for index in range(n)]


@dataclass(frozen=True)
class Scenes:
    """A Dataset of drawn scenes that shows either their boxes or their masks."""

    classes: list[str]
    samples: Sequence[Sample]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]


class DrawnScenes(Reader):
    """What the two formats of scenes share: they are drawn, not read."""

    needs_path = False
    classes: ClassVar[list[str]]

    def detects(self, path: Path) -> bool:  # noqa: ARG002 - nothing lies on disk
        """Never: nothing lies on disk."""
        return False

    def splits(self, path: Path | None = None) -> list[str]:  # noqa: ARG002
        """ "train" and "val", of different handwritten digits."""
        return list(COUNTS)

    def read(self, path: Path | None, split: str, options: ReaderOptions) -> Scenes:  # noqa: ARG002
        """Draw 800 scenes for training or 160 for validation.

        Raises:
            DataError: If the split is another, or other classes are asked for.
        """
        require_split(split, self.splits(), path=self.name)
        if options.classes is not None and list(options.classes) != self.classes:
            what = f"the classes of these scenes are {', '.join(self.classes)}"
            raise DataError(what, where=self.name, do="leave data.classes out")
        return Scenes(self.classes, [self.shown(sample) for sample in _drawn(split)])

    def examine(
        self,
        path: Path | None,  # noqa: ARG002
        split: str | None,  # noqa: ARG002
        options: ReaderOptions,  # noqa: ARG002
    ) -> Iterator[Finding]:
        """Nothing to find: the labels come from the drawing itself."""
        return iter(())

    def shown(self, sample: Sample) -> Sample:
        """The sample with the labels of this format only."""
        raise NotImplementedError


@register
class SceneBoxes(DrawnScenes):
    """Where is each digit?"""

    name = "scenes-boxes"
    task = "detection"
    describe = "drawn by akitsu, no files: one to five handwritten digits before clutter, boxes"
    classes = BOX_CLASSES

    def shown(self, sample: Sample) -> Sample:
        """Only the boxes."""
        return Sample(sample.image, sample.name, boxes=sample.boxes, labels=sample.labels,
                      difficult=sample.difficult)  # fmt: skip


@register
class SceneMasks(DrawnScenes):
    """What shape has each digit?"""

    name = "scenes-masks"
    task = "segmentation"
    describe = "drawn by akitsu, no files: one to five handwritten digits before clutter, masks"
    classes = MASK_CLASSES

    def shown(self, sample: Sample) -> Sample:
        """Only the mask."""
        return Sample(sample.image, sample.name, mask=sample.mask)


@cache
def _drawn(split: str) -> tuple[Sample, ...]:
    count, seed = COUNTS[split]
    return tuple(scenes(count, seed=seed, digits=handwriting(split)))


@cache
def _all_handwriting() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    require("sklearn", extra="train", purpose="drawing handwritten digits")
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images / 16).astype(np.float32), bunch.target.astype(np.int64)


@dataclass(frozen=True)
class _Placed:
    """A digit's ink over the whole scene, and its class."""

    ink: NDArray[np.float32]
    label: int

    @property
    def solid(self) -> NDArray[np.bool_]:
        return self.ink >= INK


def _scene(
    generator: np.random.Generator, digits: Handwriting, *, size_hw: tuple[int, int], name: str
) -> Sample:
    image = clutter(generator, size_hw)
    placed: list[_Placed] = []
    owner = np.full(size_hw, -1, np.int64)  # which digit is in front at each pixel
    for _ in range(int(generator.integers(1, MOST_DIGITS + 1))):
        digit = _place(generator, digits, owner, placed)
        if digit is None:
            continue
        owner[digit.solid] = len(placed)
        placed.append(digit)
        colour = contrasting_colour(generator, image[digit.solid])
        alpha = digit.ink[:, :, None]
        image = (image * (1 - alpha) + colour * alpha).astype(np.float32)
    return _sample(image, placed, owner, name=name)


def _place(
    generator: np.random.Generator,
    digits: Handwriting,
    owner: NDArray[np.int64],
    placed: Sequence[_Placed],
) -> _Placed | None:
    """A digit at a place where it hides no other too much, or None after some tries."""
    index = int(generator.integers(len(digits.ink)))
    needed = [(1 - MOST_HIDDEN) * int(digit.solid.sum()) for digit in placed]
    for _ in range(TRIES):
        digit = _Placed(_ink(generator, digits.ink[index], owner.shape), int(digits.labels[index]))
        seen = [int(((owner == i) & ~digit.solid).sum()) for i in range(len(placed))]
        if digit.solid.any() and all(a >= b for a, b in zip(seen, needed, strict=True)):
            return digit
    return None


def _ink(
    generator: np.random.Generator, glyph: NDArray[np.float32], size_hw: tuple[int, ...]
) -> NDArray[np.float32]:
    """The glyph enlarged smoothly, turned, and laid somewhere wholly inside the scene."""
    height, width = size_hw
    side = float(generator.uniform(*SIDE_PX))
    turn = math.radians(float(generator.uniform(-MOST_TURN_DEG, MOST_TURN_DEG)))
    # Half the turned square's width: nearer to the border, ink could leave the scene.
    reach = side / 2 * (math.cos(turn) + abs(math.sin(turn)))
    x = float(generator.uniform(reach, width - reach))
    y = float(generator.uniform(reach, height - reach))
    scale = side / glyph.shape[0]
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    middle = (glyph.shape[0] - 1) / 2  # warpAffine counts from pixel centres
    matrix = np.array(
        [
            [cosine, -sine, x - 0.5 - middle * (cosine - sine)],
            [sine, cosine, y - 0.5 - middle * (sine + cosine)],
        ]
    )
    ink = cv2.warpAffine(glyph, matrix, (width, height), flags=cv2.INTER_CUBIC)
    return np.asarray(ink, np.float32).clip(0, 1)


def _sample(
    image: NDArray[np.float32], placed: Sequence[_Placed], owner: NDArray[np.int64], *, name: str
) -> Sample:
    labels = np.array([digit.label for digit in placed], np.int64)
    boxes = [_tight_box(owner == index) for index in range(len(placed))]
    mask = np.zeros(owner.shape, np.uint8)
    for index, label in enumerate(labels):
        mask[owner == index] = 1 + label
    return Sample(
        image.round().clip(0, 255).astype(np.uint8),
        name,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        labels=labels,
        difficult=np.zeros(len(placed), np.bool_),
        mask=mask,
    )


def _tight_box(solid: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns = np.flatnonzero(solid.any(axis=0))
    rows = np.flatnonzero(solid.any(axis=1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
