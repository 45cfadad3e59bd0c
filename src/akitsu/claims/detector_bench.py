"""Detectors side by side: precision beside time, over sizes and proposals (arXiv:1611.10012).

Registered detectors are trained shortly on drawn scenes, model files are scored on a labelled set.
Both are timed in turns, one picture at a time: the whole call, and the network alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from akitsu.claims.detecting import TEST_SCENES, detect, detection_scores, learn, normalised, scenes
from akitsu.data.generated.shape_scenes import DEFAULT, ShapeScenes
from akitsu.data.sample import Dataset
from akitsu.deploy.counting import count
from akitsu.deploy.figures import Figures, pareto_front
from akitsu.deploy.timing import Call, Latency, interleaved
from akitsu.errors import RecipeError
from akitsu.models import registry
from akitsu.models.detection.detector import Detector
from akitsu.runtime.recognizer import Recognizer
from akitsu.scores.detection import DetectionScores
from akitsu.scores.evaluate import evaluate

TRAINING_SCENES = 2000
# Of the detectors that are compared where none is named.
MOST_PARAMETERS = 2_000_000
# What is timed of each: with suppression, and without.
WHOLE, NETWORK = "whole", "network"

Say = Callable[[str], object]


@dataclass(frozen=True)
class Candidate:
    """A detector at one size of picture, ready to be timed.

    Attributes:
        name: In the registry, or of the file.
        input_hw: Rows and columns of its pictures.
        proposals: Boxes that are looked at twice; None where none is.
        scores: What it knows.
        figures: What it costs; None for a file.
        openers: By `WHOLE` and `NETWORK`, what makes a call on one picture ready.
    """

    name: str
    input_hw: tuple[int, int]
    proposals: int | None
    scores: DetectionScores
    figures: Figures | None
    openers: dict[str, Callable[[], Call]]

    @property
    def title(self) -> str:
        """As in "ssd-small, 64 px"."""
        rows, columns = self.input_hw
        side = f"{rows}" if rows == columns else f"{rows} x {columns}"
        more = f", {self.proposals} proposals" if self.proposals is not None else ""
        return f"{self.name}, {side} px{more}"


def trained(
    name: str,
    *,
    sides: Sequence[int],
    proposals: Sequence[int],
    steps: int,
    seed: int,
    say: Say,
) -> list[Candidate]:
    """Train a registered detector anew for each side of picture.

    Args:
        name: In the registry.
        sides: Pixels that the scenes of 64 are enlarged or shrunk to.
        proposals: Of a detector that looks twice: how many boxes it looks at, in turn.
        steps: Of the training, with 32 scenes each.
        seed: Of the weights and of the order of the scenes.
        say: Is told what is done.

    Raises:
        RecipeError: If there is no such detector.
        ShapeError: If the pictures are too small for it.
    """
    registry.entry(name, task="detection")
    classes, pictures = ShapeScenes(1, 0).classes, scenes(TRAINING_SCENES)
    found: list[Candidate] = []
    for side in sides:
        torch.manual_seed(seed)
        detector = registry.build(name, len(classes), in_channels=3, input_hw=(side, side))
        assert isinstance(detector, Detector)
        say(f"training {name} at {side} px, {steps} steps")
        learn(detector, pictures, steps=steps, seed=seed, resize=_always(side))
        looked_at = proposals if looks_twice(detector) else (None,)
        found += [_candidate(name, detector, side, number) for number in looked_at]
    return found


def small_detectors(side: int) -> list[str]:
    """Registered detectors of ours that learn in minutes, and take pictures of that side."""
    found = []
    for name, entry in registry.entries().items():
        if entry.task != "detection" or entry.library or entry.least_side > side:
            continue
        with torch.device("meta"):  # the shapes alone
            built = registry.build(name, 3, in_channels=3, input_hw=(side, side))
        if sum(each.numel() for each in built.parameters()) <= MOST_PARAMETERS:
            found.append(name)
    return found


def _always(side: int) -> Callable[[int], int]:
    """At every step the same side."""
    return lambda _: side


def looks_twice(detector: nn.Module) -> bool:
    """Whether it looks at proposals, whose number may be changed at any time."""
    return hasattr(detector, "proposals")


def _candidate(name: str, detector: Detector, side: int, proposals: int | None) -> Candidate:
    sample = ShapeScenes(1, 0)[0]
    pixels = torch.from_numpy(np.ascontiguousarray(sample.image)).permute(2, 0, 1)[None]
    images = nn.functional.interpolate(normalised(pixels), (side, side))

    def ready() -> None:
        if proposals is not None:
            detector.proposals = proposals  # type: ignore[assignment]

    def whole() -> Call:
        ready()
        return lambda: detect(detector, [sample], side=side)

    def network() -> Call:
        ready()

        def call() -> object:
            with torch.inference_mode():
                return detector.decode(images)

        return call

    ready()
    return Candidate(
        name,
        (side, side),
        proposals,
        detection_scores(detector, DEFAULT, n=TEST_SCENES, side=side),
        count(Decoding(detector), images),
        {WHOLE: whole, NETWORK: network},
    )


class Decoding(nn.Module):
    """A detector as the graph of its model file, to be counted."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) to boxes, scores and labels."""
        return self.detector.decode(images)


def model_file(path: Path, *, dataset: Dataset, threads: int, say: Say) -> Candidate:
    """A model file, or that of a run, scored on a labelled set.

    Raises:
        ModelFileError: If it cannot be opened.
        RecipeError: If it is no detector.
        DataError: If the set's classes are others.
    """
    recognizer = Recognizer(path, threads=threads)
    card = recognizer.card
    if card.task != "detection":
        what = f"this model answers {card.task!r}"
        raise RecipeError(what, where=path, do="name a detector")
    say(f"scoring {path} on {len(dataset)} pictures")
    scores = evaluate(recognizer.predict_inputs, dataset, card)
    assert isinstance(scores, DetectionScores)
    frame = dataset[0].image
    inputs = np.zeros((1, *card.input_hw, card.channels), np.uint8)
    openers: dict[str, Callable[[], Call]] = {
        WHOLE: lambda: lambda: recognizer(frame),
        NETWORK: lambda: lambda: recognizer.predict_inputs(inputs),
    }
    name = path.parent.name if path.name == "model.onnx" else path.stem
    return Candidate(name, card.input_hw, None, scores, None, openers)


def measure(
    candidates: Sequence[Candidate], *, rounds: int, budget_ms: float | None, say: Say
) -> dict[str, Any]:
    """Time all in turns, one picture at a time.

    Returns:
        `rounds`, `budget_ms`, under `detectors` one object each; `front` names those that no other
        beats in mAP50 in as little time, `best` the most precise within the budget, or None.
    """
    openers = {
        (number, part): opener
        for number, each in enumerate(candidates)
        for part, opener in each.openers.items()
    }
    named = {f"{candidates[n].title}, {part}": opener for (n, part), opener in openers.items()}
    if len(named) < len(openers):
        what = "two models have one name and size"
        raise RecipeError(what, where="MODELS", do="name each once, or rename one of the files")
    latencies = interleaved(named, rounds=rounds, say=say)
    rows = [
        _row(each, {part: latencies[f"{each.title}, {part}"] for part in each.openers})
        for each in candidates
    ]
    best = best_within(rows, budget_ms)
    return {
        "rounds": rounds,
        "budget_ms": budget_ms,
        "detectors": rows,
        "front": front(rows),
        "best": None if best is None else best["title"],
    }


def front(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Titles of those that no other beats: none is as precise in less time."""
    on_it = pareto_front([milliseconds(row) for row in rows], [row["map50"] for row in rows])
    return [row["title"] for row, best in zip(rows, on_it, strict=True) if best]


def best_within(rows: Sequence[dict[str, Any]], budget_ms: float | None) -> dict[str, Any] | None:
    """The most precise, and of equals the fastest, that takes no longer; None if all do."""
    fitting = [row for row in rows if budget_ms is None or milliseconds(row) <= budget_ms]
    return max(fitting, key=lambda row: (row["map50"], -milliseconds(row)), default=None)


def milliseconds(row: dict[str, Any]) -> float:
    """Median time of the whole call."""
    return float(row["latency"][WHOLE]["median_ms"])


def _row(candidate: Candidate, latencies: dict[str, Latency]) -> dict[str, Any]:
    metrics, figures = candidate.scores.metrics(), candidate.figures
    return {
        "title": candidate.title,
        "name": candidate.name,
        "input_hw": list(candidate.input_hw),
        "proposals": candidate.proposals,
        "parameters": None if figures is None else figures.parameters,
        "macs": None if figures is None else figures.macs,
        "map50": metrics["map50"].value,
        "map50_low": metrics["map50"].low,
        "map50_high": metrics["map50"].high,
        "map75": metrics["map75"].value,
        "pictures": len(candidate.scores),
        "latency": {
            part: {
                "median_ms": 1e3 * each.median_s,
                "p95_ms": 1e3 * each.p95_s,
                "calls": len(each.seconds),
            }
            for part, each in latencies.items()
        },
    }
