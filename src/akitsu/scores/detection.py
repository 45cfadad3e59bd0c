"""Scores of a detector: average precision by the protocol of COCO, with intervals over pictures.

Matching is done once a picture; a resampling only weighs the verdicts anew. That a picture drawn
twice is a picture of weight two holds exactly, since precision is interpolated: the points between
the twins' detections never stand above the point behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, ShapeError
from akitsu.runtime.results import Detections
from akitsu.scores.interval import Estimate, Weights, bootstrap
from akitsu.scores.matching import IOU_THRESHOLDS, Matches, match

RECALLS = np.linspace(0, 1, 101)
STRICT = 5  # index of IoU .75 in IOU_THRESHOLDS


@dataclass(frozen=True)
class Curve:
    """Precision against recall at IoU .5 as the score threshold falls.

    Attributes:
        recall: (P,) rising, one point a detection.
        precision: (P,) as counted, not interpolated.
        scores: (P,) the score threshold at each point.
        average: Average precision, NaN for a class without boxes.
    """

    recall: NDArray[np.float64]
    precision: NDArray[np.float64]
    scores: NDArray[np.float64]
    average: float


class DetectionScores:
    """Gathers detections picture by picture, and scores them.

    Args:
        classes: K names.
        score_threshold: What the robot will act on (the model card's threshold): the worst
            pictures are judged by it. Average precision asks for all detections, however doubtful.
    """

    def __init__(self, classes: Sequence[str], *, score_threshold: float = 0.5) -> None:
        self.classes = list(classes)
        self.score_threshold = score_threshold
        self._names: list[str] = []
        self._matches: list[list[Matches]] = []  # picture by picture, class by class

    def __len__(self) -> int:
        return len(self._names)

    def add(
        self,
        result: Detections,
        boxes: NDArray[np.floating],
        labels: NDArray[np.integer],
        difficult: NDArray[np.bool_] | None,
        name: str,
    ) -> None:
        """Take in one picture.

        Args:
            result: What was detected, in the pixels of `boxes`.
            boxes: (N, 4) XYXY truth; N may be 0.
            labels: (N,) their classes.
            difficult: (N,) boxes that need not be found, and whose finding is no mistake.
            name: For the report and for messages.

        Raises:
            ShapeError: If the arrays do not fit one another.
            DataError: If a label is no class.
        """
        if difficult is None:
            difficult = np.zeros(len(boxes), np.bool_)
        self._check(boxes, labels, difficult, where=name)
        self._names.append(name)
        self._matches.append(
            [
                match(
                    result.boxes[result.labels == label],
                    result.scores[result.labels == label],
                    boxes=boxes[labels == label],
                    difficult=difficult[labels == label],
                )
                for label in range(len(self.classes))
            ]
        )

    def extend(self, other: Self) -> None:
        """Take in all that another has gathered, after one's own."""
        self._names += other._names
        self._matches += other._matches

    def values(self) -> dict[str, float]:
        """The scores without intervals, for a line of the log."""
        return self.statistic()(np.ones(len(self)))

    def metrics(self, *, rounds: int = 300, seed: int = 0) -> dict[str, Estimate]:
        """`map50`, `map` (the mean over IoU .50:.05:.95), `map75` and `map50/<class>`.

        A class without boxes scores NaN and is left out of the means. A round costs more than for
        the other tasks, so that 300 are drawn: enough for the first two figures of an interval.
        """
        return bootstrap(self.statistic(), len(self), rounds=rounds, seed=seed)

    def curves(self) -> dict[str, Curve]:
        """One curve for each class."""
        tables = zip(self.classes, self._tables(), strict=True)
        ones = np.ones(len(self))
        return {name: table.curve(ones) for name, table in tables}

    def worst(self, n: int) -> list[tuple[str, int, str]]:
        """The n pictures of lowest F1 (IoU .5) at the score threshold: name, index, what."""
        counts = [self._count(picture) for picture in self._matches]
        order = sorted(range(len(self)), key=lambda i: (_f1(*counts[i]), -sum(counts[i][1:])))
        return [(self._names[i], i, _what(*counts[i])) for i in order[:n]]

    def _count(self, picture: list[Matches]) -> tuple[int, int, int]:
        """Found, missed and false boxes of one picture at the score threshold."""
        found = wrong = boxes = 0
        for matches in picture:
            sure = matches.scores >= self.score_threshold
            found += int((matches.right[0] & sure).sum())
            wrong += int((~matches.right[0] & ~matches.ignored[0] & sure).sum())
            boxes += matches.boxes
        return found, boxes - found, wrong

    def statistic(self) -> Callable[[Weights], dict[str, float]]:
        """The scores as a function of the pictures' weights, for a resampling."""
        return _Statistic(self.classes, self._tables())

    def _tables(self) -> list[_Table]:
        return [
            _Table([picture[label] for picture in self._matches])
            for label in range(len(self.classes))
        ]

    def _check(
        self,
        boxes: NDArray[np.floating],
        labels: NDArray[np.integer],
        difficult: NDArray[np.bool_],
        *,
        where: str,
    ) -> None:
        n, k = len(labels), len(self.classes)
        if boxes.shape != (n, 4) or difficult.shape != (n,):
            raise ShapeError(
                f"boxes {boxes.shape}, labels {labels.shape} and difficult {difficult.shape}",
                where=where,
                do="pass (N, 4), (N,) and (N,)",
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= k))
        if len(wrong):
            raise DataError(
                f"label {labels[wrong[0]]} in a set with {k} classes",
                where=f"{where}, box {wrong[0]}",
                do="correct the label or name the class in data.classes",
            )


class _Table:
    """All detections of one class, best first, in the form that a resampling needs."""

    def __init__(self, pictures: list[Matches]) -> None:
        self.boxes = np.array([picture.boxes for picture in pictures], dtype=np.float64)
        scores = np.concatenate([np.empty(0), *(picture.scores for picture in pictures)])
        order = np.argsort(-scores, kind="stable")
        owners = [np.full(len(p.scores), index) for index, p in enumerate(pictures)]
        none = np.zeros((len(IOU_THRESHOLDS), 0), np.bool_)
        right = np.concatenate([none, *(p.right for p in pictures)], axis=1)[:, order]
        counted = ~np.concatenate([none, *(p.ignored for p in pictures)], axis=1)[:, order]
        self.scores = scores[order]
        self.picture = np.concatenate([np.empty(0, np.int64), *owners])[order]
        # Interpolated precision has its steps where something was found: the rest is only counted.
        self.steps = np.flatnonzero(right.any(0))
        self.right = right[:, self.steps].astype(np.float64)
        # Without difficult boxes every threshold counts alike, and one row will do for all.
        self.counted = counted if (counted != counted[:1]).any() else counted[:1]

    def average_precision(self, weights: Weights) -> NDArray[np.float64]:
        """(T,) one for each IoU threshold; NaN where the pictures drawn hold no box."""
        boxes = weights @ self.boxes
        if boxes == 0:
            return np.full(len(IOU_THRESHOLDS), np.nan)
        if not len(self.steps):
            return np.zeros(len(IOU_THRESHOLDS))
        weight = weights[self.picture]
        found = np.cumsum(self.right * weight[self.steps], axis=1)
        counted = np.cumsum(self.counted * weight, axis=1)[:, self.steps]
        # A detection of weight 0 at the very top has counted nothing yet, and found nothing.
        precision = found / np.maximum(counted, np.finfo(np.float64).tiny)
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        return _interpolated(found / boxes, envelope)

    def curve(self, weights: Weights) -> Curve:
        """Precision and recall at IoU .5 after each detection that counts."""
        right = np.zeros(len(self.scores))
        right[self.steps] = self.right[0]
        counted = self.counted[0]
        found, total = np.cumsum(right[counted]), np.arange(1, counted.sum() + 1)
        boxes = max(float(self.boxes.sum()), 1.0)
        average = float(self.average_precision(weights)[0])
        return Curve(found / boxes, found / total, self.scores[counted], average)


def _interpolated(
    recall: NDArray[np.float64], envelope: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(T,) mean over 101 recalls of the best precision at that recall or beyond."""
    padded = np.concatenate([envelope, np.zeros((len(envelope), 1))], axis=1)
    return np.array(
        [row[np.searchsorted(r, RECALLS)].mean() for r, row in zip(recall, padded, strict=True)]
    )


class _Statistic:
    def __init__(self, classes: list[str], tables: list[_Table]) -> None:
        self.classes, self.tables = classes, tables

    def __call__(self, weights: Weights) -> dict[str, float]:
        table = np.array([table.average_precision(weights) for table in self.tables])
        defined = table[~np.isnan(table[:, 0])]
        mean = defined.mean(0) if len(defined) else np.full(len(IOU_THRESHOLDS), np.nan)
        scores = {"map50": mean[0], "map": mean.mean(), "map75": mean[STRICT]}
        named = zip(self.classes, table[:, 0], strict=True)
        scores |= {f"map50/{name}": value for name, value in named}
        return {name: float(value) for name, value in scores.items()}


def _f1(found: int, missed: int, wrong: int) -> float:
    asked = 2 * found + missed + wrong
    return 2 * found / asked if asked else 1.0


def _what(found: int, missed: int, wrong: int) -> str:
    return f"{found} found, {missed} missed, {wrong} false"
