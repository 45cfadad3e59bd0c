"""From a labelled set and something that predicts, to scores: one path for torch and the robot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice

import numpy as np

from akitsu.data.formats.pool import in_threads
from akitsu.data.sample import Dataset, Sample
from akitsu.errors import DataError
from akitsu.runtime.card import ModelCard
from akitsu.runtime.recognizer import Predict, recognise
from akitsu.runtime.results import Classification, Detections, Result, Segmentation
from akitsu.scores.classification import ClassificationScores
from akitsu.scores.detection import DetectionScores
from akitsu.scores.rules import COCO, Rule
from akitsu.scores.segmentation import SegmentationScores

Scores = ClassificationScores | DetectionScores | SegmentationScores

# Average precision wants the whole curve, doubtful detections too; below this they no longer move
# it, and cost time.
LEAST_SCORE = 0.01
# Small pictures in large batches, since a call costs as much as some of them.
LEAST_BATCH, BATCH_PIXELS = 32, 100_000


def new_scores(card: ModelCard, *, rule: Rule = COCO) -> Scores:
    """Empty scores for the task of a model; the rule is for detectors."""
    if card.task == "classification":
        return ClassificationScores(card.classes)
    if card.task == "detection":
        return DetectionScores(card.classes, score_threshold=card.score_threshold, rule=rule)
    return SegmentationScores(card.classes)


def evaluate(
    predict: Predict,
    dataset: Dataset,
    card: ModelCard,
    *,
    batch_size: int | None = None,
    indices: range | None = None,
    rule: Rule = COCO,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> Scores:
    """Score a model on every picture of a set.

    Pictures are read and fitted a batch at a time, so memory does not grow with the set.

    Args:
        predict: (B, H, W, C) uint8 inputs to the outputs of a model file, by name.
        dataset: Labelled for the card's task.
        card: Says how pictures are fitted and what the outputs mean.
        batch_size: Pictures predicted together; None: 32, or as many as have 100,000 pixels.
        indices: The pictures to score; None scores all.
        rule: Whose way of scoring detections.
        progress: Wraps the pictures' indices, to show how far it is.

    Raises:
        DataError: If the set is empty, or not labelled for this task, or has other classes.
    """
    if len(dataset) == 0:
        raise DataError("this set has no pictures", do="choose another split or folder")
    if list(dataset.classes) != list(card.classes):
        raise DataError(
            f"the set's classes are {', '.join(dataset.classes)}, the model's are "
            f"{', '.join(card.classes)}",
            do="evaluate on a set with the model's classes, in the same order",
        )
    scores = new_scores(card, rule=rule)
    indices = range(len(dataset)) if indices is None else indices
    if batch_size is None:
        height, width = card.input_hw
        batch_size = max(LEAST_BATCH, BATCH_PIXELS // (height * width))
    samples = in_threads(dataset.__getitem__, progress(indices))
    while part := list(islice(samples, batch_size)):
        frames = [sample.image for sample in part]
        results = recognise(frames, predict, card, score_threshold=LEAST_SCORE)
        for sample, result in zip(part, results, strict=True):
            add(scores, result, sample)
    return scores


def add(scores: Scores, result: Result, sample: Sample) -> None:
    """Judge one result by what is known of its picture.

    Raises:
        DataError: If the picture is not labelled for this task.
    """
    match scores, result, sample:
        case ClassificationScores(), Classification(), Sample(label=int(label)):
            scores.add(result, label, sample.name)
        case DetectionScores(), Detections(), Sample(boxes=np.ndarray() as boxes):
            assert sample.labels is not None
            scores.add(result, boxes, sample.labels, sample.difficult, sample.name)
        case SegmentationScores(), Segmentation(), Sample(mask=np.ndarray() as mask):
            scores.add(result.mask, mask, sample.name)
        case _:
            raise DataError(
                "this picture is not labelled for the model's task",
                where=sample.name,
                do="evaluate on a set that is",
            )
