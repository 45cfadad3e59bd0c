"""A live source: a thread reads and keeps the newest frame alone; a lost connection is retried."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

from akitsu.errors import SourceError
from akitsu.runtime.captures import Capture
from akitsu.runtime.frames import Frame

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
"""Between two tries to connect: doubled each time, from the first to the longest."""

STALE_AFTER_S = 1.0
"""Without a new frame for so long, what is seen may no longer be so."""

JOIN_TIMEOUT_S = 2.0
"""How long closing waits for a read that does not come back; the thread then ends with it."""

State = Literal["live", "stale", "lost"]


class NewestFrames:
    """Frames of a camera, stream or paced video; whoever asks gets the newest, or waits for one.

    Attributes:
        name: For messages; secrets are masked.
        dropped: Frames that came and went before anybody asked.
        is_live: True: frames come by the clock.
    """

    is_live = True

    def __init__(
        self,
        connect: Callable[[], Capture | None],
        *,
        name: str,
        timeout_s: float,
        fps: float | None = None,
        ends: bool = False,
    ) -> None:
        """Start reading.

        Args:
            connect: Opens the camera or stream; None when that fails, which is tried again.
            name: For messages.
            timeout_s: Without a frame for so long, asking for one raises.
            fps: Frames a second, where it is known before the thread has connected.
            ends: True for a video: it is read once, at its own pace.
        """
        self.name, self.dropped = name, 0
        self._connect, self._timeout_s, self._ends = connect, timeout_s, ends
        self._fps = fps
        self._newest: Frame | None = None
        self._count = 0
        self._is_over = False
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._last_s = time.monotonic()
        self._thread = threading.Thread(target=self._read, name=f"akitsu {name}", daemon=True)
        self._thread.start()

    @property
    def fps(self) -> float | None:
        """Frames a second as the source says it, known once it is connected."""
        return self._fps

    @property
    def state(self) -> State:
        """Live with a fresh frame, stale after a second without, lost after the timeout."""
        age_s = time.monotonic() - self._last_s
        if age_s >= self._timeout_s or self._is_over:
            return "lost"
        return "live" if self._count and age_s < STALE_AFTER_S else "stale"

    def __iter__(self) -> Iterator[Frame]:
        """The newest frame again and again; ends with a video, or when closed.

        Raises:
            SourceError: If no new frame comes for `timeout_s`.
        """
        while (frame := self._take()) is not None:
            yield frame

    def __enter__(self) -> NewestFrames:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the thread and give the camera back."""
        self._closing.set()
        with self._news:
            self._news.notify_all()
        self._thread.join(JOIN_TIMEOUT_S)

    def _take(self) -> Frame | None:
        with self._news:
            patience_s = self._timeout_s - (time.monotonic() - self._last_s)
            self._news.wait_for(self._has_news, timeout=max(0.0, patience_s))
            frame, self._newest = self._newest, None
        if self._closing.is_set():
            return None
        if frame is None and not (self._is_over and self._count):
            raise self._lost()
        return frame

    def _lost(self) -> SourceError:
        if self._is_over:
            what, do = "not one frame could be read", "copy the video again, or convert it to .mp4"
        else:
            what = f"no new frame for {self._timeout_s:g} s"
            do = "check the address and the cable, or wait longer with --timeout"
        return SourceError(what, where=self.name, do=do)

    def _has_news(self) -> bool:
        return self._newest is not None or self._is_over or self._closing.is_set()

    def _read(self) -> None:
        """The thread; whatever ends it, nobody is left waiting."""
        try:
            self._read_all_connections()
        finally:
            with self._news:
                self._is_over = True
                self._news.notify_all()

    def _read_all_connections(self) -> None:
        """Connect, read until it fails, wait a little longer each time."""
        wait_s = FIRST_WAIT_S
        while not self._closing.is_set():
            before = self._count
            self._read_one_connection()
            if self._ends:
                return
            wait_s = FIRST_WAIT_S if self._count > before else wait_s
            self._closing.wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _read_one_connection(self) -> None:
        capture = self._connect()
        if capture is None:
            return
        self._fps = capture.fps
        started_s, period_s = time.monotonic(), 1 / (self._fps or 25.0)
        try:
            while not self._closing.is_set() and (image := capture.read()) is not None:
                if self._ends:
                    self._closing.wait(started_s + self._count * period_s - time.monotonic())
                name = f"frame {self._count}"
                self._put(Frame(image, self._count, time.time(), name))
        finally:
            capture.release()

    def _put(self, frame: Frame) -> None:
        with self._news:
            self.dropped += self._newest is not None
            self._newest = frame
            self._count += 1
            self._last_s = time.monotonic()
            self._news.notify_all()
