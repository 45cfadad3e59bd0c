"""A table of pixels answered row by row: the file that Kaggle's Digit Recognizer asks for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.registry import ReaderOptions, read
from akitsu.errors import DataError, ModelFileError
from akitsu.files import require_absent, write_text
from akitsu.report.worst import draw_worst
from akitsu.runtime.card import ModelCard
from akitsu.runtime.frames import with_channels
from akitsu.runtime.recognizer import Predict
from akitsu.scores.calibration import at_temperature, expected_accuracy

# So many small pictures stay in a core's caches.
BATCH = 256
LEAST_SURE = 24


@dataclass(frozen=True)
class Submission:
    """What was answered.

    Attributes:
        rows: Of the table.
        confidence: Mean probability of the answers, 0 to 1. Where the model is calibrated and the
            rows are like its validation set, it is the share of right ones to expect.
        expected: Accuracy to expect by the model's score on its validation set, and the ends of
            its 95 % interval for so many rows; None where the model has no such score. Weights
            that were chosen on that set make it a little too high.
        least_sure: A picture of the rows whose answers are the least probable.
    """

    rows: int
    confidence: float
    expected: tuple[float, float, float] | None
    least_sure: Path

    def to_json(self) -> dict[str, Any]:
        """The same for a machine."""
        ends = None
        if self.expected is not None:
            ends = dict(zip(("value", "low", "high"), self.expected, strict=True))
        return {
            "rows": self.rows,
            "confidence": round(self.confidence, 6),
            "expected_accuracy": ends,
            "least_sure": str(self.least_sure),
        }

    def __str__(self) -> str:
        sure = f"mean probability of the answers {100 * self.confidence:.2f} %"
        if self.expected is None:
            return sure
        value, low, high = (100 * share for share in self.expected)
        known = f"expected score {value:.2f} % ({low:.2f}–{high:.2f}), from the validation set"
        return f"{known}; {sure}"


@dataclass(frozen=True)
class Answers:
    """A table's rows, answered and written.

    Attributes:
        file: The submission.
        images: (N, H, W, C) uint8: the rows.
        probabilities: (N, K) float32, each row summing to 1.
        classes: K names.
    """

    file: Path
    images: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]

    def at_temperature(self, temperature: float) -> Answers:
        """The same answers with their logits divided by `temperature`: as sure as they may be."""
        tempered = at_temperature(self.probabilities, temperature)
        return replace(self, probabilities=tempered)

    def judged(self, card: ModelCard) -> Submission:
        """Say how right the answers may be, and draw the doubtful beside the submission."""
        picture = least_sure_of(self.file)
        _draw_least_sure(picture, self.images, self.probabilities, classes=self.classes)
        rows, confidence = len(self.images), float(self.probabilities.max(1).mean())
        return Submission(rows, confidence, _expected(card, rows), picture)


def least_sure_of(submission: Path) -> Path:
    """Where the picture of a submission's doubtful rows lies."""
    return submission.with_name(f"{submission.stem}-least-sure.png")


def write_submission(
    predict: Predict, table: Path, output: Path, *, card: ModelCard, force: bool = False
) -> Submission:
    """Recognise every row of a table, write `ImageId,Label`, ids from 1, and draw the doubtful.

    Args:
        predict: (B, H, W, C) uint8 inputs to the outputs of a model file, by name.
        table: Pixels as in `pixel-csv`, with or without labels.
        output: The file to write; beside it comes `<its name>-least-sure.png`.
        card: The model's, of a classifier.
        force: Replace what is there.

    Raises:
        ModelFileError: If the model is no classifier.
        DataError: If the pictures have another size than the model's input.
        FaultsError: If the table is broken.
        OutputError: If one of the two files is there and `force` is False.
    """
    return write_answers(predict, table, output, card=card, force=force).judged(card)


def write_answers(
    predict: Predict, table: Path, output: Path, *, card: ModelCard, force: bool = False
) -> Answers:
    """The first half of `write_submission`: the file alone, for whom it cannot come too soon."""
    require_absent(output, least_sure_of(output), force=force)
    if card.task != "classification":
        raise ModelFileError(
            f"a table of pixels is for classifiers, and this model does {card.task}",
            where=table,
            do="name pictures or a folder of them",
        )
    rows: Any = read(table, "all", format="pixel-csv", options=ReaderOptions(classes=card.classes))
    wanted = (*card.input_hw, card.channels)
    if rows.images.shape[1:] != wanted:
        raise DataError(
            f"pictures of {rows.images.shape[1]} x {rows.images.shape[2]} pixels where the model "
            f"wants {wanted[0]} x {wanted[1]}",
            where=table,
            do="use the table that belongs to the model's training data",
        )
    probabilities = _probabilities(predict, rows.images)
    names = [card.classes[label] for label in probabilities.argmax(1)]
    lines = [f"{number},{name}\n" for number, name in enumerate(names, 1)]
    write_text(output, "ImageId,Label\n" + "".join(lines), force=force)
    return Answers(output, rows.images, probabilities, card.classes)


def _probabilities(predict: Predict, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    parts = [images[first : first + BATCH] for first in range(0, len(images), BATCH)]
    return np.concatenate([predict(part)["probabilities"] for part in parts])


def _expected(card: ModelCard, rows: int) -> tuple[float, float, float] | None:
    score = card.scores.get("accuracy", {})
    value, n = score.get("value"), score.get("n")
    if value is None or not n:
        return None
    return expected_accuracy(round(value * n), round(n), rows)


def _draw_least_sure(
    path: Path,
    images: NDArray[np.uint8],
    probabilities: NDArray[np.float32],
    *,
    classes: tuple[str, ...],
) -> None:
    order = np.argsort(probabilities.max(1), kind="stable")[:LEAST_SURE]
    entries = []
    for index in order:
        best = np.argsort(-probabilities[index], kind="stable")[:2]
        guesses = [f"{classes[each]} ({probabilities[index, each]:.0%})" for each in best]
        caption = f"row {index + 1}: {' or '.join(guesses)}".replace("%", " %")
        entries.append((with_channels(images[index], 3), None, None, caption))
    draw_worst(path, entries)
