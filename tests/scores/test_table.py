from __future__ import annotations

import json

import pytest

from akitsu.scores.detection_mistakes import KINDS
from akitsu.scores.interval import Estimate
from akitsu.scores.table import MISTAKES, Row, metrics_document, rows, title

HALF = Estimate(0.5, 0.4, 0.6, 9)
NUMBERS = {"value": 0.5, "low": 0.4, "high": 0.6}
UNDEFINED = Estimate(float("nan"), float("nan"), float("nan"), 9)


def test_the_document_names_the_task_and_the_number_of_pictures():
    document = metrics_document("detection", 9, {"map50": HALF})

    assert document == {"task": "detection", "n": 9, "metrics": {"map50": NUMBERS}}


@pytest.mark.parametrize(
    ("keys", "group"),
    [
        (["miou", "iou/Sky", "iou/a/b"], "iou"),
        (["map50", "map50/Sky", "map50/a/b"], "map50_per_class"),
        (["accuracy", "accuracy/Sky", "accuracy/a/b"], "accuracy_per_class"),
    ],
)
def test_scores_of_one_class_stand_together_under_the_name_of_the_class(keys, group):
    metrics = metrics_document("x", 9, dict.fromkeys(keys, HALF))["metrics"]

    assert metrics == {keys[0]: NUMBERS, group: {"Sky": NUMBERS, "a/b": NUMBERS}}


def test_what_is_not_defined_is_null_since_json_has_no_other_word():
    document = metrics_document("segmentation", 9, {"miou": UNDEFINED})

    assert json.loads(json.dumps(document, allow_nan=False))["metrics"]["miou"]["value"] is None


def test_rows_put_the_whole_before_the_classes_and_losses_are_no_per_cent():
    table = rows({"iou/Sky": HALF, "miou": HALF, "log_loss": HALF, "iou/Pole": UNDEFINED})

    assert table == [
        Row("mean IoU", "50.00 %", "40.00–60.00"),
        Row("log loss", "0.500", "0.400–0.600"),
        Row("IoU of Sky", "50.00 %", "40.00–60.00"),
        Row("IoU of Pole", "–", "not in these pictures"),
    ]


def test_an_unknown_metric_is_shown_by_its_own_name():
    assert title("some_new_score") == "some new score"
    assert title("recall/cat") == "recall of cat"


@pytest.mark.parametrize(("absent", "shown"), [(20, 22), (21, 2)])
def test_many_classes_without_pictures_are_left_out_of_the_table(absent, shown):
    metrics = {"accuracy/seen": HALF} | {f"accuracy/{n}": UNDEFINED for n in range(absent)}

    listed = rows(metrics | {"accuracy": HALF})

    assert len(listed) == shown
    assert [row.name for row in listed[:2]] == ["accuracy", "accuracy of seen"]


@pytest.mark.parametrize(("classes", "shown"), [(20, 42), (21, 23)])
def test_detectors_of_many_classes_have_one_row_for_each(classes, shown):
    by_class = {f"{key}/{n}": HALF for key in ("map50", "map") for n in range(classes)}

    listed = rows({"map50": HALF, "map": HALF} | by_class)

    assert len(listed) == shown


def test_every_kind_of_mistake_has_words():
    assert tuple(MISTAKES) == KINDS
