"""The pictures of an evaluation: what was confused, how sure, and where it went worst."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.sample import Dataset, Sample
from akitsu.report.bars import draw_bars
from akitsu.report.confusion import MOST_DRAWN, draw_confusion, most_confused
from akitsu.report.curves import draw_precision_recall
from akitsu.report.mistakes import draw_mistakes
from akitsu.report.page import Picture
from akitsu.report.worst import Entry, draw_worst
from akitsu.runtime.drawing import readable_scale
from akitsu.runtime.frames import with_channels
from akitsu.runtime.results import Classification, Detections, Result, Segmentation
from akitsu.scores.classification import ClassificationScores
from akitsu.scores.detection import DetectionScores, Kind
from akitsu.scores.evaluate import Scores
from akitsu.scores.interval import Estimate

# Main score and the score by class, for the bars.
BARS = {
    "detection": ("map50", "AP at IoU .50", "How well each class was found"),
    "segmentation": ("iou", "IoU", "How well each class was outlined"),
}
WORST_PICTURES = 8
WORST_DIGITS = 24


def draw_evaluation(
    folder: Path,
    scores: Scores,
    metrics: dict[str, Estimate],
    *,
    dataset: Dataset,
    recognize: Callable[[NDArray[np.uint8]], Result],
    mistakes: Mapping[str, Kind] | None = None,
) -> list[Picture]:
    """Draw an evaluation's pictures into a folder.

    Args:
        folder: Gets confusion.png or precision_recall.png and mistakes.png, per_class.png and
            worst.png.
        scores: After all pictures were added, in the data set's order.
        metrics: `scores.metrics()`.
        dataset: Where the worst pictures are read from again.
        recognize: Answers a frame, at the model's own threshold.
        mistakes: Of a detector, `scores.mistakes()`.

    Returns:
        The pictures as sections of a report.
    """
    pictures: list[Picture] = []
    if isinstance(scores, DetectionScores):
        draw_precision_recall(
            folder / "precision_recall.png", scores.curves(), score_threshold=scores.score_threshold
        )
        pictures.append(
            Picture(
                "Precision and recall",
                folder / "precision_recall.png",
                "One curve for each class: precision over recall.",
            )
        )
        if mistakes is not None:
            place, threshold = folder / "mistakes.png", scores.score_threshold
            draw_mistakes(place, mistakes, score_threshold=threshold)
            about = "One bar for each kind of mistake: what mending it would bring."
            pictures.append(Picture("What goes wrong", place, about))
    else:
        what = "pictures" if isinstance(scores, ClassificationScores) else "pixels"
        _draw_confusion(folder / "confusion.png", scores, counted=what)
        pictures.append(
            Picture(
                "What was taken for what",
                folder / "confusion.png",
                "Confusion matrix: rows are the truth, columns the answer.",
            )
        )
    if not isinstance(scores, ClassificationScores):
        pictures.append(_draw_bars(folder, scores, metrics))
    pictures.append(_draw_worst(folder, scores, dataset, recognize))
    return pictures


def _draw_confusion(path: Path, scores: Scores, *, counted: str) -> None:
    assert not isinstance(scores, DetectionScores)
    matrix: NDArray[np.integer] = scores.confusion
    classes, title = scores.classes, ""
    if len(classes) > MOST_DRAWN:
        matrix, classes = most_confused(matrix, classes)
        title = f"The {len(classes)} most confused of {len(scores.classes)} classes, in {counted}"
    draw_confusion(path, matrix, classes=classes, counted=counted, title=title)


def _draw_bars(folder: Path, scores: Scores, metrics: dict[str, Estimate]) -> Picture:
    task = "detection" if isinstance(scores, DetectionScores) else "segmentation"
    key, measure, title = BARS[task]
    per_class = {name: metrics[f"{key}/{name}"] for name in scores.classes}
    mean = metrics["map50" if task == "detection" else "miou"]
    draw_bars(folder / "per_class.png", per_class, title=title, measure=measure, mean=mean)
    return Picture("Class by class", folder / "per_class.png", f"{measure} of each class.")


def _draw_worst(
    folder: Path,
    scores: Scores,
    dataset: Dataset,
    recognize: Callable[[NDArray[np.uint8]], Result],
) -> Picture:
    count = WORST_DIGITS if isinstance(scores, ClassificationScores) else WORST_PICTURES
    entries: list[Entry] = []
    for name, index, what in scores.worst(count):
        sample = dataset[index]
        frame = with_channels(sample.image, 3)
        if isinstance(scores, ClassificationScores):
            entries.append((frame, None, None, f"{name}: {what}"))
            continue
        scale = readable_scale(frame.shape[:2])
        truth = truth_of(sample, tuple(dataset.classes)).draw(frame, scale=scale)
        entries.append((frame, truth, recognize(frame).draw(frame, scale=scale), f"{name}: {what}"))
    draw_worst(folder / "worst.png", entries)
    return Picture(
        "Where it went worst", folder / "worst.png", "The pictures with the worst scores."
    )


def truth_of(sample: Sample, classes: tuple[str, ...]) -> Result:
    """What is known of a picture, as the result that a perfect model would give."""
    if sample.boxes is not None:
        assert sample.labels is not None
        certain = np.ones(len(sample.boxes), np.float32)
        return Detections(classes, sample.boxes, certain, sample.labels)
    if sample.mask is not None:
        return Segmentation(classes, sample.mask)
    assert sample.label is not None
    return Classification(classes, np.eye(len(classes), dtype=np.float32)[sample.label])
