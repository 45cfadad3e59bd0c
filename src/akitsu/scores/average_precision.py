"""Average precision of one class over all pictures, for many weighings of the pictures at once.

Matching is done once a picture; a resampling only weighs the verdicts anew. That a picture drawn
twice is a picture of weight two holds exactly, since precision is interpolated: the points between
the twins' detections never stand above the point behind them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from akitsu.scores.interval import Weights
from akitsu.scores.matching import Verdicts
from akitsu.scores.rules import Rule

# Numbers in one intermediate array: more draws are taken in parts.
MOST_NUMBERS = 4_000_000


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


def tabled(
    pictures: Sequence[Mapping[int, Verdicts]], *, classes: int, thresholds: int, rule: Rule
) -> list[Table]:
    """One table for each class.

    Args:
        pictures: Verdicts by class, of those classes that are there or were seen.
        classes: K.
        thresholds: IoU thresholds (T) in each verdict.
        rule: How a curve becomes one number.
    """
    by_class: list[list[tuple[int, Verdicts]]] = [[] for _ in range(classes)]
    for index, picture in enumerate(pictures):
        for label, verdicts in picture.items():
            by_class[label].append((index, verdicts))
    return [Table(part, count=len(pictures), thresholds=thresholds, rule=rule) for part in by_class]


def mean_over_classes(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R,) from (K, R): of the classes that have a figure; NaN where none has.

    Example:
        >>> mean_over_classes(np.array([[0.5, np.nan], [1.0, np.nan], [np.nan, np.nan]]))
        array([0.75,  nan])
    """
    defined = ~np.isnan(figures)
    mean = np.full(figures.shape[1], np.nan)
    total = np.where(defined, figures, 0).sum(0)
    np.divide(total, defined.sum(0), out=mean, where=defined.any(0))
    return mean


class Table:
    """All detections of one class, best first, in the form that a resampling needs."""

    def __init__(
        self, pictures: Sequence[tuple[int, Verdicts]], *, count: int, thresholds: int, rule: Rule
    ) -> None:
        """Gather the verdicts.

        Args:
            pictures: Index and verdict of every picture that has a box or a detection of the class.
            count: Pictures in all.
            thresholds: IoU thresholds (T) in each verdict.
            rule: How a curve becomes one number.
        """
        self.rule, self.thresholds = rule, thresholds
        self.boxes = np.zeros(count)
        for index, verdicts in pictures:
            self.boxes[index] = verdicts.boxes
        none = np.zeros((thresholds, 0), np.bool_)
        scores = np.concatenate([np.empty(0), *(v.scores for _, v in pictures)])
        right = np.concatenate([none, *(v.right for _, v in pictures)], axis=1)
        ignored = np.concatenate([none, *(v.ignored for _, v in pictures)], axis=1)
        owners = [np.full(len(v.scores), index) for index, v in pictures]
        picture = np.concatenate([np.empty(0, np.int64), *owners])
        order = np.argsort(-scores, kind="stable")
        # What counts nowhere is as if it were not there.
        order = order[np.flatnonzero((~ignored[:, order]).any(0))]
        right, counted = right[:, order], ~ignored[:, order]
        self.scores, self.picture = scores[order], picture[order]
        # Interpolated precision has its steps where something was found: the rest is only counted.
        self.steps = np.flatnonzero(right.any(0))
        self.right = right[:, self.steps].astype(np.float64)
        # Without difficult boxes every threshold counts alike, and one row will do for all.
        self.counted = counted if (counted != counted[:1]).any() else counted[:1]

    def average_precision(self, weights: Weights) -> NDArray[np.float64]:
        """(R, T) for (R, n) weights of the pictures; NaN where the pictures drawn hold no box."""
        return self._in_parts(weights, self._average_precision)

    def recall(self, weights: Weights) -> NDArray[np.float64]:
        """(R, T) part of all boxes that was found at all; NaN where there is none."""
        return self._in_parts(weights, self._recall)

    def curve(self) -> Curve:
        """Precision and recall at IoU .5 after each detection that counts."""
        right = np.zeros(len(self.scores))
        right[self.steps] = self.right[0]
        counted = self.counted[0]
        found, total = np.cumsum(right[counted]), np.arange(1, counted.sum() + 1)
        boxes = max(float(self.boxes.sum()), 1.0)
        average = float(self.average_precision(np.ones((1, len(self.boxes))))[0, 0])
        return Curve(found / boxes, found / total, self.scores[counted], average)

    def _in_parts(
        self, weights: Weights, figure: Callable[[Weights], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        numbers = self.thresholds * len(self.steps) + len(self.counted) * len(self.scores)
        step = max(1, MOST_NUMBERS // max(numbers, 1))
        parts = [figure(weights[at : at + step]) for at in range(0, len(weights), step)]
        whole = np.concatenate([np.empty((0, self.thresholds)), *parts])
        whole[weights @ self.boxes == 0] = np.nan
        return whole

    def _average_precision(self, weights: Weights) -> NDArray[np.float64]:
        if not len(self.steps):
            return np.zeros((len(weights), self.thresholds))
        weight = weights[:, self.picture]
        found = np.cumsum(self.right * weight[:, None, self.steps], axis=2)
        counted = np.cumsum(self.counted * weight[:, None], axis=2)[:, :, self.steps]
        # A detection of weight 0 at the very top has counted nothing yet, and found nothing.
        precision = found / np.maximum(counted, np.finfo(np.float64).tiny)
        envelope = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1]
        boxes = np.maximum(weights @ self.boxes, 1)
        gained = np.diff(self.rule.share(found / boxes[:, None, None]), prepend=0, axis=2)
        average: NDArray[np.float64] = (envelope * gained).sum(2)
        return average

    def _recall(self, weights: Weights) -> NDArray[np.float64]:
        boxes = np.maximum(weights @ self.boxes, 1)
        recall: NDArray[np.float64] = weights[:, self.picture[self.steps]] @ self.right.T
        return recall / boxes[:, None]
