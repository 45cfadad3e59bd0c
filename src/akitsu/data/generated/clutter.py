"""Backgrounds to find things before: a gradient, lines, blobs, and a little noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from akitsu.runtime.threads import opencv

MOST_LINES = 6
MOST_BLOBS = 5
NOISE = 6.0
"""Standard deviation of the camera's noise, in grey levels."""

LEAST_CONTRAST = 90
"""Distance in RGB from which a colour stands out from what lies under it."""


def clutter(generator: np.random.Generator, size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """A background of (H, W, 3) float32, about 0 to 255."""
    image = _gradient(generator, size_hw)
    for _ in range(int(generator.integers(MOST_BLOBS + 1))):
        image = _with_blob(generator, image)
    for _ in range(int(generator.integers(1, MOST_LINES + 1))):
        _draw_line(generator, image)
    noise = np.float32(NOISE) * generator.standard_normal(image.shape, np.float32)
    return np.asarray(image + noise, np.float32).clip(0, 255)


def contrasting_colour(
    generator: np.random.Generator, under: NDArray[np.float32]
) -> NDArray[np.float32]:
    """A random colour (3,) that stands out from the mean of the pixels (N, 3) under it."""
    mean = under.mean(axis=0)
    colours = generator.uniform(0, 255, (16, 3)).astype(np.float32)
    distances = np.linalg.norm(colours - mean, axis=1)
    enough = np.flatnonzero(distances >= LEAST_CONTRAST)
    best: NDArray[np.float32] = colours[enough[0] if len(enough) else distances.argmax()]
    return best


def _gradient(generator: np.random.Generator, size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """Four corner colours, blended in between."""
    corners = generator.uniform(20, 235, (2, 2, 3)).astype(np.float32)
    height, width = size_hw
    blended = opencv().resize(corners, (width, height), interpolation=opencv().INTER_LINEAR)
    return np.asarray(blended, np.float32)


def _with_blob(generator: np.random.Generator, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The image with one soft spot of rough texture."""
    height, width = image.shape[:2]
    centre = generator.uniform(0, 1, 2) * (height, width)
    radius = generator.uniform(8, 30)
    rows, columns = np.ogrid[:height, :width]
    distance = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
    weight = np.exp(-distance / radius**2).astype(np.float32)[:, :, None]
    grain = generator.uniform(0, 255, (height // 4, width // 4, 3)).astype(np.float32)
    rough = opencv().resize(grain, (width, height), interpolation=opencv().INTER_NEAREST)
    blended: NDArray[np.float32] = image * (1 - 0.5 * weight) + rough * (0.5 * weight)
    return blended


def _draw_line(generator: np.random.Generator, image: NDArray[np.float32]) -> None:
    height, width = image.shape[:2]
    x0, x1 = (int(x) for x in generator.integers(0, width, 2))
    y0, y1 = (int(y) for y in generator.integers(0, height, 2))
    colour = tuple(float(c) for c in generator.uniform(0, 255, 3))
    opencv().line(
        image, (x0, y0), (x1, y1), colour, int(generator.integers(1, 3)), opencv().LINE_AA
    )
