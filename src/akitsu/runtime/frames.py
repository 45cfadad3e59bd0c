"""A frame: one picture of a camera, video or folder; its checks, and its way to colour or grey."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ShapeError
from akitsu.runtime.threads import opencv

BLACKEST = 3
"""Of 255: a decoder's black may be a little off 0."""
SPARSE = 16
"""Each so many rows and columns are looked at first."""


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: (H, W, 3) RGB uint8.
        index: Counted from 0 as the source took them; what was dropped leaves a gap.
        captured_at_s: When it was taken or read, in seconds since 1970 (`time.time`).
        recorded_at_s: When it was taken, in seconds since 1970, where a recording says so (a bag);
            `captured_at_s` is then when it was played.
        name: The file's name, or "frame 12" for a camera, stream or video.
    """

    image: NDArray[np.uint8]
    index: int
    captured_at_s: float
    name: str
    recorded_at_s: float | None = None


@dataclass(frozen=True)
class Absence:
    """No frame, said again every second: what was seen last may no longer be so.

    Attributes:
        state: "stale", or "lost" after longer; the source goes on connecting in both.
        since_s: Seconds since the last frame; since the opening, where there was none.
        why: What comes instead of frames, in words; "" where nothing comes.
    """

    state: Literal["stale", "lost"]
    since_s: float
    why: str = ""


def tells_nothing(image: NDArray[np.uint8], before: NDArray[np.uint8] | None) -> str:
    """Why a camera's frame shows nothing of now, in words; "" for one that does.

    No two frames of a live sensor are alike to the last bit: where they are, a driver, server or
    cable repeats an old one. A covered lens still gives noise; black to the last pixel is a fault.

    Args:
        image: (H, W, 3) uint8.
        before: The frame before it, if there was one.
    """
    # A sparse look first: it decides for almost every frame, and costs a hundredth.
    sparse = (slice(None, None, SPARSE), slice(None, None, SPARSE))
    if image[sparse].max() <= BLACKEST and image.max() <= BLACKEST:
        return "only black frames come"
    if before is None or before.shape != image.shape:
        return ""
    alike = np.array_equal(image[sparse], before[sparse]) and np.array_equal(image, before)
    return "the same frame comes again and again" if alike else ""


def with_channels(frame: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """The frame as (H, W, 3) RGB or (H, W, 1) grey; itself where it is that already.

    Args:
        frame: (H, W, 3) RGB, (H, W, 1) or (H, W) grey, uint8.
        channels: 3 or 1. Grey is weighed as in ITU-R BT.601.

    Raises:
        ShapeError: If it is no such array, or has no pixel.
    """
    is_array = isinstance(frame, np.ndarray)
    if not is_array or frame.dtype != np.uint8 or not _is_picture(frame.shape):
        seen = f"{frame.dtype} of shape {frame.shape}" if is_array else type(frame).__name__
        raise ShapeError(
            f"a frame is {seen}", do="pass uint8 of shape (H, W, 3) in RGB order, or (H, W) grey"
        )
    frame = frame if frame.ndim == 3 else frame[:, :, None]
    if frame.shape[2] == channels:
        return frame
    if channels == 3:
        return np.repeat(frame, 3, axis=2)
    cv2 = opencv()
    grey: NDArray[np.uint8] = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return grey[:, :, None]


def _is_picture(shape: tuple[int, ...]) -> bool:
    return (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))) and min(shape) > 0
