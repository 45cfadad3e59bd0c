"""Scores of a classifier: accuracy, log loss, and the matrix of what was taken for what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, ShapeError
from akitsu.runtime.results import Classification
from akitsu.scores.calibration import at_temperature
from akitsu.scores.interval import Estimate, Weights, bootstrap

# A float32 probability of 0 would cost infinity; its rounding step is the least that it can mean.
LEAST_PROBABILITY = float(np.finfo(np.float32).eps)

# With ten classes or fewer, five guesses are no feat.
LEAST_CLASSES_FOR_TOP5 = 10
# Of the calibration error, by confidence.
BINS = 15


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
        self._probabilities: list[NDArray[np.float32]] = []

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
        self._probabilities.append(probabilities.astype(np.float32))

    def extend(self, other: Self) -> None:
        """Take in all that another has gathered, after one's own."""
        self._names += other._names
        self._labels += other._labels
        self._predicted += other._predicted
        self._confidence += other._confidence
        self._loss += other._loss
        self._probabilities += other._probabilities

    @property
    def probabilities(self) -> NDArray[np.float32]:
        """(N, K), as they were added."""
        return np.concatenate([np.empty((0, len(self.classes)), np.float32), *self._probabilities])

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,) true class indices."""
        return np.array(self._labels, np.int64)

    def at_temperature(self, temperature: float) -> Self:
        """The scores of the same answers with their logits divided by `temperature`."""
        scores = type(self)(self.classes)
        scores.add_batch(
            at_temperature(self.probabilities, temperature), self.labels, list(self._names)
        )
        return scores

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(K, K): how often truth i was taken for j."""
        k = len(self.classes)
        pairs = np.array(self._labels, np.int64) * k + np.array(self._predicted, np.int64)
        return np.bincount(pairs, minlength=k * k).reshape(k, k)

    def values(self) -> dict[str, float]:
        """The scores without intervals, for a line of the log."""
        return self.statistic()(np.ones(len(self)))

    def metrics(self, *, rounds: int = 1000, seed: int = 0) -> dict[str, Estimate]:
        """`accuracy`, `log_loss`, `calibration_error`, and `accuracy/<class>`.

        Of more than 10 classes also `top5_accuracy`: the truth is among the five most probable.

        The calibration error is the expected one of Guo et al. (arXiv:1706.04599, equation 3) with
        15 bins: how far the probability of the answer is from the share of right ones, on average.
        `accuracy/<class>` is the part of a class that was found; without pictures it is NaN.
        """
        return bootstrap(self.statistic(), len(self), rounds=rounds, seed=seed)

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

    def statistic(self) -> Callable[[Weights], dict[str, float]]:
        """The scores as a function of the pictures' weights, for a resampling."""
        return _Statistic(
            self.classes,
            labels=np.array(self._labels, np.int64),
            predicted=np.array(self._predicted, np.int64),
            loss=np.array(self._loss, np.float64),
            confidence=np.array(self._confidence, np.float64),
            in_top5=self._in_top5() if len(self.classes) > LEAST_CLASSES_FOR_TOP5 else None,
        )

    def _in_top5(self) -> NDArray[np.float64]:
        """(N,) 1 where the truth is among the five most probable; of equal ones, the first five."""
        probabilities, rows = self.probabilities, np.arange(len(self))
        own = probabilities[rows, self.labels][:, None]
        earlier = np.arange(len(self.classes)) < self.labels[:, None]
        ahead = (probabilities > own) | ((probabilities == own) & earlier)
        in_top5: NDArray[np.float64] = (ahead.sum(1) < 5).astype(np.float64)
        return in_top5

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
        confidence: NDArray[np.float64],
        in_top5: NDArray[np.float64] | None,
    ) -> None:
        self.classes, self.labels, self.loss = classes, labels, loss
        self.right = (labels == predicted).astype(np.float64)
        self.bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
        self.excess = confidence - self.right
        self.in_top5 = in_top5

    def __call__(self, weights: Weights) -> dict[str, float]:
        k = len(self.classes)
        pictures = np.bincount(self.labels, weights, minlength=k)
        right = np.bincount(self.labels, weights * self.right, minlength=k)
        with np.errstate(invalid="ignore"):  # 0 of 0 pictures is NaN, as it should be
            per_class = right / pictures
            accuracy = right.sum() / pictures.sum()
            log_loss = weights @ self.loss / pictures.sum()
            excess = np.bincount(self.bins, weights * self.excess, minlength=BINS)
            calibration_error = np.abs(excess).sum() / pictures.sum()
        scores = {"accuracy": float(accuracy)}
        if self.in_top5 is not None:
            scores["top5_accuracy"] = float(weights @ self.in_top5 / weights.sum())
        scores |= {"log_loss": float(log_loss), "calibration_error": float(calibration_error)}
        named = zip(self.classes, per_class.tolist(), strict=True)
        return scores | {f"accuracy/{name}": value for name, value in named}
