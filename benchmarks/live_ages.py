"""How old a frame is once the model has seen it, from end to end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import live_stamp
import numpy as np
from live_source import source

from akitsu.runtime import live
from akitsu.runtime.card import ModelCard
from akitsu.runtime.results import Detections
from akitsu.runtime.sources import open_source
from akitsu.runtime.tracking import Tracker
from akitsu.runtime.views import Views

INFERENCE_MS = 200.0
WARM_UP_S = 3.0
GIVE_UP_S = 60.0


def ages(kind: str, seconds: float) -> dict[str, Any]:
    """Of the loop, of the usual loop, and of a frame before any model, in milliseconds."""
    looks: dict[str, Callable[[str, float], dict[str, Any]]] = {
        "read_only": lambda where, lasts_s: naive(where, lasts_s, inference_ms=0.0),
        "akitsu": watched,
        "naive": lambda where, lasts_s: naive(where, lasts_s, inference_ms=INFERENCE_MS),
    }
    found = {}
    for name, look in looks.items():
        if kind == "file" and name == "read_only":
            continue  # read as fast as one can it is ahead of its own time
        with source(kind, seconds + WARM_UP_S) as where:
            found[name] = look(where, seconds + WARM_UP_S)
    return found


def watched(where: str, lasts_s: float) -> dict[str, Any]:
    model = Slow(INFERENCE_MS)
    with looking(where, model) as views:
        ages_ms = Ages(where)
        for view in views:
            if view.state == "live":
                ages_ms.add(view.frame.image, read_at_s=view.frame.captured_at_s)
            if ages_ms.seconds > lasts_s:
                break
        inference_ms = round(float(np.percentile(model.took_ms, 99)), 1)
        return {
            **ages_ms.summary(),
            "dropped": views.source.dropped,
            "inference_p99_ms": inference_ms,
        }


def naive(where: str, lasts_s: float, *, inference_ms: float) -> dict[str, Any]:
    """What most programs do: read, look, read, look."""
    ages_ms, model = Ages(where), Slow(inference_ms)
    capture = cv2.VideoCapture(where, cv2.CAP_FFMPEG)
    while ages_ms.seconds < lasts_s:
        is_read, image = capture.read()
        if not is_read:
            break
        read_at_s = time.time()
        model(image)
        ages_ms.add(image, read_at_s=read_at_s)
    capture.release()
    return ages_ms.summary()


class Ages:
    """Of the frames of a source, warm-up left out.

    A film's stamps count from its beginning: it begins when its first frame is read.
    """

    def __init__(self, where: str) -> None:
        self._begun_ms = live_stamp.now_ms()
        self._zero_ms = 0.0 if "://" in where else None
        self._ages_ms: list[float] = []
        self._unreadable = 0

    @property
    def seconds(self) -> float:
        return (live_stamp.now_ms() - self._begun_ms) / 1000

    def add(self, image: Any, *, read_at_s: float) -> None:
        """A frame that the model has just seen, and when (`time.time`) it was read."""
        now_ms, stamp_ms = live_stamp.now_ms(), live_stamp.read(image)
        if stamp_ms is None:
            self._unreadable += 1
            return
        if self._zero_ms is None:
            self._zero_ms = now_ms - 1000 * (time.time() - read_at_s) - stamp_ms
        if self.seconds >= WARM_UP_S:
            self._ages_ms.append(now_ms - self._zero_ms - stamp_ms)

    def summary(self) -> dict[str, Any]:
        values = self._ages_ms
        if not values:
            return {"frames": 0, "unreadable": self._unreadable}
        return {
            "frames": len(values),
            "unreadable": self._unreadable,
            "p50_ms": round(float(np.percentile(values, 50)), 1),
            "p99_ms": round(float(np.percentile(values, 99)), 1),
            "last_ms": round(values[-1], 1),
        }


def looking(where: str, model: Any, *, tracker: Tracker | None = None) -> Views:
    """The loop of `akitsu.watch`, with a model that is no file."""
    opened = open_source(where, realtime=True, timeout_s=GIVE_UP_S)
    return Views(live.watch(model, opened, tracker=tracker), opened)


class Slow:
    """A stand-in for a detector that takes so long; it finds the stamp."""

    task, classes = "detection", ("stamp",)
    card = ModelCard(
        task=task,
        model="slow",
        classes=classes,
        input_hw=(live_stamp.HEIGHT, live_stamp.WIDTH),
        channels=3,
    )

    def __init__(self, inference_ms: float) -> None:
        self._inference_s = inference_ms / 1000
        self.took_ms: deque[float] = deque(maxlen=10_000)

    def __call__(self, _: Any, **__: Any) -> Detections:
        begun_s = time.perf_counter()
        time.sleep(self._inference_s)
        self.took_ms.append(1000 * (time.perf_counter() - begun_s))
        box = [[8, 8, live_stamp.WIDTH - 8, 64]]
        return Detections(
            self.classes, np.array(box, np.float32), np.ones(1, np.float32), np.zeros(1, np.int64)
        )
