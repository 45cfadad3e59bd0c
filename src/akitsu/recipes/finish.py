"""After the last step: scores with intervals, the model file, the pictures, and one page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.data.sample import Dataset
from akitsu.deploy.export import can_export, export
from akitsu.files import write_json, write_text
from akitsu.recipes import directory
from akitsu.recipes.trained import Trained, read_split
from akitsu.report.curves import draw_log
from akitsu.report.evaluation import draw_evaluation
from akitsu.report.page import Facts, Folded, Picture, Section, write_page
from akitsu.report.page import Scores as ScoresSection
from akitsu.report.submission import write_answers
from akitsu.runtime.card import ModelCard
from akitsu.runtime.recognizer import Recognizer, recognise
from akitsu.runtime.results import Result
from akitsu.scores.calibration import fit_temperature, logits_of
from akitsu.scores.classification import ClassificationScores
from akitsu.scores.detection import DetectionScores
from akitsu.scores.evaluate import evaluate
from akitsu.scores.interval import Estimate
from akitsu.scores.speed import Speed, measure_speed, some_of
from akitsu.scores.table import detection_document, metrics_document, rows
from akitsu.tasks.classification import Classification

# Pictures of the validation set that the exported file has to answer as the network does.
PARITY_PICTURES = 8


def finish(
    trained: Trained,
    dataset: Dataset,
    *,
    say: Callable[[str], object],
    answer: Path | None = None,
) -> None:
    """Calibrate a trained run, score it on its validation set, export it, and write its page.

    Args:
        trained: The run, with its best weights.
        dataset: Its validation set.
        say: Is told in plain lines what is going on.
        answer: A table of pixels to answer before all else: the answers need no scores.

    Raises:
        TrainingError: If the exported file would answer otherwise than the network.
    """
    folder, network = trained.folder, trained.network
    answers = None
    if answer is not None:
        path = folder / directory.SUBMISSION
        predict = network.predict_inputs
        answers = write_answers(predict, answer, path, card=trained.card, force=True)
        say(f"{len(answers.images)} rows answered: {path}")
    scores = evaluate(network.predict_inputs, dataset, trained.card)
    card = trained.card
    if isinstance(scores, ClassificationScores):
        scores, card = calibrated(trained, scores)
    metrics = scores.metrics()
    document = metrics_document(card.task, len(scores), metrics)
    mistakes = None
    if isinstance(scores, DetectionScores):
        mistakes = scores.mistakes()
        document |= detection_document(scores, mistakes)
    card = replace(card, scores=card_scores(metrics))
    write_text(folder / directory.CARD, card.to_json() + "\n")
    if answers is not None:
        answers = answers.at_temperature(card.temperature / trained.card.temperature)
        say(str(answers.judged(card)))
    if can_export(network):
        say(f"exporting {folder / directory.MODEL}, with a comparison on real pictures")
        export(network, folder / directory.MODEL, card=card, pictures=_some_pictures(dataset))
    else:
        say("no model file: this network cannot be exported; the run itself can be evaluated")

    log = read_log(folder)
    key = f"validation/main/{network.task.score}"
    sections: list[Section] = [ScoresSection("Scores on the validation set", rows(metrics))]
    if log:
        draw_log(folder / "curves.png", log, best=key)
        sections.append(
            Picture("Training", folder / "curves.png", "Losses and scores over the epochs.")
        )
    recognize = recognizer_of(trained, card)
    sections += draw_evaluation(
        folder, scores, metrics, dataset=dataset, recognize=recognize, mistakes=mistakes
    )
    if can_export(network):
        speed = _speed(folder / directory.MODEL, dataset)
        sections.append(Facts("How fast the model file is here", {"speed": speed}))
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    sections += [
        Facts("How it was made", flat(environment)),
        Folded("The recipe", (folder / directory.RECIPE).read_text(encoding="utf-8")),
    ]
    write_page(
        folder / "report.html",
        title=f"{trained.recipe.name}: {trained.recipe.task}",
        subtitle=trained.recipe.description,
        sections=sections,
    )
    write_json(folder / directory.METRICS, document)


def _speed(model: Path, dataset: Dataset) -> Speed:
    recognizer = Recognizer(model)
    frames = [dataset[index].image for index in some_of(len(dataset))]
    return measure_speed(recognizer, frames, threads=recognizer.threads)


def calibrated(
    trained: Trained, scores: ClassificationScores
) -> tuple[ClassificationScores, ModelCard]:
    """Give the run's network the temperature that its validation set asks for.

    Returns:
        The scores and the card at that temperature.
    """
    task = trained.network.task
    assert isinstance(task, Classification)
    factor = fit_temperature(logits_of(scores.probabilities), scores.labels)
    task.temperature = round(trained.card.temperature * factor, 4)
    return scores.at_temperature(factor), replace(trained.card, temperature=task.temperature)


def export_run(trained: Trained, path: Path, *, data: Path | None = None) -> ModelCard:
    """Export a trained run once more; returns what the file says of itself.

    Args:
        trained: The run.
        path: The model file.
        data: Where its set lies now; None takes the recipe's.

    Raises:
        TrainingError: If the exported file would answer otherwise than the network.
    """
    dataset = read_split(trained.recipe, trained.recipe.data.validation, data=data)
    export(trained.network, path, card=trained.card, pictures=_some_pictures(dataset))
    return trained.card


def _some_pictures(dataset: Dataset) -> list[NDArray[np.uint8]]:
    """A few pictures spread over the set."""
    step = max(1, len(dataset) // PARITY_PICTURES)
    return [dataset[index].image for index in range(0, len(dataset), step)][:PARITY_PICTURES]


def recognizer_of(trained: Trained, card: ModelCard) -> Callable[[NDArray[np.uint8]], Result]:
    """The run's network as a function of one frame, as a recognizer is."""

    def recognize(frame: NDArray[np.uint8]) -> Result:
        return recognise([frame], trained.network.predict_inputs, card)[0]

    return recognize


def card_scores(metrics: dict[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """The scores over all classes, for the model file's metadata."""
    return {name: estimate.to_json() for name, estimate in metrics.items() if "/" not in name}


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The rows of log.jsonl; none where there is no log."""
    path = folder / "log.jsonl"
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def flat(document: dict[str, Any], prefix: str = "") -> dict[str, object]:
    """Nested names joined by spaces, for a list of facts."""
    facts: dict[str, object] = {}
    for key, value in document.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            facts |= flat(value, f"{name} ")
        else:
            facts[name] = value
    return facts
