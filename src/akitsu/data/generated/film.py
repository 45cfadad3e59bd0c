"""A film of digits that move before one background, with the true boxes of every frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.data.generated.clutter import clutter, contrasting_colour
from akitsu.data.generated.handwriting import INK, Pose, handwriting, lay_ink, tight_box
from akitsu.data.generated.scenes import MOST_HIDDEN, SIZE_HW, paint, random_pose
from akitsu.errors import OutputError
from akitsu.files import whole_file
from akitsu.runtime.threads import opencv

FRAMES_A_SECOND = 10
DIGITS = 3
SPEED_PX = 2.0
"""Pixels of the drawing that a digit moves from frame to frame."""

ENLARGED = 3
"""Pixels of the film to one of the drawing: what is drawn like a scene looks like a video."""


@dataclass(frozen=True)
class FilmFrame:
    """What one frame shows.

    Attributes:
        boxes: (N, 4) float32 XYXY pixels of the film; digits hidden by more than 40 % are left
            out.
        labels: (N,) int64: the digits.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class _Actor:
    """A digit, its colour and its course."""

    glyph: NDArray[np.float32]
    label: int
    colour: NDArray[np.float32]
    pose: Pose
    step_xy: tuple[float, float]

    def moved(self, size_hw: tuple[int, int]) -> _Actor:
        """One frame later; it bounces off the border."""
        x, dx = _bounce(self.pose.x, self.step_xy[0], self.pose.reach, size_hw[1])
        y, dy = _bounce(self.pose.y, self.step_xy[1], self.pose.reach, size_hw[0])
        return replace(self, pose=replace(self.pose, x=x, y=y), step_xy=(dx, dy))


def film(path: Path, *, seconds: float, seed: int) -> list[FilmFrame]:
    """Write an .mp4 of three moving digits that training has not seen.

    Args:
        path: Where to; its name ends in .mp4.
        seconds: Length; there are ten frames a second, at least one.
        seed: Of the random generator.

    Returns:
        The truth of every frame.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
        OutputError: If the place cannot be written or OpenCV cannot encode video.
    """
    generator = np.random.default_rng(seed)
    background = clutter(generator, SIZE_HW)
    actors = [_actor(generator, background) for _ in range(DIGITS)]
    truth = []
    with whole_file(path) as temporary:
        writer = _writer(temporary, path)
        try:
            for _ in range(max(1, round(seconds * FRAMES_A_SECOND))):
                image, frame = _draw(background, actors)
                writer.write(image)
                truth.append(frame)
                actors = [actor.moved(SIZE_HW) for actor in actors]
        finally:
            writer.release()
    return truth


def _writer(temporary: Path, path: Path) -> Any:
    height, width = SIZE_HW
    codec = opencv().VideoWriter.fourcc(*"mp4v")
    size = (width * ENLARGED, height * ENLARGED)
    writer = opencv().VideoWriter(str(temporary), codec, FRAMES_A_SECOND, size)
    if not writer.isOpened():
        what = "OpenCV cannot write this video"
        raise OutputError(what, where=path, do="name an .mp4 file in a folder you may write to")
    return writer


def _actor(generator: np.random.Generator, background: NDArray[np.float32]) -> _Actor:
    digits = handwriting("val")
    index = int(generator.integers(len(digits.ink)))
    direction = generator.uniform(0, 2 * np.pi)
    return _Actor(
        digits.ink[index],
        int(digits.labels[index]),
        contrasting_colour(generator, background.reshape(-1, 3)),
        random_pose(generator, size_hw=SIZE_HW),
        (float(SPEED_PX * np.cos(direction)), float(SPEED_PX * np.sin(direction))),
    )


def _draw(
    background: NDArray[np.float32], actors: Sequence[_Actor]
) -> tuple[NDArray[np.uint8], FilmFrame]:
    """One frame as (H, W, 3) BGR uint8, and its truth; later actors are in front."""
    image = background
    owner = np.full(SIZE_HW, -1, np.int64)
    areas = []
    for index, actor in enumerate(actors):
        ink = lay_ink(actor.glyph, actor.pose, size_hw=SIZE_HW)
        image = paint(image, ink, actor.colour)
        owner[ink >= INK] = index
        areas.append(int((ink >= INK).sum()))
    height, width = SIZE_HW
    large = opencv().resize(
        image, (width * ENLARGED, height * ENLARGED), interpolation=opencv().INTER_CUBIC
    )
    pixels = large[:, :, ::-1].round().clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(pixels), _truth(owner, areas, actors)


def _truth(owner: NDArray[np.int64], areas: Sequence[int], actors: Sequence[_Actor]) -> FilmFrame:
    seen = [
        index
        for index, area in enumerate(areas)
        if area > 0 and int((owner == index).sum()) >= (1 - MOST_HIDDEN) * area
    ]
    boxes = [tight_box(owner == index) for index in seen]
    return FilmFrame(
        np.array(boxes, np.float32).reshape(-1, 4) * ENLARGED,
        np.array([actors[index].label for index in seen], np.int64),
    )


def _bounce(centre: float, step: float, reach: float, side: int) -> tuple[float, float]:
    """The next centre and step along one axis; between the borders they stay as they are."""
    if not reach <= centre + step <= side - reach:
        step = -step
    return centre + step, step
