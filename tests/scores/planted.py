"""A detector that is wrong in a known way, for the tests of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from akitsu.runtime.results import Detections
from akitsu.scores.detection import DetectionScores
from akitsu.scores.rules import COCO


@dataclass
class Answered:
    """One picture: what was detected, and what is there."""

    result: Detections
    boxes: np.ndarray
    labels: np.ndarray
    difficult: np.ndarray


def names_of(classes):
    return tuple(f"class {i}" for i in range(classes))


def found(boxes, scores, labels=None):
    """Detections by hand, of class 0 unless said."""
    labels = [0] * len(boxes) if labels is None else labels
    return Detections(
        names_of(2),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(labels, np.int64),
    )


def detector(rng, *, classes, pictures, boxes=8, sides=(20, 60), grid=None):
    """Pictures with about so many boxes; two detections a box, moved by noise of 2 to 9 pixels.

    With `grid`, corners are rounded to its multiples and scores to tenths, so that many tie.
    """
    return [
        _picture(rng, classes=classes, n=rng.poisson(boxes), sides=sides, grid=grid)
        for _ in range(pictures)
    ]


def _picture(rng, *, classes, n, sides, grid):
    corners = rng.uniform(0, 300, (n, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(*sides, (n, 2))], axis=1)
    labels = rng.integers(0, classes, n)
    source = rng.integers(0, n, 2 * n) if n else np.zeros(0, np.int64)
    noise = rng.normal(0, 1, (len(source), 4)) * rng.uniform(2, 9)
    detected = boxes[source] + noise
    scores = 1 / (1 + np.exp(np.abs(noise).mean(1) / 3 - 2 + rng.normal(0, 1, len(source))))
    guessed = np.where(rng.random(len(source)) < 0.9, labels[source], rng.integers(classes))
    if grid is not None:
        boxes, detected = (np.round(b / grid) * grid for b in (boxes, detected))
        scores = np.round(scores, 1)
    detected[:, 2:] = np.maximum(detected[:, 2:], detected[:, :2] + 1)
    best = np.argsort(-scores, kind="stable")
    result = Detections(
        names_of(classes),
        detected[best].astype(np.float32),
        scores[best].astype(np.float32),
        guessed[best],
    )
    return Answered(result, boxes.astype(np.float32), labels, np.zeros(n, np.bool_))


def judged(pictures, *, classes, score_threshold=0.5, first=0, rule=COCO):
    scores = DetectionScores(names_of(classes), score_threshold=score_threshold, rule=rule)
    for index, p in enumerate(pictures, first):
        scores.add(p.result, p.boxes, p.labels, p.difficult, f"picture {index}")
    return scores
