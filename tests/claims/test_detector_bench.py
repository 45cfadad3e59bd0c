"""Precision beside time: what is trained, timed, on the front, and within a budget."""

from __future__ import annotations

import json

import numpy as np
import pytest

from akitsu.claims import detector_bench
from akitsu.claims.detector_bench import Candidate, best_within, front, measure
from akitsu.cli import run
from akitsu.data.generated.shape_scenes import ShapeScenes
from akitsu.runtime.results import Detections
from akitsu.scores.detection import DetectionScores
from tests.runtime.onnx_files import card, write


@pytest.fixture
def short(monkeypatch):
    """Few scenes, so that a training takes no time."""
    monkeypatch.setattr(detector_bench, "TRAINING_SCENES", 4)
    monkeypatch.setattr(detector_bench, "TEST_SCENES", 4)


def row(title, milliseconds, map50):
    return {"title": title, "map50": map50, "latency": {"whole": {"median_ms": milliseconds}}}


ROWS = [row("slow", 9, 0.8), row("worse", 5, 0.4), row("good", 4, 0.6), row("fast", 1, 0.3)]


def test_on_the_front_is_whom_nobody_beats_in_less_time():
    assert front(ROWS) == ["slow", "good", "fast"]


@pytest.mark.parametrize(
    ("budget", "best"), [(0.5, None), (1, "fast"), (8, "good"), (9, "slow"), (None, "slow")]
)
def test_a_budget_picks_the_most_precise_that_fits(budget, best):
    found = best_within(ROWS, budget)

    assert (found and found["title"]) == best


def test_of_equally_precise_ones_the_fastest_is_the_best():
    assert best_within([row("a", 3, 0.5), row("b", 2, 0.5)], 5)["title"] == "b"


def candidate(name, *, right):
    """Finds every shape of two scenes, or none."""
    scores = DetectionScores(ShapeScenes(1, 0).classes)
    for sample in ShapeScenes(2, 0):
        n = len(sample.boxes) if right else 0
        found = Detections(
            tuple(scores.classes), sample.boxes[:n], np.full(n, 0.9, np.float32), sample.labels[:n]
        )
        scores.add(found, sample.boxes, sample.labels, None, sample.name)
    openers = {part: lambda: lambda: None for part in ("whole", "network")}
    return Candidate(name, (64, 64), None, scores, None, openers)


def test_all_are_timed_with_and_without_suppression_and_scored():
    said = []
    candidates = [candidate("knowing", right=True), candidate("blind", right=False)]

    document = measure(candidates, rounds=2, budget_ms=1e6, say=said.append)

    knowing, blind = document["detectors"]
    assert (knowing["map50"], blind["map50"]) == (1, 0)
    assert document["best"] == knowing["title"] == "knowing, 64 px"
    assert set(knowing["latency"]) == {"whole", "network"}
    assert all(each["calls"] == 2 * 20 for each in knowing["latency"].values())
    assert len(said) == 8


def test_two_detectors_at_two_sizes_become_a_table_and_a_picture(short, tmp_path, capfd):
    line = ["bench", "ssd-small", "--task", "detection", "--side", "32", "--side", "48"]
    line += ["--steps", "1", "--rounds", "1", "--threads", "1", "--budget", "100000"]
    line += ["--output", str(tmp_path / "out")]

    assert run(line) == 0
    shown = capfd.readouterr().out
    assert run([*line, "--force", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)

    assert "best within 100000 ms: ssd-small, " in shown
    assert [each["input_hw"] for each in document["detectors"]] == [[32, 32], [48, 48]]
    assert document["training"] == {"steps": 1, "seed": 0}
    assert document["detectors"][0]["macs"] < document["detectors"][1]["macs"]
    assert json.loads((tmp_path / "out/bench.json").read_text()) == document
    assert (tmp_path / "out/bench.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_compared_is_a_sentence(tmp_path, capfd):
    model = str(write(tmp_path / "model.onnx", card("classification")))
    out = ["--task", "detection", "--output", str(tmp_path / "out")]

    for names, message in (
        (["digit-net"], "digit-net is a model for classification"),
        (["ssd-smal"], "there is no model 'ssd-smal'; write ssd-small."),
        ([model], "--data: nothing says on which pictures to score these files"),
        ([model, "ssd-small"], "MODELS: model files are scored on a set, named networks on drawn"),
    ):
        assert run(["bench", *names, *out]) == 2
        assert message in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
