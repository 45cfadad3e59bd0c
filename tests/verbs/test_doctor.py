"""What a person sees of `akitsu doctor` and `akitsu datasets`."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from akitsu.cli import run
from akitsu.data.formats.registry import readers
from tests.data.formats.files import write_pairs, write_voc

DOG = ("dog", (5, 6, 15, 16))
CLICK = ("dog", (5, 6, 5, 6))


def test_a_sound_set_is_told_in_one_sentence(tmp_path, capsys):
    write_voc(tmp_path, {"a": [DOG], "b": [DOG]})

    assert run(["doctor", str(tmp_path)]) == 0

    assert capsys.readouterr().out == f"{tmp_path}: nothing found in 2 pictures.\n"


@pytest.mark.parametrize(("level", "status"), [("W", 1), ("E", 0)])
def test_the_level_decides_whether_a_warning_counts(tmp_path, capsys, level, status):
    write_voc(tmp_path, {"a": [DOG, CLICK]})

    assert run(["doctor", str(tmp_path), "--level", level]) == status

    assert "0 errors, 1 warning." in capsys.readouterr().out


def test_the_table_counts_by_code_and_shows_three_places(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    write_voc(tmp_path, {"a": [DOG] + [("dog", (9, 6, 2, i)) for i in range(7, 12)]})

    assert run(["doctor", str(tmp_path)]) == 1

    shown = capsys.readouterr().out
    assert "box-swapped │ 5 " in shown
    assert shown.count("xmax 2 lies before xmin 9") == 3
    assert "object 4" in shown
    assert "object 5" not in shown


def test_json_is_one_object_a_finding_and_nothing_else(tmp_path, capsys):
    write_voc(tmp_path, {"a": [DOG, CLICK, CLICK]})

    run(["doctor", str(tmp_path), "--json"])

    findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [finding["code"] for finding in findings] == ["box-empty", "box-empty"]
    assert set(findings[0]) == {"code", "level", "where", "what", "do"}


def test_a_name_that_is_not_utf8_survives_both_outputs(tmp_path, capsys):
    write_voc(tmp_path, {"a": [DOG]})
    picture = tmp_path / "JPEGImages" / "a.png"
    picture.rename(picture.with_name(os.fsdecode(b"\xff.png")))
    (tmp_path / "Annotations/a.xml").unlink()

    assert run(["doctor", str(tmp_path), "--json"]) == 1
    assert "\\udcff.png" in json.dumps(json.loads(capsys.readouterr().out))
    assert run(["doctor", str(tmp_path)]) == 1


def test_classes_and_ignore_can_be_given(tmp_path, capsys):
    write_pairs(tmp_path, {"a": np.array([[0, 1, 7]], np.uint8)})

    assert run(["doctor", str(tmp_path), "--classes", "floor, wall", "--ignore", "7"]) == 0
    assert run(["doctor", str(tmp_path), "--classes", "floor, wall"]) == 1


def test_a_path_that_is_not_there_is_a_mistake(tmp_path, capsys):
    assert run(["doctor", str(tmp_path / "ghost")]) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert "ghost: there is no such file or folder; check the path." in captured.err


def test_datasets_lists_every_format(capsys):
    assert run(["datasets", "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == list(readers())
    assert all(row["task"] and row["layout"] and row["type"] for row in rows)


def test_datasets_reads_well_on_a_terminal(capsys):
    assert run(["datasets"]) == 0

    shown = capsys.readouterr().out
    assert all(name in shown for name in readers())


def test_anchors_are_printed_as_a_recipe_wants_them_and_with_their_overlap(tmp_path, capsys):
    """Two shapes, and an input of which cells are 13 times as many, or 3."""
    boxes = [("dog", (1, 1, 10, 10)), ("dog", (1, 1, 16, 5))]
    write_voc(tmp_path, {"a": boxes, "b": boxes})
    command = ["doctor", str(tmp_path), "--anchors", "2", "--stride", "8"]

    assert run([*command, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert run([*command, "--input-hw", "96", "96"]) == 0

    assert set(printed) == {"anchors", "mean_iou"}
    assert printed["mean_iou"] == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("anchors: [[")
    assert "in cells of 8 pixels; mean IoU with the boxes: 1.000" in lines[1]
    ratio = printed["anchors"][0][0] / json.loads(lines[0].removeprefix("anchors: "))[0][0]
    assert ratio == pytest.approx(416 / 96, rel=0.01)


def test_more_anchors_than_shapes_are_a_sentence(tmp_path, capsys):
    write_voc(tmp_path, {"a": [DOG]})

    assert run(["doctor", str(tmp_path), "--anchors", "5"]) == 2

    assert "1 different shapes of boxes do not make 5 anchors" in capsys.readouterr().err
