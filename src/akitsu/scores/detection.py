"""Scores of a detector by the rules of COCO or VOC, with intervals over pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, ShapeError
from akitsu.runtime.results import Detections
from akitsu.scores.average_precision import Curve, Table, mean_over_classes, tabled
from akitsu.scores.detection_mistakes import KINDS, Mistakes, find_mistakes
from akitsu.scores.interval import Estimate, Weights, draws, estimate
from akitsu.scores.matching import IOU_THRESHOLDS, Matches, Verdicts, match
from akitsu.scores.rules import COCO, Rule

STRICT = 5  # index of IoU .75 in IOU_THRESHOLDS
# COCO's bands, by a box's area in pixels of the picture as it was taken; an area on a border
# belongs to both.
SIZES = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
Progress = Callable[[Iterable[Table]], Iterable[Table]]


@dataclass(frozen=True)
class Kind:
    """One kind of mistake.

    Attributes:
        count: How many there are at the score threshold.
        map50_gain: What mAP at IoU .50 would gain if all of them were mended and nothing else.
    """

    count: int
    map50_gain: Estimate


@dataclass(frozen=True)
class _Picture:
    result: Detections
    boxes: NDArray[np.floating]
    labels: NDArray[np.integer]
    difficult: NDArray[np.bool_]


class DetectionScores:
    """Gathers detections picture by picture, and scores them.

    Args:
        classes: K names.
        score_threshold: What the robot will act on (the model card's threshold): the worst
            pictures are judged by it. Average precision asks for all detections, however doubtful.
        rule: COCO's, or one of VOC's.
    """

    def __init__(
        self, classes: Sequence[str], *, score_threshold: float = 0.5, rule: Rule = COCO
    ) -> None:
        self.classes = list(classes)
        self.score_threshold = score_threshold
        self.rule = rule
        self._names: list[str] = []
        self._pictures: list[_Picture] = []
        self._matches: list[dict[int, Matches]] = []  # picture by picture, those of each class

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
        picture = _Picture(result, boxes, labels, difficult)
        self._names.append(name)
        self._pictures.append(picture)
        self._matches.append(self._judge(picture))

    def extend(self, other: Self) -> None:
        """Take in all that another has gathered, after one's own."""
        self._names += other._names
        self._pictures += other._pictures
        self._matches += other._matches

    def values(self) -> dict[str, float]:
        """`map50`, `map`, `map75` and `map50/<class>` without intervals, for a line of the log."""
        return self.statistic()(np.ones(len(self)))

    def statistic(self) -> Callable[[Weights], dict[str, float]]:
        """The same as a function of the pictures' weights, for a resampling."""
        tables = self._tables()

        def at(weights: Weights) -> dict[str, float]:
            precision = np.stack([table.average_precision(weights[None]) for table in tables])
            figures = _means(precision) | self._by_class("map50", precision[:, :, 0])
            return {name: float(each[0]) for name, each in figures.items()}

        return at

    def metrics(
        self, *, rounds: int = 300, seed: int = 0, progress: Progress = iter
    ) -> dict[str, Estimate]:
        """All scores with their intervals.

        `map50`, `map` (the mean over IoU .50:.05:.95) and `map75`; `map_small`, `map_medium` and
        `map_large`, which ask for boxes of COCO's three sizes; `ar`, the part of all boxes that is
        found at all, mean over IoU and classes; and by class `map50/<class>` and `map/<class>`. A
        class without boxes scores NaN and is left out of the means.

        Args:
            rounds: Draws; a round costs more than for the other tasks, and 300 are enough for the
                first two figures of an interval.
            seed: The same seed draws the same pictures.
            progress: Wraps the tables, of each class and size, to show how far it is.
        """
        weights = self._drawn(rounds, seed)
        whole, k = self._tables(), len(self.classes)
        tables = whole + [table for areas in SIZES.values() for table in self._tables(areas)]
        figures = np.stack([table.average_precision(weights) for table in progress(tables)])
        precision = figures[:k]
        scores = _means(precision)
        for number, size in enumerate(SIZES, 1):
            of_size = figures[number * k : (number + 1) * k]
            scores[f"map_{size}"] = mean_over_classes(of_size.mean(2))
        recall = np.stack([table.recall(weights) for table in whole])
        scores["ar"] = mean_over_classes(recall.mean(2))
        scores |= self._by_class("map50", precision[:, :, 0])
        scores |= self._by_class("map", precision.mean(2))
        return self._estimates(scores)

    def mistakes(self, *, rounds: int = 300, seed: int = 0) -> dict[str, Kind]:
        """What went wrong, in the six kinds of TIDE (arXiv:2008.08115).

        Args:
            rounds: Draws, for the interval of what mending would bring.
            seed: The same seed draws the same pictures.

        Returns:
            By kind, in the order of `detection_mistakes.KINDS`.
        """
        weights = self._drawn(rounds, seed)
        pictures = range(len(self))
        all_ = [self._mistakes(index, -np.inf) for index in pictures]
        certain = [self._mistakes(index, self.score_threshold) for index in pictures]
        before = self._map50([each.verdicts() for each in all_], weights)
        gains = {
            kind: self._map50([each.verdicts(mended=kind) for each in all_], weights) - before
            for kind in KINDS
        }
        return {
            kind: Kind(sum(each.count(kind) for each in certain), gain)
            for kind, gain in self._estimates(gains).items()
        }

    def curves(self) -> dict[str, Curve]:
        """One curve for each class."""
        tables = self._tables()
        return {name: table.curve() for name, table in zip(self.classes, tables, strict=True)}

    def worst(self, n: int) -> list[tuple[str, int, str]]:
        """The n pictures of lowest F1 (IoU .5) at the score threshold: name, index, what."""
        counts = [self._count(picture) for picture in self._matches]
        order = sorted(range(len(self)), key=lambda i: (_f1(*counts[i]), -sum(counts[i][1:])))
        return [(self._names[i], i, _what(*counts[i])) for i in order[:n]]

    def _count(self, picture: Mapping[int, Matches]) -> tuple[int, int, int]:
        """Found, missed and false boxes of one picture at the score threshold."""
        found = wrong = boxes = 0
        for matches in picture.values():
            sure = matches.scores >= self.score_threshold
            found += int((matches.right[0] & sure).sum())
            wrong += int((~matches.right[0] & ~matches.ignored[0] & sure).sum())
            boxes += matches.boxes
        return found, boxes - found, wrong

    def _judge(
        self, picture: _Picture, areas: tuple[float, float] | None = None
    ) -> dict[int, Matches]:
        """The verdicts on every class that is there or was seen in one picture."""
        result = picture.result
        return {
            label: match(
                result.boxes[result.labels == label],
                result.scores[result.labels == label],
                boxes=picture.boxes[picture.labels == label],
                difficult=picture.difficult[picture.labels == label],
                rule=self.rule,
                areas=areas,
            )
            for label in sorted({*result.labels.tolist(), *picture.labels.tolist()})
        }

    def _mistakes(self, index: int, least: float) -> Mistakes:
        picture = self._pictures[index]
        return find_mistakes(
            picture.result,
            picture.boxes,
            picture.labels,
            difficult=picture.difficult,
            matches=self._matches[index],
            least=least,
        )

    def _tables(self, areas: tuple[float, float] | None = None) -> list[Table]:
        judged = self._matches
        if areas is not None:
            judged = [self._judge(picture, areas) for picture in self._pictures]
        k, t = len(self.classes), len(IOU_THRESHOLDS)
        return tabled(judged, classes=k, thresholds=t, rule=self.rule)

    def _map50(self, pictures: Sequence[Mapping[int, Verdicts]], weights: Weights) -> Weights:
        """(R,) mAP of verdicts at the one IoU threshold .5."""
        tables = tabled(pictures, classes=len(self.classes), thresholds=1, rule=self.rule)
        precision = np.stack([table.average_precision(weights) for table in tables])
        return mean_over_classes(precision[:, :, 0])

    def _by_class(self, key: str, figures: NDArray[np.float64]) -> dict[str, Weights]:
        return {f"{key}/{name}": each for name, each in zip(self.classes, figures, strict=True)}

    def _drawn(self, rounds: int, seed: int) -> Weights:
        """(1 + R, n) weights: first the pictures as they are, then every draw."""
        return np.stack([np.ones(len(self)), *draws(len(self), rounds=rounds, seed=seed)])

    def _estimates(self, figures: Mapping[str, Weights]) -> dict[str, Estimate]:
        return {
            name: estimate(float(each[0]), each[1:], len(self)) for name, each in figures.items()
        }

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


def _means(precision: NDArray[np.float64]) -> dict[str, Weights]:
    """From (K, R, T) average precision to means over classes, (R,) each."""
    return {
        "map50": mean_over_classes(precision[:, :, 0]),
        "map": mean_over_classes(precision.mean(2)),
        "map75": mean_over_classes(precision[:, :, STRICT]),
    }


def _f1(found: int, missed: int, wrong: int) -> float:
    asked = 2 * found + missed + wrong
    return 2 * found / asked if asked else 1.0


def _what(found: int, missed: int, wrong: int) -> str:
    return f"{found} found, {missed} missed, {wrong} false"
