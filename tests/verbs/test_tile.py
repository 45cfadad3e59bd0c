"""`--tile` as a person types it: a detector that learns from crops and looks at tiles."""

from __future__ import annotations

import json

import pytest

from akitsu.cli import run
from akitsu.runtime.recognizer import Recognizer

TINY = ["model.input_hw=[64, 64]", "model.widths=[8, 8, 16, 16]", "model.head=8", "stop=[1, epoch]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tile") / "run"
    line = ["train", "scenes-boxes", "--tile", "--out", str(folder)]
    for setting in TINY:
        line += ["--set", setting]
    assert run(line) == 0
    return folder


@pytest.mark.slow
def test_the_model_file_says_that_it_looks_at_tiles(folder):
    card = Recognizer(folder / "model.onnx").card

    assert card.tile_overlap == 0.25
    assert card.input_hw == (64, 64)


@pytest.mark.slow
def test_a_run_and_its_model_file_score_the_same_on_tiles(folder, capfd, tmp_path):
    scores = []
    for name in ("run", "file"):
        target = folder if name == "run" else folder / "model.onnx"
        assert run(["evaluate", str(target), "--json", "--output", str(tmp_path / name)]) == 0
        scores.append(json.loads(capfd.readouterr().out)["metrics"]["map50"]["value"])

    stored = json.loads((folder / "metrics.json").read_text())["metrics"]["map50"]["value"]
    assert scores == [pytest.approx(stored, abs=1e-4)] * 2


def test_tiles_of_a_classifier_are_a_sentence(tmp_path, capfd):
    from tests.runtime import onnx_files

    path = onnx_files.write(tmp_path / "m.onnx", onnx_files.card("classification"))

    code = run(["predict", str(path), str(tmp_path), "--tile", "--output", str(tmp_path / "out")])

    assert code == 2
    assert "tiles are for detection, and this model is for classification" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
