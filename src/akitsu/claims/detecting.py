"""What the claims of the detectors share: training on scenes of shapes, and average precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from akitsu.data import memory
from akitsu.data.generated.shape_scenes import DEFAULT, Kind, ShapeScenes
from akitsu.data.memory import PicturesInMemory
from akitsu.data.sample import Sample
from akitsu.models.detection.detector import Detector
from akitsu.runtime.results import Detections
from akitsu.runtime.suppression import box_iou, non_maximum_suppression
from akitsu.scores.detection import DetectionScores

TRAINING_SEED, TEST_SEED = 1, 2
TEST_SCENES = 200
MEAN, DEVIATION = 0.45, 0.25
BATCH, RATE, MOST_NORM = 32, 4e-3, 10.0
NMS_IOU, LEAST_SCORE, MOST_DETECTIONS = 0.5, 0.01, 100


@dataclass(frozen=True)
class Precision:
    """Mean over the classes of the average precision at two overlaps."""

    ap50: float
    ap75: float


def scenes(n: int, kind: Kind = DEFAULT) -> PicturesInMemory:
    """`n` scenes to train on."""
    size_hw = (kind.side, kind.side)
    dataset = ShapeScenes(n, TRAINING_SEED, kind)
    return memory.load(dataset, size_hw=size_hw, channels=3, pad_value=0)


def normalised(images: Tensor) -> Tensor:
    """(B, C, H, W) uint8 to float32 of about mean 0 and deviation 1."""
    return (images.float() / 255 - MEAN) / DEVIATION


def learn(
    detector: Detector,
    pictures: PicturesInMemory,
    *,
    steps: int,
    seed: int,
    batch: int = BATCH,
    rate: float = RATE,
    resize: Callable[[int], int] | None = None,
) -> list[float]:
    """Train with Adam on one cycle of the learning rate.

    Args:
        detector: Changed in place; left in evaluation mode.
        pictures: As `scenes` gives them.
        steps: Of the optimizer.
        seed: Of the order of the pictures.
        batch: Pictures a step.
        rate: The highest learning rate.
        resize: From the step to the side that its pictures are enlarged or shrunk to.

    Returns:
        The loss of each step.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(detector.parameters(), lr=rate)
    cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
    detector.train()
    losses: list[float] = []
    for step in range(steps):
        part = pictures.batch(torch.randint(len(pictures), (batch,), generator=generator))
        images, boxes = normalised(part.images), part.boxes
        assert boxes is not None
        if resize is not None:
            images, boxes = _resized(images, boxes, resize(step))
        values = detector(images, boxes, part.labels)
        optimizer.zero_grad()
        values["loss"].backward()
        torch.nn.utils.clip_grad_norm_(detector.parameters(), MOST_NORM)
        optimizer.step()
        cycle.step()
        losses.append(float(values["loss"].detach()))
    detector.eval()
    return losses


def _resized(images: Tensor, boxes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    scale = side / images.shape[-1]
    resized = torch.nn.functional.interpolate(
        images, (side, side), mode="bilinear", antialias=True, align_corners=False
    )
    return resized, boxes * scale


def average_precision(
    detector: Detector,
    kind: Kind = DEFAULT,
    *,
    n: int = TEST_SCENES,
    side: int | None = None,
    widths: tuple[float, float] = (0, np.inf),
) -> Precision:
    """Scored on scenes that it never saw.

    Args:
        detector: In evaluation mode.
        kind: How difficult the scenes are.
        n: How many.
        side: Pixels that the pictures are enlarged or shrunk to first; None leaves them.
        widths: Only shapes so wide (half-open, in pixels of the scene) are asked for; the others
            are neither missed nor false.
    """
    values = detection_scores(detector, kind, n=n, side=side, widths=widths).values()
    return Precision(values["map50"], values["map75"])


def detection_scores(
    detector: Detector,
    kind: Kind = DEFAULT,
    *,
    n: int = TEST_SCENES,
    side: int | None = None,
    widths: tuple[float, float] = (0, np.inf),
) -> DetectionScores:
    """The same with all that was found; see `average_precision`."""
    scores = DetectionScores(ShapeScenes(1, 0).classes)
    samples = list(ShapeScenes(n, TEST_SEED, kind))
    for first in range(0, n, BATCH):
        part = samples[first : first + BATCH]
        for sample, result in zip(part, detect(detector, part, side=side), strict=True):
            _add(scores, result, sample, widths)
    return scores


def detect(
    detector: Detector, samples: list[Sample], *, side: int | None = None
) -> list[Detections]:
    """What the detector finds in pictures of one size, after non-maximum suppression."""
    stacked = np.stack([sample.image for sample in samples])
    images = normalised(torch.from_numpy(stacked).permute(0, 3, 1, 2))
    scale = 1.0
    if side is not None:
        scale = side / images.shape[-1]
        images, _ = _resized(images, torch.zeros(0, 4), side)
    with torch.inference_mode():
        outputs = [each.numpy() for each in detector.decode(images)]
    return [_kept(*each, scale=scale) for each in zip(*outputs, strict=True)]


def _kept(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, *, scale: float) -> Detections:
    likely = scores >= LEAST_SCORE
    boxes, scores, labels = boxes[likely] / scale, scores[likely], labels[likely]
    best = non_maximum_suppression(
        boxes, scores, labels, iou_threshold=NMS_IOU, max_detections=MOST_DETECTIONS
    )
    names = tuple(ShapeScenes(1, 0).classes)
    return Detections(names, boxes[best].astype(np.float32), scores[best], labels[best])


def _add(
    scores: DetectionScores, result: Detections, sample: Sample, widths: tuple[float, float]
) -> None:
    """Take in one picture; shapes and detections of other widths count neither way."""
    assert sample.boxes is not None
    assert sample.labels is not None
    low, high = widths
    wide = sample.boxes[:, 2] - sample.boxes[:, 0]
    asked = (wide >= low) & (wide < high)
    found = result.boxes[:, 2] - result.boxes[:, 0]
    # A detection of another width that hits nothing would be held against the wrong band.
    keep = (found >= low) & (found < high) | _hits(result, sample, asked)
    result = replace(
        result, boxes=result.boxes[keep], scores=result.scores[keep], labels=result.labels[keep]
    )
    scores.add(result, sample.boxes, sample.labels, ~asked, sample.name)


def _hits(result: Detections, sample: Sample, asked: np.ndarray) -> np.ndarray:
    assert sample.boxes is not None
    assert sample.labels is not None
    overlap = box_iou(result.boxes, sample.boxes) >= 0.5
    same = result.labels[:, None] == sample.labels
    hits: np.ndarray = (overlap & same & asked).any(1)
    return hits
