"""A frame: one picture of a camera, video or folder; its checks, and its way to colour or grey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ShapeError
from akitsu.runtime.threads import opencv


@dataclass(frozen=True)
class Frame:
    """One picture of a source.

    Attributes:
        image: (H, W, 3) RGB uint8.
        index: Counted from 0 as the source took them; what was dropped leaves a gap.
        captured_at_s: When it was taken or read, in seconds since 1970 (`time.time`).
        name: The file's name, or "frame 12" for a camera, stream or video.
    """

    image: NDArray[np.uint8]
    index: int
    captured_at_s: float
    name: str


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
