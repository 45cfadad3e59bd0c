"""Scenes that draw themselves: handwritten digits before clutter, with exact boxes and masks."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.generated.clutter import clutter, contrasting_colour
from akitsu.data.generated.handwriting import (
    INK,
    Handwriting,
    Pose,
    handwriting,
    lay_ink,
    reach,
    tight_box,
)
from akitsu.data.sample import Sample
from akitsu.errors import DataError, ShapeError

SIZE_HW = (96, 128)
MOST_DIGITS = 5
SIDE_PX = (20, 40)
"""The side of a digit's square; the ink in it is a little smaller."""

MOST_TURN_DEG = 20
LEAST_SIDE = 52

MOST_HIDDEN = 0.4
"""A digit is not placed where this share of it, or of another one, would be hidden."""

TRIES = 8

COUNTS = {"train": (800, 0), "val": (160, 1)}
"""Pictures and seed of each split."""

BOX_CLASSES = [str(digit) for digit in range(10)]
MASK_CLASSES = ["background", "digit"]
"""Which digit it is, boxes ask already; the masks ask for its shape, which minutes can teach."""


def scenes(
    n: int, *, seed: int, digits: Handwriting, size_hw: tuple[int, int] = SIZE_HW
) -> list[Sample]:
    """Draw `n` scenes of one to five digits before clutter.

    Args:
        n: How many.
        seed: Of the random generator: the same scenes everywhere.
        digits: The handwriting to draw with.
        size_hw: Rows and columns, at least 52 each: a turned digit of 40 pixels is so wide.

    Returns:
        Samples with `boxes` (tight around what is visible, in whole pixels), `labels` (the digit,
        0 to 9) and `mask` (0 background, 1 + digit).

    Raises:
        ShapeError: If the size is too small.
    """
    if min(size_hw) < LEAST_SIDE:
        what = f"a scene of {size_hw} rows and columns"
        raise ShapeError(what, do=f"make it at least {LEAST_SIDE} on each side")
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

    @abstractmethod
    def shown(self, sample: Sample) -> Sample:
        """The sample with the labels of this format only."""


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
        """Only the mask: ink or not."""
        assert sample.mask is not None
        return Sample(sample.image, sample.name, mask=sample.mask.clip(max=1))


@cache
def _drawn(split: str) -> tuple[Sample, ...]:
    count, seed = COUNTS[split]
    return tuple(scenes(count, seed=seed, digits=handwriting(split)))


@dataclass(frozen=True)
class Drawn:
    """A digit's ink over the whole scene (H, W), and its class."""

    ink: NDArray[np.float32]
    label: int

    @property
    def solid(self) -> NDArray[np.bool_]:
        """Where the digit counts as being: from half ink on."""
        return self.ink >= INK


def _scene(
    generator: np.random.Generator, digits: Handwriting, *, size_hw: tuple[int, int], name: str
) -> Sample:
    image = clutter(generator, size_hw)
    placed: list[Drawn] = []
    owner = np.full(size_hw, -1, np.int64)  # which digit is in front at each pixel
    for _ in range(int(generator.integers(1, MOST_DIGITS + 1))):
        digit = _place(generator, digits, owner, placed)
        if digit is None:
            continue
        owner[digit.solid] = len(placed)
        placed.append(digit)
        image = paint(image, digit.ink, contrasting_colour(generator, image[digit.solid]))
    return _sample(image, placed, owner, name=name)


def _place(
    generator: np.random.Generator,
    digits: Handwriting,
    owner: NDArray[np.int64],
    placed: Sequence[Drawn],
) -> Drawn | None:
    """A digit at a place where it hides no other too much, or None after some tries."""
    index = int(generator.integers(len(digits.ink)))
    needed = [(1 - MOST_HIDDEN) * int(digit.solid.sum()) for digit in placed]
    for _ in range(TRIES):
        pose = random_pose(generator, size_hw=owner.shape)
        ink = lay_ink(digits.ink[index], pose, size_hw=owner.shape)
        digit = Drawn(ink, int(digits.labels[index]))
        seen = [int(((owner == i) & ~digit.solid).sum()) for i in range(len(placed))]
        if digit.solid.any() and all(a >= b for a, b in zip(seen, needed, strict=True)):
            return digit
    return None


def random_pose(generator: np.random.Generator, *, size_hw: tuple[int, ...]) -> Pose:
    """Somewhere wholly inside the picture."""
    height, width = size_hw
    side = float(generator.uniform(*SIDE_PX))
    turn = math.radians(float(generator.uniform(-MOST_TURN_DEG, MOST_TURN_DEG)))
    margin = reach(side, turn)
    x = float(generator.uniform(margin, width - margin))
    y = float(generator.uniform(margin, height - margin))
    return Pose(x, y, side, turn)


def paint(
    image: NDArray[np.float32], ink: NDArray[np.float32], colour: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The image (H, W, 3) with ink (H, W) of one colour (3,) over it."""
    alpha = ink[:, :, None]
    return np.asarray(image * (1 - alpha) + colour * alpha, np.float32)


def _sample(
    image: NDArray[np.float32], placed: Sequence[Drawn], owner: NDArray[np.int64], *, name: str
) -> Sample:
    labels = np.array([digit.label for digit in placed], np.int64)
    boxes = [tight_box(owner == index) for index in range(len(placed))]
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
