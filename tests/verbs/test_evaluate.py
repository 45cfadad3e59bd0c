"""A detector's model file with planted boxes, scored as a person types it."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from akitsu.cli import run
from akitsu.runtime.card import ModelCard
from akitsu.runtime.pictures import write_picture
from akitsu.verbs.evaluate import evaluate

from ..runtime import onnx_files

module = sys.modules[evaluate.__module__]
# VOC numbers pixels from 1: the box of edges 4, 8, 12, 16 is 5, 9, 12, 16.
RED, SECOND_RED, BLUE = ("red", 5, 9, 12, 16), ("red", 20, 1, 30, 9), ("blue", 21, 13, 28, 24)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for name in ("a", "b"):
        write_picture(folder / "JPEGImages" / f"{name}.png", np.full((32, 32, 3), 90, np.uint8))
        objects = "".join(
            f"<object><name>{what}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
            f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
            for what, x0, y0, x1, y1 in (RED, SECOND_RED, BLUE)
        )
        place = folder / "Annotations" / f"{name}.xml"
        place.parent.mkdir(exist_ok=True)
        place.write_text(
            f"<annotation><filename>{name}.png</filename>"
            f"<size><width>32</width><height>32</height><depth>3</depth></size>"
            f"{objects}</annotation>"
        )
    return folder


@pytest.fixture
def model(tmp_path):
    return onnx_files.write(tmp_path / "m.onnx", onnx_files.card("detection"))


def scored(model, photos, *more):
    app = typer.Typer()
    app.command()(evaluate)
    line = [str(model), "--data", str(photos), "--split", "all", *more]
    result = CliRunner().invoke(app, line, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("rule", "red"), [("coco", 51 / 101), ("voc07", 6 / 11), ("voc10", 0.5)])
def test_the_rule_decides_what_one_of_two_red_boxes_is_worth(model, photos, monkeypatch, rule, red):
    monkeypatch.setattr(module, "find_spec", lambda name: None)  # no pictures, less time

    document = json.loads(scored(model, photos, "--rule", rule, "--json"))

    metrics = document["metrics"]
    assert document["rule"] == rule
    assert metrics["map50_per_class"]["red"]["value"] == pytest.approx(red)
    assert metrics["map50_per_class"]["blue"]["value"] == 1
    assert metrics["map_per_class"]["blue"]["value"] == 1
    assert metrics["map_small"]["value"] == pytest.approx((red + 1) / 2)
    assert metrics["map_large"]["value"] is None


def test_the_document_counts_the_mistakes_and_says_the_speed(model, photos):
    """In each picture green lies on red's box, and one red box is missed."""
    document = json.loads(scored(model, photos, "--json"))

    counts = {kind: each["count"] for kind, each in document["mistakes"].items() if each["count"]}
    assert counts == {"wrong_class": 2, "missed": 2}
    assert document["score_threshold"] == ModelCard.score_threshold
    assert document["mistakes"]["missed"]["map50_gain"]["value"] == pytest.approx(25 / 101)
    assert document["speed"]["median_ms"] > 0
    assert document["speed"]["threads"] >= 1
    assert json.loads((model.parent / "evaluation-all/metrics.json").read_text()) == document


def test_a_person_reads_rule_sizes_mistakes_and_speed(model, photos):
    said = scored(model, photos, "--rule", "voc07")

    assert "detection, 2 pictures, VOC 2007, 11 recalls" in said
    assert "mAP of small boxes" in said
    assert "wrong class" in said
    assert "ms a picture, the whole call on " in said
    assert (model.parent / "evaluation-all/mistakes.png").is_file()


def test_an_unknown_rule_is_a_sentence_and_writes_nothing(model, photos, capfd):
    code = run(["evaluate", str(model), "--data", str(photos), "--rule", "voc12"])

    shown = capfd.readouterr()
    assert code == 2
    assert shown.err.startswith("akitsu: there is no rule 'voc12'") or "'voc12'" in shown.err
    assert len(shown.err.splitlines()) == 1
    assert not (model.parent / "evaluation-all").exists()
