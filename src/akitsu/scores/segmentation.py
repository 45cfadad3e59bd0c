"""Scores of a segmenter: intersection over union, from one confusion matrix over all pixels.

The matrix is summed over the whole set before anything is divided (arXiv:1411.4038, section 5):
the mean of the pictures' own IoU is another number, which one pixel of a rare class can swing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, ShapeError
from akitsu.scores.interval import Estimate, Weights, bootstrap

IGNORE = 255


class SegmentationScores:
    """Gathers masks picture by picture, and scores them; pixels of truth 255 never enter.

    Args:
        classes: K names, K at most 255.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = list(classes)
        self.confusion: NDArray[np.uint64] = np.zeros((len(classes),) * 2, np.uint64)
        """(K, K) pixels: how often truth i was taken for j."""
        self._names: list[str] = []
        # Of each picture's matrix three sums per class are kept: the whole would fill the memory.
        self._sums: list[NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return len(self._names)

    def add(
        self, mask_predicted: NDArray[np.uint8], mask_truth: NDArray[np.uint8], name: str
    ) -> None:
        """Take in one picture.

        Args:
            mask_predicted: (H, W) class indices; anything where the truth is 255.
            mask_truth: (H, W) class indices, 255 = ignore.
            name: For the report and for messages.

        Raises:
            ShapeError: If the two differ in size.
            DataError: If either holds a class that the set does not have.
        """
        if mask_predicted.shape != mask_truth.shape or mask_truth.ndim != 2:
            raise ShapeError(
                f"the prediction has shape {mask_predicted.shape}, the truth {mask_truth.shape}",
                where=name,
                do="pass two masks (H, W) of one size",
            )
        counted = mask_truth != IGNORE
        _refuse_unknown(mask_truth, counted, k=len(self.classes), where=name)
        _refuse_unknown(mask_predicted, counted, k=len(self.classes), where=f"{name}, prediction")
        matrix = _confusion(mask_predicted[counted], mask_truth[counted], k=len(self.classes))
        self.confusion += matrix
        self._sums.append(np.stack([matrix.diagonal(), matrix.sum(1), matrix.sum(0)]))
        self._names.append(name)

    def extend(self, other: Self) -> None:
        """Take in all that another has gathered, after one's own."""
        self.confusion = self.confusion + other.confusion
        self._sums += other._sums
        self._names += other._names

    @property
    def classes_in_mean(self) -> int:
        """How many classes `miou` is the mean of: those that truth or prediction hold."""
        return int((self._union(self._total()) > 0).sum())

    def values(self) -> dict[str, float]:
        """The scores without intervals, for a line of the log."""
        return self._scores(self._total())

    def metrics(self, *, rounds: int = 1000, seed: int = 0) -> dict[str, Estimate]:
        """The scores by name, each with its interval over pictures.

        `miou` is the mean over classes that occur in truth or prediction, `pixel_accuracy` the part
        of pixels that are right, `mean_class_accuracy` the mean over the classes of the truth of
        the part that was found, `frequency_weighted_iou` weighs each IoU by its pixels of truth,
        and `iou/<class>` is NaN for a class that occurs in neither.
        """
        return bootstrap(self.statistic(), len(self), rounds=rounds, seed=seed)

    def statistic(self) -> Callable[[Weights], dict[str, float]]:
        """The scores as a function of the pictures' weights, for a resampling."""
        sums = self._per_picture().reshape(len(self), 3 * len(self.classes)).astype(np.float64)

        def of_weights(weights: Weights) -> dict[str, float]:
            return self._scores((weights @ sums).reshape(3, -1))

        return of_weights

    def worst(self, n: int) -> list[tuple[str, int, str]]:
        """The n pictures of lowest mIoU of their own: name, index in order of adding, what."""
        per_picture = [self._scores(sums.astype(np.float64)) for sums in self._sums]
        own = np.array([scores["miou"] for scores in per_picture])
        order = [int(index) for index in np.argsort(own, kind="stable") if own[index] == own[index]]
        return [
            (self._names[index], index, self._what(per_picture[index], index=index))
            for index in order[:n]
        ]

    def _what(self, scores: dict[str, float], *, index: int) -> str:
        present = [self.classes[label] for label in np.flatnonzero(self._sums[index][1])]
        lowest = sorted(present, key=lambda name: scores[f"iou/{name}"])[:2]
        parts = [f"{name} {scores[f'iou/{name}']:.0%}" for name in lowest]
        return f"mIoU {scores['miou']:.0%}: {', '.join(parts)}".replace("%", " %")

    def _per_picture(self) -> NDArray[np.uint64]:
        empty = np.zeros((0, 3, len(self.classes)), np.uint64)
        return np.stack(self._sums) if self._sums else empty

    def _total(self) -> NDArray[np.float64]:
        total: NDArray[np.float64] = self._per_picture().sum(0).astype(np.float64)
        return total

    @staticmethod
    def _union(sums: NDArray[np.float64]) -> NDArray[np.float64]:
        right, truth, predicted = sums
        union: NDArray[np.float64] = truth + predicted - right
        return union

    def _scores(self, sums: NDArray[np.float64]) -> dict[str, float]:
        right, truth, _ = sums
        with np.errstate(invalid="ignore"):  # 0 of 0 pixels is NaN, as it should be
            iou = right / self._union(sums)
            found = right / truth
            frequency = truth / truth.sum()
            pixel_accuracy = right.sum() / truth.sum()
        weighted = np.where(truth > 0, frequency * iou, 0.0).sum()
        scores = {
            "miou": _mean_of_defined(iou),
            "pixel_accuracy": float(pixel_accuracy),
            "mean_class_accuracy": _mean_of_defined(found),
            "frequency_weighted_iou": float(weighted) if truth.any() else float("nan"),
        }
        named = zip(self.classes, iou.tolist(), strict=True)
        return scores | {f"iou/{name}": value for name, value in named}


def _confusion(
    predicted: NDArray[np.uint8], truth: NDArray[np.uint8], *, k: int
) -> NDArray[np.uint64]:
    pairs = truth.astype(np.int64) * k + predicted
    return np.bincount(pairs, minlength=k * k).reshape(k, k).astype(np.uint64)


def _refuse_unknown(
    mask: NDArray[np.uint8], counted: NDArray[np.bool_], *, k: int, where: str
) -> None:
    wrong = counted & (mask >= k)
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise DataError(
            f"class {mask[row, column]} of a set with {k} classes",
            where=f"{where}, row {row}, column {column}",
            do=f"map it to {IGNORE} (ignore) or name it in data.classes",
        )


def _mean_of_defined(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
