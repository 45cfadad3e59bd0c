"""What every viewer of the page sees: the newest picture, drawn and encoded once for all of them.

The loop that steers the robot calls `show`, which keeps a reference and returns. Drawing and
encoding wait until a viewer asks, and happen in one thread of their own; who asks meanwhile gets
the same picture. A viewer asks for the next picture when it has the one before, so that a slow one
gets fewer of them, never older ones.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from akitsu.runtime.distance import Ruler
from akitsu.runtime.drawing import readable_scale
from akitsu.runtime.frames import with_channels
from akitsu.runtime.live import Seen, Unseen, objects_in
from akitsu.runtime.newest import LOST_AFTER_S, STALE_AFTER_S
from akitsu.runtime.page.about import About
from akitsu.runtime.page.jpeg import encode
from akitsu.runtime.page.settings import Settings, by_class
from akitsu.runtime.results import Result

ANSWER_WITHIN_S = 1.0
"""Without news a viewer is told so, once a second, as the robot is."""

WATCHED_FOR_S = 3.0
"""Who has not asked for so long no longer looks."""

OBJECTS = 20
"""The page lists at most so many; the picture has them all."""

RATE_OVER_S = 3.0
"""Frames a second are a mean over so long."""


@dataclass(frozen=True)
class _Made:
    """A picture with its words, as all viewers get it."""

    edition: int
    words: dict[str, Any]
    jpeg: bytes


class Screen:
    """Takes what was seen from one thread, and answers viewers in the event loop of another."""

    def __init__(self, about: About, *, ruler: Ruler | None = None) -> None:
        self.about = about
        self._ruler = ruler
        self._lock = threading.Lock()
        self._settings = Settings(about.threshold)
        self._seen: Seen | None = None
        self._absence: Unseen | None = None
        self._told_s = time.monotonic()
        self._edition = self._picture_edition = self._settings_edition = 0
        self._is_over = False
        self._times_s: deque[float] = deque(maxlen=200)
        self._asked_s = -WATCHED_FOR_S
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()
        self._made: _Made | None = None
        self._making: asyncio.Future[_Made] | None = None
        self._pencil = ThreadPoolExecutor(1, thread_name_prefix="akitsu page drawing")

    @property
    def settings(self) -> Settings:
        """What is drawn now."""
        return self._settings

    @property
    def is_watched(self) -> bool:
        """Whether anybody has asked for a picture in the last seconds."""
        return time.monotonic() - self._asked_s < WATCHED_FOR_S

    def candidates_from(self) -> float:
        """The score from which on the page draws; 1 while nobody looks."""
        return self._settings.threshold if self.is_watched else 1.0

    def show(self, seen: Seen | Unseen) -> None:
        """Take what was seen; returns at once, whoever looks."""
        now_s = time.monotonic()
        with self._lock:
            self._told_s = now_s
            if isinstance(seen, Seen):
                self._seen, self._absence = seen, None
                self._picture_edition = self._edition + 1
                self._times_s.append(now_s)
            else:
                self._absence = seen
            self._tell()

    def change(self, wishes: Any) -> dict[str, Any]:
        """Set what is drawn, for everybody who looks.

        Returns:
            The settings that hold now, as every answer to a viewer names them.

        Raises:
            AkitsuError: If `wishes` are no settings.
        """
        classes, floor = self.about.classes, self.about.floor
        with self._lock:
            self._settings = self._settings.changed(wishes, classes=classes, floor=floor)
            self._picture_edition = self._edition + 1
            self._settings_edition += 1
            self._tell()
            return self._settings_words()

    def enter(self, loop: asyncio.AbstractEventLoop) -> None:
        """Viewers will ask in this event loop."""
        with self._lock:
            self._loop = loop

    def leave(self) -> None:
        """That event loop ends, and nobody asks any more."""
        with self._lock:
            self._loop = None
        self._pencil.shutdown()

    def end(self) -> None:
        """There will be no more; whoever waits is told so."""
        with self._lock:
            self._is_over = True
            self._tell()

    async def newest(self, *, after: int) -> bytes:
        """Words and picture, once there is another edition than `after`; at the latest in a second.

        Returns:
            A line of JSON and a JPEG; without the JPEG where the picture is the one of before, or
            there is none yet.
        """
        self._asked_s = time.monotonic()
        news = self._news
        if self._edition == after and not self._is_over:
            try:
                await asyncio.wait_for(news.wait(), ANSWER_WITHIN_S)
            except TimeoutError:
                return self._answer(self._made, with_picture=False)
        made = await self._shared()
        return self._answer(made, with_picture=made is not None and made.edition > after)

    def _tell(self) -> None:
        """Under the lock: a new edition."""
        self._edition += 1
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _shared(self) -> _Made | None:
        """The newest picture: the one made already, the one in the making, or a new one."""
        if self._seen is None:
            return None
        if self._made is not None and self._made.edition == self._picture_edition:
            return self._made
        if self._making is None or self._making.done():
            loop = asyncio.get_running_loop()
            self._making = loop.run_in_executor(self._pencil, self._make)
        # Shielded: one viewer who hangs up must not take the picture from the others.
        return await asyncio.shield(self._making)

    def _make(self) -> _Made:
        """In the thread: draw, encode, and find the words."""
        with self._lock:
            seen, settings, edition = self._seen, self._settings, self._picture_edition
        assert seen is not None
        image = seen.frame.image
        height, width = image.shape[:2]
        shown = settings.apply(seen.candidates)
        scale = readable_scale((height, width))
        if shown is None:
            drawn = with_channels(image, 3).repeat(scale, axis=0).repeat(scale, axis=1)
        else:
            drawn = shown.draw(image, scale=scale)
        objects = [] if shown is None else self._objects(shown, (height, width))
        words = {
            "frame": seen.frame.index,
            "name": seen.frame.name,
            "captured_at": seen.frame.captured_at_s,
            "latency_ms": round(seen.latency_ms, 1),
            "count": len(objects),
            "objects": objects[:OBJECTS],
            "by_class": by_class(seen.candidates, settings.threshold),
        }
        self._made = _Made(edition, words, encode(drawn))
        return self._made

    def _objects(self, shown: Result, frame_hw: tuple[int, int]) -> list[dict[str, Any]]:
        return objects_in(shown, frame_hw=frame_hw, ruler=self._ruler)

    def _answer(self, made: _Made | None, *, with_picture: bool) -> bytes:
        words = {**(made.words if made is not None else {}), **self._now()}
        if made is not None and made.edition < self._picture_edition:
            # A newer one has come meanwhile: the viewer is to ask for it at once.
            words["edition"] = made.edition
        line = json.dumps(words).encode("ascii") + b"\n"
        return line + made.jpeg if made is not None and with_picture else line

    def _now(self) -> dict[str, Any]:
        """What is true at this moment, whatever picture there is."""
        with self._lock:
            absence, seen = self._absence, self._seen
            since_s = time.monotonic() - self._told_s
            if absence is not None:
                since_s += absence.since_s
            told = absence or seen
            return {
                "run": self.about.run,
                "edition": self._edition,
                "state": self._state(since_s),
                "since_s": round(since_s, 1),
                "why": absence.why if absence else "",
                "dropped": told.dropped if told is not None else 0,
                "fps": self._rate(),
                **self._settings_words(),
            }

    def _settings_words(self) -> dict[str, Any]:
        """Under the lock. By the edition a viewer knows an answer from before its own wish."""
        return {
            "threshold": self._settings.threshold,
            "hidden": sorted(self._settings.hidden),
            "settings_edition": self._settings_edition,
        }

    def _state(self, since_s: float) -> str:
        if self._is_over:
            return "ended"
        if self._absence is not None:
            return self._absence.state
        if self._seen is None:
            return "waiting"
        # The loop may hang, too: then nobody says that there is no frame.
        if since_s >= LOST_AFTER_S:
            return "lost"
        return "stale" if since_s >= STALE_AFTER_S else "live"

    def _rate(self) -> float:
        """Frames a second that were recognised of late."""
        since_s = time.monotonic() - RATE_OVER_S
        times_s = [at_s for at_s in self._times_s if at_s >= since_s]
        if len(times_s) < 2:
            return 0.0
        return round((len(times_s) - 1) / max(times_s[-1] - times_s[0], 1e-6), 1)
