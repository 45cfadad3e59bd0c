"""The whole road on data that akitsu draws itself: what, where, shape, and a film to watch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from akitsu.data.formats.registry import read
from akitsu.data.generated.digits_table import digits_table
from akitsu.data.generated.film import film
from akitsu.data.sample import Dataset
from akitsu.files import read_json
from akitsu.recipes import directory
from akitsu.recipes.finish import flat
from akitsu.recipes.recipe import load
from akitsu.recipes.train import train
from akitsu.report.evaluation import truth_of
from akitsu.report.page import Facts, Picture, Section, Text, write_page
from akitsu.report.page import Scores as ScoresSection
from akitsu.report.submission import write_submission
from akitsu.report.worst import Entry, draw_worst
from akitsu.runtime.drawing import readable_scale
from akitsu.runtime.frames import with_channels
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.results import Classification
from akitsu.scores.interval import Estimate
from akitsu.scores.table import rows

Say = Callable[[str], object]
FILM_SECONDS = 6.0
SHOWN = {"classification": 24, "detection": 8, "segmentation": 8}


@dataclass(frozen=True)
class Chapter:
    """One of the three questions, answered.

    Attributes:
        question: "What is it", and so on.
        folder: The run.
        picture: What it recognised, as one PNG.
        score: Name and value of the main score, on pictures that training has not seen.
        seconds: Wall time of training, scoring, export and drawing.
    """

    question: str
    folder: Path
    picture: Path
    metric: str
    score: Estimate
    seconds: float


@dataclass(frozen=True)
class Tour:
    """All that the demo made."""

    chapters: list[Chapter]
    submission: Path
    recording: Path
    watched: dict[str, Any]
    page: Path
    seconds: float


def tour(out: Path, *, say: Say) -> Tour:
    """Make data, train the three recipes, run their model files, and write a page about it.

    Args:
        out: An empty folder, or none yet.
        say: Is told what is going on.
    """
    started_at_s = monotonic()
    table = digits_table(out / "data")
    say("1 of 3: what is it? Handwritten digits from a table of pixels.")
    # Two thousand pictures of 8 x 8 pixels take smaller steps than MNIST's sixty thousand.
    small = [
        f"data.path={json.dumps(str(table.train))}",
        "model.input_hw=[8, 8]",
        "batch_size=64",
        "stop=[20, epoch]",
        "augment.elastic_px=0.3",
        "augment.rotate_deg=8",
        "augment.shear=0.1",
        "extensions.average=0.98",
        "extensions.evaluate=[5, epoch]",
    ]
    what = _chapter("What is it", "digits", out / "what", settings=small, say=say)
    submission = out / "submission.csv"
    reader = Recognizer(what.folder / directory.MODEL)
    write_submission(reader.predict_inputs, table.test, submission, card=reader.card)
    say("2 of 3: where is it? Digits in cluttered scenes, as boxes.")
    where = _chapter("Where is it", "scenes-boxes", out / "where", settings=[], say=say)
    say("3 of 3: what shape is it? The same scenes, pixel by pixel.")
    shape = _chapter("What shape is it", "scenes-masks", out / "shape", settings=[], say=say)

    say("And on the robot: a film, seen by the model file in a process without PyTorch.")
    film(out / "film.mp4", seconds=FILM_SECONDS, seed=0)
    watched = _watch(where.folder / directory.MODEL, out / "film.mp4", out / "seen.mp4")
    chapters = [what, where, shape]
    page = out / "report.html"
    _write_page(page, chapters, watched=watched)
    return Tour(chapters, submission, out / "seen.mp4", watched, page, monotonic() - started_at_s)


def _chapter(question: str, recipe: str, folder: Path, *, settings: list[str], say: Say) -> Chapter:
    started_at_s = monotonic()
    loaded = load(recipe, settings=settings)
    train(loaded, folder, say=say)
    recognizer = Recognizer(folder / directory.MODEL)
    data = loaded.data
    dataset = read(data.path, data.validation, format=data.format)
    picture = folder.parent / f"{folder.name}.png"
    _draw(picture, recognizer, dataset)
    metrics = read_json(folder / directory.METRICS)
    name = {"classification": "accuracy", "detection": "map50", "segmentation": "miou"}[loaded.task]
    score = Estimate(**metrics["metrics"][name], n=metrics["n"])
    return Chapter(question, folder, picture, name, score, monotonic() - started_at_s)


def _draw(path: Path, recognizer: Recognizer, dataset: Dataset) -> None:
    """Held-out pictures, evenly spread, with the truth and what the model file says of them."""
    chosen = np.linspace(0, len(dataset) - 1, SHOWN[recognizer.task]).astype(int)
    entries: list[Entry] = []
    for index in chosen.tolist():
        sample = dataset[index]
        frame = with_channels(sample.image, 3)
        result = recognizer(sample.image)
        if isinstance(result, Classification):
            text = f"{result.name}, {100 * result.score:.0f} % sure"
            entries.append((frame, None, None, text))
        else:
            truth = truth_of(sample, recognizer.classes)
            scale = readable_scale(frame.shape[:2])
            drawn = [each.draw(frame, scale=scale) for each in (truth, result)]
            entries.append((frame, drawn[0], drawn[1], sample.name))
    draw_worst(path, entries)


WATCHER = """
import sys
from akitsu.cli import run
code = run(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(code)
"""


def _watch(model: Path, source: Path, recording: Path) -> dict[str, Any]:
    """`akitsu watch` in a process of its own; it fails if torch was imported there."""
    command = [sys.executable, "-c", WATCHER, "watch", str(model)]
    options = ["--source", str(source), "--json", "--record", str(recording), "--force"]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {
        "frames": len(lines),
        "objects": sum(len(line["objects"]) for line in lines),
        "median_latency_ms": float(np.median([line["latency_ms"] for line in lines])),
    }


def _write_page(page: Path, chapters: list[Chapter], *, watched: dict[str, Any]) -> None:
    table = [row for chapter in chapters for row in rows({chapter.metric: chapter.score})]
    sections: list[Section] = [
        Text(
            "What happened here",
            "Three networks were trained on this machine from nothing, scored on pictures that "
            "they had not seen, and written as one model file each. The pictures below were "
            "recognised by those files, without PyTorch.",
        ),
        ScoresSection("The three scores", table),
    ]
    for chapter in chapters:
        sections.append(
            Picture(
                f"{chapter.question}?",
                chapter.picture,
                f"Held-out pictures and what {chapter.folder.name}/model.onnx says of them.",
                f"{chapter.seconds:.0f} s for training, scoring and export. More in "
                f"{chapter.folder.name}/report.html.",
            )
        )
    sections.append(Facts("The film, watched by the model file", flat(watched)))
    environment = read_json(chapters[0].folder / "environment.json")
    sections.append(Facts("How it was made", flat(environment)))
    write_page(page, title="akitsu: what, where, shape", sections=sections)
