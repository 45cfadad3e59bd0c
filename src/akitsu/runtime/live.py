"""The live loop: each frame of a source recognised, with what a robot steers by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from akitsu.errors import ModelFileError, nearest
from akitsu.runtime.distance import Ruler
from akitsu.runtime.frames import Absence, Frame
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.results import Classification, Detections, Result
from akitsu.runtime.sources import Source
from akitsu.runtime.tracking import Tracker


@dataclass(frozen=True)
class Seen:
    """What was seen in one frame.

    Attributes:
        frame: The frame itself.
        result: What the recognizer answered; detections of the class asked for alone.
        latency_ms: From the capture to the answer.
        dropped: Frames that the source has dropped so far.
        objects: What `objects_in` makes of the result, ready for JSON.
        candidates: The result, and less certain detections as far as `watch` was asked for them.
        state: "live": this is what there is now.
    """

    frame: Frame
    result: Result
    latency_ms: float
    dropped: int
    objects: list[dict[str, Any]]
    candidates: Result
    state: Literal["live"] = "live"
    _answered_s: float = field(default_factory=time.monotonic, repr=False, compare=False)

    @property
    def age_s(self) -> float:
        """Seconds since the capture, at the moment of asking."""
        return self.latency_ms / 1000 + time.monotonic() - self._answered_s

    @property
    def best(self) -> dict[str, Any] | None:
        """The object with the highest score; None where there is none."""
        return self.objects[0] if self.objects else None

    def as_document(self) -> dict[str, Any]:
        """What `akitsu watch --json` prints of a frame."""
        return {
            "state": self.state,
            "frame": self.frame.index,
            "captured_at": (
                self.frame.captured_at_s
                if self.frame.recorded_at_s is None
                else self.frame.recorded_at_s
            ),
            "latency_ms": round(self.latency_ms, 2),
            "dropped": self.dropped,
            "objects": self.objects,
        }


@dataclass(frozen=True)
class Unseen:
    """No frame since a while: nothing is known, and nothing old is passed off as seen.

    Attributes:
        state: "stale", or "lost" after longer.
        since_s: Seconds since the last frame; since the opening, where there was none.
        why: What comes instead of frames, in words; "" where nothing comes.
        dropped: Frames that the source has dropped so far.
    """

    state: Literal["stale", "lost"]
    since_s: float
    why: str
    dropped: int
    best: None = None

    @property
    def age_s(self) -> float:
        """As `since_s`."""
        return self.since_s

    @property
    def objects(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def as_document(self) -> dict[str, Any]:
        """What `akitsu watch --json` prints instead of a frame."""
        return {
            "state": self.state,
            "frame": None,
            "no_frame_for_s": round(self.since_s, 2),
            "why": self.why,
            "dropped": self.dropped,
            "objects": [],
        }


View = Seen | Unseen
"""What the loop says each time."""


def watch(
    recognizer: Recognizer,
    source: Source,
    *,
    class_name: str | None = None,
    score_threshold: float | None = None,
    ruler: Ruler | None = None,
    tracker: Tracker | None = None,
    candidates_from: Callable[[], float] | None = None,
) -> Iterator[View]:
    """Recognise frame after frame until the source ends.

    Where a camera or stream gives no frame, again and again comes an `Unseen` in place of a
    `Seen`, while the source connects anew. Both have `state`, `age_s`, `dropped`, `best`,
    `objects` and `as_document()`. This is the loop of `akitsu watch` and of `akitsu.watch`, which
    opens model and source itself.

    Args:
        recognizer: The model at work.
        source: Where frames come from; the caller closes it.
        class_name: Look for this class alone.
        score_threshold: Detections below it are left out; None takes the card's.
        ruler: Gives detections their distance.
        tracker: Gives detections numbers that stay, and boxes that tremble less; the score from
            which on they count is then its own.
        candidates_from: Asked before each frame from which score on to keep detections as
            candidates; where a tracker is at work these are the result's own.

    Raises:
        ModelFileError: If the model knows no such class, or detects nothing to track.
        DataError: If the ruler's camera was calibrated with another shape of frames.
        SourceError: If the source is given up, as `open_source` was told.
    """
    check_class(class_name, recognizer)
    if tracker is not None and recognizer.task != "detection":
        what = f"this model does {recognizer.task}, and only boxes can be tracked"
        raise ModelFileError(what, do="leave --track out, or name a detector")
    return _watch(
        recognizer,
        source,
        class_name=class_name,
        score_threshold=score_threshold,
        ruler=ruler,
        tracker=tracker,
        candidates_from=candidates_from,
    )


def check_class(class_name: str | None, recognizer: Recognizer) -> None:
    """Raise if the model does not know this class; None asks for all.

    Raises:
        ModelFileError: With the nearest name that it knows.
    """
    if class_name is None or class_name in recognizer.classes:
        return
    known = ", ".join(recognizer.classes[:20])
    advice = nearest(class_name, recognizer.classes, otherwise=f"choose one of {known}")
    raise ModelFileError(f"this model knows no class {class_name!r}", do=advice)


def objects_in(
    result: Result,
    *,
    frame_hw: tuple[int, int],
    class_name: str | None = None,
    ruler: Ruler | None = None,
) -> list[dict[str, Any]]:
    """A result as plain numbers and words.

    Args:
        result: What the recognizer answered.
        frame_hw: Rows and columns of the frame.
        class_name: Leave the other classes out.
        ruler: Gives detections their distance.

    Returns:
        Of a classification the best class with its score; of a segmentation each class present
        with its share of the picture, largest first; of detections, best first, "id" (null: nothing
        is tracked), "class", "score", "box" [x0, y0, x1, y1] and "position" [x, y] (the box's
        centre) in frame pixels, "offset" [x, y], the same from the frame's middle, -1 at its left
        and upper and 1 at its right and lower edge, "size", the box's area over the frame's, and
        "distance_m" with "value", "low" and "high" in metres (null: without a ruler, of another
        class than the ruler's, or cut off by the frame's edge).
    """
    if isinstance(result, Detections):
        objects = _detected(result, frame_hw, ruler)
    elif isinstance(result, Classification):
        objects = [{"class": result.name, "score": round(result.score, 4)}]
    else:
        shares = sorted(result.shares().items(), key=lambda pair: -pair[1])
        objects = [{"class": name, "share": round(part, 4)} for name, part in shares if part > 0]
    return [one for one in objects if class_name is None or one["class"] == class_name]


def _watch(
    recognizer: Recognizer,
    source: Source,
    *,
    class_name: str | None,
    score_threshold: float | None,
    ruler: Ruler | None,
    tracker: Tracker | None,
    candidates_from: Callable[[], float] | None,
) -> Iterator[View]:
    threshold = recognizer.card.score_threshold if score_threshold is None else score_threshold
    if tracker is not None:
        threshold, candidates_from = tracker.doubtful, None
    before = -1
    for frame in source.moments():
        if isinstance(frame, Absence):
            yield Unseen(frame.state, frame.since_s, frame.why, source.dropped)
            continue
        asked = threshold if candidates_from is None else min(threshold, candidates_from())
        result = candidates = recognizer(frame.image, score_threshold=asked)
        height, width = frame.image.shape[:2]
        if isinstance(candidates, Detections):
            candidates = candidates if class_name is None else candidates.of_class(class_name)
            if tracker is not None:
                gone_by = frame.index - before
                candidates = tracker.update(candidates, frame_hw=(height, width), frames=gone_by)
            # Suppression goes from the best down: what is less certain changed nothing above it.
            result = candidates.where(candidates.scores >= threshold)
        before = frame.index
        # The wall clock may be set back while the robot runs.
        latency_ms = max(0.0, (time.time() - frame.captured_at_s) * 1000)
        objects = objects_in(result, frame_hw=(height, width), class_name=class_name, ruler=ruler)
        yield Seen(frame, result, latency_ms, source.dropped, objects, candidates)


def _detected(
    result: Detections, frame_hw: tuple[int, int], ruler: Ruler | None
) -> list[dict[str, Any]]:
    height, width = frame_hw
    if ruler is not None:
        ruler.require_fit(frame_hw)
    objects = []
    ids = [None] * len(result) if result.ids is None else result.ids.tolist()
    rows = zip(result.boxes, result.scores, result.labels, ids, strict=True)
    for box, score, label, number in rows:
        left, top, right, bottom = (float(edge) for edge in box)
        x, y = (left + right) / 2, (top + bottom) / 2
        name = result.classes[int(label)]
        distance_m = None
        if ruler is not None and ruler.measures(name):
            distance_m = ruler.distance((left, top, right, bottom), frame_hw=frame_hw)
        objects.append(
            {
                "id": number,
                "class": name,
                "score": round(float(score), 4),
                "box": [round(edge, 2) for edge in (left, top, right, bottom)],
                "position": [round(x, 2), round(y, 2)],
                "offset": [round(2 * x / width - 1, 4), round(2 * y / height - 1, 4)],
                "size": round((right - left) * (bottom - top) / (width * height), 6),
                "distance_m": distance_m,
            }
        )
    return objects
