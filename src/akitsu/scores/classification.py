"""Scores of a classifier: accuracy, log loss, and the matrix of what was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, ShapeError
from akitsu.runtime.results import Classification
from akitsu.scores.interval import Estimate, Weights, bootstrap

# A float32 probability of 0 would cost infinity; its rounding step is the least that it can mean.
LEAST_PROBABILITY = float(np.finfo(np.float32).eps)


class ClassificationScores:
    """Gathers answers picture by picture or batch by batch, and scores them.

    Args:
        classes: K names.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = list(classes)
        self._names: list[str] = []
        self._labels: list[int] = []
        self._predicted: list[int] = []
        self._confidence: list[float] = []
        self._loss: list[float] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(self, result: Classification, label: int, name: str) -> None:
        """Take in one picture's answer and its true label."""
        self.add_batch(result.probabilities[None], np.array([label]), [name])

    def add_batch(
        self,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer],
        names: Sequence[str] = (),
    ) -> None:
        """Take in a batch.

        Args:
            probabilities: (B, K), each row summing to 1.
            labels: (B,) true class indices.
            names: B names for the report; without them pictures are called by their number.

        Raises:
            ShapeError: If the three do not fit one another or the classes.
            DataError: If a label is no class.
        """
        self._check(probabilities, labels, names)
        rows = np.arange(len(labels))
        predicted = probabilities.argmax(1) if len(rows) else rows
        first = len(self)
        self._names += list(names) or [f"#{number}" for number in range(first, first + len(labels))]
        self._labels += labels.tolist()
        self._predicted += predicted.tolist()
        self._confidence += probabilities[rows, predicted].tolist()
        likelihood = probabilities[rows, labels].astype(np.float64)
        self._loss += (-np.log(likelihood.clip(LEAST_PROBABILITY, 1.0))).tolist()

    def extend(self, other: Self) -> None:
        """Take in all that another has gathered, after one's own."""
        self._names += other._names
        self._labels += other._labels
        self._predicted += other._predicted
        self._confidence += other._confidence
        self._loss += other._loss

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K): how often truth i was taken for j."""
        k = len(self.classes)
        pairs = np.array(self._labels, np.int64) * k + np.array(self._predicted, np.int64)
        return np.bincount(pairs, minlength=k * k).reshape(k, k)

    def values(self) -> dict[str, float]:
        """The scores without intervals, for a line of the log."""
        return self._statistic()(np.ones(len(self)))

    def metrics(self, *, rounds: int = 1000, seed: int = 0) -> dict[str, Estimate]:
        """`accuracy`, `log_loss`, and `accuracy/<class>`: the part of a class that was found.

        A class without pictures scores NaN.
        """
        return bootstrap(self._statistic(), len(self), rounds=rounds, seed=seed)

    def worst(self, n: int) -> list[tuple[str, int, str]]:
        """The n pictures of greatest loss, worst first: name, index in order of adding, what."""
        loss = np.array(self._loss, np.float64)
        order = np.argsort(-loss, kind="stable")[:n]
        return [(self._names[index], int(index), self._what(int(index))) for index in order]

    def _what(self, index: int) -> str:
        label = self._labels[index]
        predicted = self._predicted[index]
        confidence = self._confidence[index]
        truth, guess = self.classes[label], self.classes[predicted]
        if truth == guess:
            return f"{truth}, but only {confidence:.0%} sure".replace("%", " %")
        return f"{truth} taken for {guess} ({confidence:.0%})".replace("%", " %")

    def _statistic(self) -> _Statistic:
        return _Statistic(
            self.classes,
            labels=np.array(self._labels, np.int64),
            predicted=np.array(self._predicted, np.int64),
            loss=np.array(self._loss, np.float64),
        )

    def _check(
        self,
        probabilities: NDArray[np.floating],
        labels: NDArray[np.integer],
        names: Sequence[str],
    ) -> None:
        k = len(self.classes)
        if probabilities.ndim != 2 or probabilities.shape[1] != k:
            raise ShapeError(
                f"probabilities have shape {probabilities.shape}", do=f"pass {k} for each picture"
            )
        if len(labels) != len(probabilities) or (names and len(names) != len(labels)):
            raise ShapeError(
                f"{len(probabilities)} answers, {len(labels)} labels and {len(names)} names",
                do="pass as many of each",
            )
        wrong = np.flatnonzero((labels < 0) | (labels >= k))
        if len(wrong):
            row = int(wrong[0])
            raise DataError(
                f"label {labels[row]} in a set with {k} classes",
                where=names[row] if names else f"picture {len(self) + row}",
                do="correct the label or name the class in data.classes",
            )


class _Statistic:
    """Sums over pictures, kept as a matrix, so that a resampling is one product."""

    def __init__(
        self,
        classes: list[str],
        *,
        labels: NDArray[np.int64],
        predicted: NDArray[np.int64],
        loss: NDArray[np.float64],
    ) -> None:
        self.classes, self.labels, self.loss = classes, labels, loss
        self.right = (labels == predicted).astype(np.float64)

    def __call__(self, weights: Weights) -> dict[str, float]:
        k = len(self.classes)
        pictures = np.bincount(self.labels, weights, minlength=k)
        right = np.bincount(self.labels, weights * self.right, minlength=k)
        with np.errstate(invalid="ignore"):  # 0 of 0 pictures is NaN, as it should be
            per_class = right / pictures
            accuracy = right.sum() / pictures.sum()
            log_loss = weights @ self.loss / pictures.sum()
        scores = {"accuracy": float(accuracy), "log_loss": float(log_loss)}
        named = zip(self.classes, per_class.tolist(), strict=True)
        return scores | {f"accuracy/{name}": value for name, value in named}
