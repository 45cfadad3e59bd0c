"""What a robot could have seen: frames with planted boxes, and a page to show them on."""

from __future__ import annotations

import json
import urllib.request

import numpy as np

from akitsu.runtime.frames import Frame
from akitsu.runtime.live import Seen, Unseen, objects_in
from akitsu.runtime.page.about import About
from akitsu.runtime.page.address import Address
from akitsu.runtime.results import Detections

CLASSES = ("dog", "person")
HEIGHT, WIDTH = 240, 320

ABOUT = About(
    title="model.onnx",
    source="camera 0",
    task="detection",
    classes=CLASSES,
    only=None,
    threshold=0.5,
    floor=0.05,
)
ANYWHERE = Address("127.0.0.1", 0)


def seen(index: int = 0, *, image: np.ndarray | None = None, dropped: int = 0) -> Seen:
    """Three persons of scores 0.9, 0.6 and 0.3, and a dog of 0.7."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8) if image is None else image
    candidates = Detections(
        CLASSES,
        np.array(
            [[10, 40, 60, 200], [200, 120, 280, 200], [80, 40, 130, 200], [140, 40, 190, 200]],
            np.float32,
        ),
        np.array([0.9, 0.7, 0.6, 0.3], np.float32),
        np.array([1, 0, 1, 1]),
    )
    result = candidates.where(candidates.scores >= 0.5)
    frame = Frame(image, index, 1_700_000_000.0 + index / 10, f"frame {index}")
    objects = objects_in(result, frame_hw=(HEIGHT, WIDTH))
    return Seen(frame, result, 12.5, dropped, objects, candidates)


def unseen(state: str = "lost", since_s: float = 12.0) -> Unseen:
    return Unseen(state, since_s, "only black frames come", 3)


def read(answer: bytes) -> tuple[dict, bytes]:
    """The words and the JPEG of an answer."""
    line, _, jpeg = answer.partition(b"\n")
    return json.loads(line), jpeg


def ask(url: str, after: int | None = None, *, method: str = "GET", body: object = None) -> bytes:
    """One question to a page that really is served."""
    query = "" if after is None else f"?after={after}"
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"content-type": "application/json"}
    request = urllib.request.Request(url + query, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()
