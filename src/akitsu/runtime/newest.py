"""A live source: a thread reads and keeps the newest frame alone; a lost connection is retried."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import SourceError
from akitsu.runtime.captures import Capture, recorded_at_s
from akitsu.runtime.frames import Absence, Frame, tells_nothing

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
"""Between two tries to connect: doubled each time, from the first to the longest."""

STALE_AFTER_S = 1.0
"""Without a new frame for so long, what is seen may no longer be so; it is said so often."""

LOST_AFTER_S = 10.0
"""Without a new frame for so long nobody should wait by; without a first one it is given up."""

JOIN_TIMEOUT_S = 2.0
"""How long closing waits for a read that does not come back; the thread then ends with it."""

State = Literal["live", "stale", "lost"]


class NewestFrames:
    """Frames of a camera, stream or paced video; whoever asks gets the newest, or waits for one.

    Attributes:
        name: For messages; secrets are masked.
        dropped: Frames that came and went before anybody asked.
        unusable: Frames that were black or the same as the one before; nobody gets them.
        is_live: True: frames come by the clock.
    """

    is_live = True

    def __init__(
        self,
        connect: Callable[[], Capture | None],
        *,
        name: str,
        timeout_s: float | None,
        stale_after_s: float = STALE_AFTER_S,
        fps: float | None = None,
        ends: bool = False,
    ) -> None:
        """Start reading.

        Args:
            connect: Opens the camera or stream; None when that fails, which is tried again.
            name: For messages.
            timeout_s: Without a frame for so long it is given up; None: only if a first one does
                not come for `LOST_AFTER_S`.
            stale_after_s: After so long without a frame it is stale; it is said so often.
            fps: Frames a second, where it is known before the thread has connected.
            ends: True for a video: it is read once, at its own pace.
        """
        self.name, self.dropped, self.unusable = name, 0, 0
        self._connect, self._timeout_s, self._ends = connect, timeout_s, ends
        self._fps, self._stale_after_s = fps, stale_after_s
        self._newest: Frame | None = None
        self._count = self._taken = 0
        self._before: NDArray[np.uint8] | None = None
        self._why = ""
        self._is_over = False
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._last_s, self._told_s = time.monotonic(), -math.inf
        self._thread = threading.Thread(target=self._read, name=f"akitsu {name}", daemon=True)
        self._thread.start()

    @property
    def fps(self) -> float | None:
        """Frames a second as the source says it, known once it is connected."""
        return self._fps

    @property
    def state(self) -> State:
        """Live with a fresh frame, stale after `stale_after_s` without, lost after ten seconds."""
        age_s = time.monotonic() - self._last_s
        if self._is_over or age_s >= (self._timeout_s or LOST_AFTER_S):
            return "lost"
        return "live" if self._count and age_s < self._stale_after_s else "stale"

    def __iter__(self) -> Iterator[Frame]:
        """The newest frame again and again; ends with a video, or when closed.

        Raises:
            SourceError: If no new frame comes for `timeout_s`, or no first one for `LOST_AFTER_S`.
        """
        return (moment for moment in self.moments() if isinstance(moment, Frame))

    def moments(self) -> Iterator[Frame | Absence]:
        """The same, and every `stale_after_s` without a frame the word that there is none.

        Raises:
            SourceError: As in iterating over frames.
        """
        while not self._closing.is_set():
            moment = self._take()
            if moment is None:
                return
            yield moment

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

    def _take(self) -> Frame | Absence | None:
        """What there is to say, after `stale_after_s` at most; None at the end."""
        with self._news:
            self._news.wait_for(self._has_news, timeout=self._silence_s())
            frame, self._newest = self._newest, None
            since_s = time.monotonic() - self._last_s
            # It came while the last one was being looked at, and nothing after it.
            if frame is not None and since_s >= self._stale_after_s and not self._ends:
                frame, self.dropped = None, self.dropped + 1
        if self._closing.is_set():
            return None
        if frame is not None:
            return frame
        if self._is_over and self._count:
            return None
        if self._is_over or since_s >= self._patience_s:
            raise self._lost()
        self._told_s = time.monotonic()
        state = self.state
        return Absence("stale" if state == "live" else state, since_s, self._why)

    def _silence_s(self) -> float:
        """How long nothing need be said: since the last frame, or since that was said last."""
        now_s = time.monotonic()
        due_s = max(self._last_s, self._told_s) + self._stale_after_s
        return max(0.0, min(due_s, self._last_s + self._patience_s) - now_s)

    @property
    def _patience_s(self) -> float:
        """After how long without a frame it is given up."""
        if self._timeout_s is not None:
            return self._timeout_s
        return math.inf if self._count else LOST_AFTER_S

    def _lost(self) -> SourceError:
        if self._is_over:
            what, do = "not one frame could be read", "copy the video again, or convert it to .mp4"
        else:
            what = f"no new frame for {self._patience_s:g} s"
            what += f" ({self._why})" if self._why else ""
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
        first_s: float | None = None
        try:
            while not self._closing.is_set() and (image := capture.read()) is not None:
                recorded_s = recorded_at_s(capture)
                if self._ends:
                    played_s = self._taken * period_s
                    if recorded_s is not None:
                        first_s = recorded_s if first_s is None else first_s
                        played_s = recorded_s - first_s
                    self._closing.wait(started_s + played_s - time.monotonic())
                name = f"frame {self._taken}"
                self._put(Frame(image, self._taken, time.time(), name, recorded_s))
        finally:
            capture.release()

    def _put(self, frame: Frame) -> None:
        # A video may well hold still; of a camera it is a fault.
        why = "" if self._ends else tells_nothing(frame.image, self._before)
        self._before = frame.image
        with self._news:
            self._why = why
            self._taken += 1
            if why:
                self.unusable += 1
                return
            self.dropped += self._newest is not None
            self._newest = frame
            self._count += 1
            self._last_s = time.monotonic()
            self._news.notify_all()
