"""OpenCV's way to cameras, streams and video files, quiet and in RGB."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from akitsu.runtime.threads import opencv

OPEN_TIMEOUT_MS = 5000
READ_TIMEOUT_MS = 5000
"""A read from a dead stream has to come back, or its thread could never end."""


BACKLOG_S = 2.0
"""So long at most is spent on frames that a stream held back while it was being opened."""

ONE_THREAD_PIXELS = 1280 * 720
"""What one slow core decodes thirty times a second."""

USUAL_FPS = 25.0
"""Of a stream that does not say its own."""


class Capture(Protocol):
    """Something that gives one picture after the other."""

    @property
    def fps(self) -> float | None:
        """Pictures a second, as far as it is known."""
        ...

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture, (H, W, 3) RGB uint8; None at the end or on a fault."""
        ...

    def release(self) -> None:
        """Give the device, the connection or the file back."""
        ...


@runtime_checkable
class TimedCapture(Capture, Protocol):
    """A `Capture` of a recording that says when each picture was taken."""

    recorded_at_s: float


def recorded_at_s(capture: Capture) -> float | None:
    """When the picture read last was taken, in seconds since 1970; None where nobody says so."""
    return capture.recorded_at_s if isinstance(capture, TimedCapture) else None


class OpenCvCapture:
    """A `Capture` around `cv2.VideoCapture`."""

    def __init__(self, capture: Any) -> None:
        self._capture = capture

    @property
    def fps(self) -> float | None:
        """Pictures a second as the file or the device says it; None for no or an odd answer."""
        fps = float(self._capture.get(opencv().CAP_PROP_FPS))
        return fps if 0 < fps <= 1000 else None

    @property
    def pixels(self) -> int:
        """Of a picture, as the file or the device says it."""
        cv2 = opencv()
        sides = (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        return int(self._capture.get(sides[0]) * self._capture.get(sides[1]))

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture in RGB, or None."""
        cv2 = opencv()
        # OpenCV raises where a decoder breaks down, and answers False where a stream ends.
        try:
            is_read, image = self._capture.read()
        except cv2.error:
            return None
        if not is_read or image is None or image.dtype != np.uint8:
            return None
        how = cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB
        rgb: NDArray[np.uint8] = cv2.cvtColor(image, how)
        return rgb

    def release(self) -> None:
        """Close it."""
        self._capture.release()


class StreamCapture:
    """A `Capture` of a stream that begins with what there is now.

    FFmpeg looks at a stream for up to some seconds before it gives the first frame, and then gives
    all that it has looked at, as fast as one can read. Those frames are of the past: they are
    passed over until one has to be waited for.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._is_behind = True

    @property
    def fps(self) -> float | None:
        """As the stream says it."""
        return self._capture.fps

    def read(self) -> NDArray[np.uint8] | None:
        """The next picture in RGB; the first time the first that is not of the past."""
        if not self._is_behind:
            return self._capture.read()
        self._is_behind = False
        at_once_s = 0.5 / (self.fps or USUAL_FPS)
        begun_s = before_s = time.monotonic()
        while True:
            image = self._capture.read()
            now_s = time.monotonic()
            if image is None or now_s - before_s > at_once_s or now_s - begun_s > BACKLOG_S:
                return image
            before_s = now_s

    def release(self) -> None:
        """Close it."""
        self._capture.release()


def open_camera(device: int | str) -> Capture | None:
    """A camera by its number or by its device file; None if it cannot be opened."""
    cv2 = opencv()
    backend = cv2.CAP_V4L2 if sys.platform == "linux" else cv2.CAP_ANY
    # Of the frames that wait in the driver only the newest is of use.
    return _opened(device, backend, [cv2.CAP_PROP_BUFFERSIZE, 1])


def open_stream(url: str) -> Capture | None:
    """A stream by its address; None if it cannot be reached."""
    cv2 = opencv()
    timeouts = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_TIMEOUT_MS),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_TIMEOUT_MS),
    ]
    # Of several threads each decodes a frame of its own: each but one is a frame of delay.
    opened = _opened(url, cv2.CAP_FFMPEG, [*timeouts, cv2.CAP_PROP_N_THREADS, 1])
    if opened is not None and opened.pixels > ONE_THREAD_PIXELS:
        # To fall behind for ever would be worse.
        opened.release()
        opened = _opened(url, cv2.CAP_FFMPEG, timeouts)
    return None if opened is None else StreamCapture(opened)


def open_video(path: Path) -> Capture | None:
    """A video file; None if it is none that FFmpeg can read."""
    # An absolute path cannot be taken for one of FFmpeg's protocols, as "concat:a" could.
    return _opened(str(path.resolve()), opencv().CAP_FFMPEG, [])


def _opened(target: int | str, backend: int, settings: list[int]) -> OpenCvCapture | None:
    cv2 = opencv()
    _quieten(cv2)
    try:
        capture = cv2.VideoCapture(target, backend, settings)
    except cv2.error:
        return None
    return OpenCvCapture(capture) if capture.isOpened() else None


def _quieten(cv2: Any) -> None:
    """OpenCV complains on stderr of what our errors say; for good, since a thread may read."""
    logging = cv2.utils.logging
    logging.setLogLevel(min(logging.getLogLevel(), logging.LOG_LEVEL_FATAL))
