"""Scores for a machine, as the JSON document of `evaluate`, and for a person, as rows of text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from akitsu.scores.detection import DetectionScores, Kind
from akitsu.scores.interval import Estimate

TITLES = {
    "accuracy": "accuracy",
    "top5_accuracy": "top-5 accuracy",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "map50": "mAP at IoU .50",
    "map": "mAP at IoU .50:.95",
    "map75": "mAP at IoU .75",
    "map_small": "mAP of small boxes (up to 32² pixels)",
    "map_medium": "mAP of medium boxes (32² to 96²)",
    "map_large": "mAP of large boxes (from 96²)",
    "ar": "boxes found at all, IoU .50:.95",
    "miou": "mean IoU",
    "pixel_accuracy": "pixel accuracy",
    "mean_class_accuracy": "mean class accuracy",
    "frequency_weighted_iou": "frequency-weighted IoU",
}
CLASS_TITLES = {
    "accuracy": "accuracy",
    "map50": "AP at IoU .50",
    "map": "AP at IoU .50:.95",
    "iou": "IoU",
}
# What the kinds of mistakes of a detector are called, in `akitsu.scores.detection_mistakes`' order.
MISTAKES = {
    "poor_overlap": "poor overlap (IoU .10 to .50)",
    "wrong_class": "wrong class",
    "duplicate": "duplicate",
    "background": "background (IoU below .10)",
    "wrong_class_and_overlap": "wrong class and poor overlap",
    "missed": "missed",
}
# Beyond so many classes without pictures their rows are left out: the set was made for others.
MOST_ABSENT = 20
# Beyond so many classes the table has one row for each; the document has all.
MOST_CLASSES = 20

# Everything else is a share of one, and reads best in per cent.
NOT_SHARES = {"log_loss"}


@dataclass(frozen=True)
class Row:
    """One line of the table: what, its value, its 95 % interval, all as text."""

    name: str
    value: str
    interval: str


def metrics_document(task: str, n: int, metrics: Mapping[str, Estimate]) -> dict[str, Any]:
    """The JSON document of `evaluate`.

    A metric of one class, `iou/Sky`, stands under `iou` by its class. Where the plain name is taken
    by the score over all classes, as `map50` is, the classes stand under `map50_per_class`.

    Args:
        task: classification, detection or segmentation.
        n: Pictures scored.
        metrics: As given by one of the scores.

    Returns:
        `task`, `n` and `metrics`, each metric as `value`, `low`, `high` (null if undefined).

    Example:
        >>> half = Estimate(0.5, 0.4, 0.6, 10)
        >>> metrics_document("segmentation", 10, {"miou": half, "iou/Sky": half})["metrics"]["iou"]
        {'Sky': {'value': 0.5, 'low': 0.4, 'high': 0.6}}
    """
    document: dict[str, Any] = {}
    for key, estimate in metrics.items():
        name, slash, of_class = key.partition("/")
        numbers = _numbers(estimate)
        if slash:
            group = f"{name}_per_class" if name in metrics else name
            document.setdefault(group, {})[of_class] = numbers
        else:
            document[name] = numbers
    return {"task": task, "n": n, "metrics": document}


def detection_document(scores: DetectionScores, mistakes: Mapping[str, Kind]) -> dict[str, Any]:
    """What the document of a detector has besides: the rule, the threshold, and the mistakes.

    Returns:
        `rule`, `score_threshold`, and `mistakes`: each kind's `count` at that threshold, and
        `map50_gain` as `value`, `low`, `high`.
    """
    return {
        "rule": scores.rule.name,
        "score_threshold": scores.score_threshold,
        "mistakes": {
            name: {"count": kind.count, "map50_gain": _numbers(kind.map50_gain)}
            for name, kind in mistakes.items()
        },
    }


def _numbers(estimate: Estimate) -> dict[str, float | int | None]:
    return {k: v for k, v in estimate.to_json().items() if k != "n"}


def rows(metrics: Mapping[str, Estimate]) -> list[Row]:
    """The table for a terminal or a page: the scores over all classes first, then class by class.

    Of many classes only those are listed that have pictures, and detectors' at IoU .50 alone.

    Example:
        >>> rows({"accuracy": Estimate(0.931, 0.918, 0.943, 900)})
        [Row(name='accuracy', value='93.10 %', interval='91.80–94.30')]
    """
    absent = {key for key, each in metrics.items() if "/" in key and each.value != each.value}
    left_out = absent if len(absent) > MOST_ABSENT else set()
    strict = {key for key in metrics if key.startswith("map/")}
    if len(strict) > MOST_CLASSES:
        left_out |= strict
    # Stable: each part keeps its order.
    ordered = sorted((key for key in metrics if key not in left_out), key=lambda key: "/" in key)
    return [Row(title(key), *_texts(key, metrics[key])) for key in ordered]


def title(key: str) -> str:
    """A metric's name in words, as in "IoU of Sky" for `iou/Sky`."""
    name, slash, of_class = key.partition("/")
    if slash:
        return f"{CLASS_TITLES.get(name, name)} of {of_class}"
    return TITLES.get(name, name.replace("_", " "))


def _texts(key: str, estimate: Estimate) -> tuple[str, str]:
    if estimate.value != estimate.value:
        return "–", "not in these pictures"
    if key in NOT_SHARES:
        return f"{estimate.value:.3f}", f"{estimate.low:.3f}–{estimate.high:.3f}"
    return f"{100 * estimate.value:.2f} %", f"{100 * estimate.low:.2f}–{100 * estimate.high:.2f}"
