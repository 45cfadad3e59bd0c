from __future__ import annotations

from dataclasses import astuple, replace

import numpy as np
import pytest

from akitsu.errors import DataError, ShapeError
from akitsu.runtime.results import Detections
from akitsu.scores import average_precision
from akitsu.scores.detection import DetectionScores
from akitsu.scores.interval import bootstrap
from akitsu.scores.rules import RULES

from .coco_reference import agree_with_coco
from .planted import detector, found, judged, names_of

CASES = {
    "three classes": {"classes": 3, "pictures": 25, "boxes": 8},
    "mostly empty pictures": {"classes": 2, "pictures": 40, "boxes": 0.7},
    "more classes than boxes": {"classes": 12, "pictures": 6, "boxes": 1.5},
    "more than a hundred detections": {"classes": 1, "pictures": 3, "boxes": 90},
    "ties in score and overlap": {"classes": 2, "pictures": 25, "boxes": 12, "grid": 20},
    "boxes of all sizes": {"classes": 2, "pictures": 25, "boxes": 8, "sides": (8, 200)},
    "sizes on the border of a band": {"classes": 2, "pictures": 25, "sides": (8, 200), "grid": 32},
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_average_precision_is_that_of_coco(case, seed):
    pictures = detector(np.random.default_rng(seed), **case)

    agree_with_coco(judged(pictures, classes=case["classes"]), pictures)


def test_a_difficult_box_is_ignored_as_a_crowd_is_by_coco():
    """Where a detection covers the box exactly, the IoU of a crowd is the common one."""
    pictures = detector(np.random.default_rng(6), classes=2, pictures=20, sides=(8, 200))
    twice = np.array([[700, 700, 740, 760], [700, 700, 740, 760]], np.float32)
    with_crowds = [
        replace(
            p,
            result=Detections(
                p.result.classes,
                np.concatenate([twice, p.result.boxes]),
                np.concatenate([np.ones(2, np.float32), p.result.scores]),
                np.concatenate([[1, 1], p.result.labels]),
            ),
            boxes=np.concatenate([p.boxes, twice[:1]]),
            labels=np.concatenate([p.labels, [1]]),
            difficult=np.append(p.difficult, True),
        )
        for p in pictures
    ]

    agree_with_coco(judged(with_crowds, classes=2), with_crowds)


def score_one(result, boxes, labels=None, difficult=None, **options):
    scores = DetectionScores(names_of(2), **options)
    labels = [0] * len(boxes) if labels is None else labels
    difficult = None if difficult is None else np.array(difficult)
    truth = np.array(boxes, np.float32).reshape(-1, 4)
    scores.add(result, truth, np.array(labels, np.int64), difficult, "a.png")
    return scores


HERE, THERE, NOWHERE = [0, 0, 10, 10], [50, 50, 60, 60], [200, 200, 210, 210]


def test_a_false_detection_before_the_right_one_halves_the_precision():
    values = score_one(found([NOWHERE, HERE], [0.9, 0.8]), [HERE]).values()

    assert values["map50"] == pytest.approx(0.5)


def test_one_of_two_boxes_found_covers_51_of_101_recalls():
    values = score_one(found([HERE], [0.9]), [HERE, THERE]).values()

    assert values["map50"] == pytest.approx(51 / 101)


def test_a_box_found_twice_is_found_once_and_imagined_once():
    scores = score_one(found([HERE, HERE, THERE], [0.9, 0.8, 0.7]), [HERE, THERE])

    assert scores.values()["map50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert scores.worst(1) == [("a.png", 0, "2 found, 0 missed, 1 false")]


def test_the_right_box_of_the_wrong_class_is_a_miss_and_a_false_detection():
    scores = score_one(found([HERE], [0.9], [1]), [HERE], [0])

    assert scores.values()["map50"] == 0
    assert scores.worst(1)[0][2] == "0 found, 1 missed, 1 false"


def test_a_difficult_box_is_neither_asked_for_nor_held_against_anyone():
    result = found([THERE, THERE, HERE], [0.9, 0.85, 0.8])

    scores = score_one(result, [HERE, THERE], difficult=[False, True])
    without = score_one(found([HERE], [0.8]), [HERE])

    assert scores.values()["map"] == without.values()["map"] == 1
    assert scores.worst(1)[0][2] == "1 found, 0 missed, 0 false"


def test_a_detection_between_an_easy_and_a_difficult_box_takes_the_easy_one():
    """It overlaps the difficult one more; COCO and VOC part here, and this is COCO's way."""
    boxes = [[0, 0, 10, 10], [0, 0, 10, 13]]

    values = score_one(found([[0, 0, 10, 13]], [0.9]), boxes, difficult=[False, True]).values()

    assert values["map50"] == 1


def test_only_difficult_boxes_leave_the_class_without_a_score():
    values = score_one(found([HERE], [0.9]), [HERE], difficult=[True]).values()

    assert np.isnan(values["map50"])


def test_difficult_boxes_score_as_if_they_and_their_detections_were_not_there():
    rng = np.random.default_rng(4)
    pictures = detector(rng, classes=2, pictures=20)
    far = np.array([[900, 900, 960, 960]], np.float32)
    with_difficult = [
        replace(
            p,
            result=Detections(
                p.result.classes,
                np.concatenate([far, p.result.boxes]),
                np.concatenate([np.ones(1, np.float32), p.result.scores]),
                np.concatenate([[1], p.result.labels]),
            ),
            boxes=np.concatenate([p.boxes, far]),
            labels=np.concatenate([p.labels, [1]]),
            difficult=np.append(p.difficult, True),
        )
        for p in pictures
    ]

    scores = judged(with_difficult, classes=2)

    assert str(scores.metrics(rounds=20)) == str(judged(pictures, classes=2).metrics(rounds=20))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_picture_of_weight_two_is_a_picture_added_twice(rule):
    """What the bootstrap rests on: weighing the verdicts is the same as drawing the pictures."""
    rng = np.random.default_rng(3)
    pictures = detector(rng, classes=3, pictures=12)
    weights = rng.multinomial(12, [1 / 12] * 12)
    drawn = [p for p, weight in zip(pictures, weights, strict=True) for _ in range(weight)]

    tables = judged(pictures, classes=3, rule=rule)._tables()
    weighed = [table.average_precision(weights[None].astype(np.float64)) for table in tables]
    twice = judged(drawn, classes=3, rule=rule).metrics(rounds=0)

    for k, each in enumerate(weighed):
        assert each[0, 0] == pytest.approx(twice[f"map50/class {k}"].value, abs=1e-12)
        assert each.mean() == pytest.approx(twice[f"map/class {k}"].value, abs=1e-12)


def test_the_interval_is_that_of_drawing_pictures_one_round_at_a_time(monkeypatch):
    """All rounds are counted at once, or in parts where they are many: the numbers are the same."""
    pictures = detector(np.random.default_rng(5), classes=2, pictures=15)
    scores = judged(pictures, classes=2)

    def statistic(weights):
        precision = [t.average_precision(weights[None])[0, 0] for t in scores._tables()]
        return float(np.mean(precision))

    expected = bootstrap(statistic, 15, rounds=40, seed=7)
    whole = scores.metrics(rounds=40, seed=7)["map50"]
    monkeypatch.setattr(average_precision, "MOST_NUMBERS", 1)
    in_parts = scores.metrics(rounds=40, seed=7)["map50"]

    assert astuple(whole) == pytest.approx(astuple(expected), abs=1e-12)
    assert astuple(in_parts) == astuple(whole)


def test_every_metric_lies_in_its_interval_and_counts_the_pictures():
    pictures = detector(np.random.default_rng(0), classes=2, pictures=30)

    metrics = judged(pictures, classes=2).metrics(rounds=100)

    whole = ["map50", "map", "map75", "map_small", "map_medium", "map_large", "ar"]
    by_class = [f"{key}/class {k}" for key in ("map50", "map") for k in range(2)]
    assert list(metrics) == whole + by_class
    for name, estimate in metrics.items():
        if name != "map_large":  # the boxes have sides of 20 to 60 pixels
            assert 0 < estimate.low < estimate.value < estimate.high < 1
        assert estimate.n == 30


def test_the_progress_is_told_of_every_table():
    seen = []

    def watched(tables):
        for table in tables:
            seen.append(table)
            yield table

    judged(detector(np.random.default_rng(0), classes=2, pictures=3), classes=2).metrics(
        rounds=2, progress=watched
    )

    assert len(seen) == 2 * 4


def test_a_curve_counts_precision_and_recall_as_the_threshold_falls():
    scores = score_one(found([HERE, NOWHERE, THERE], [0.9, 0.8, 0.7]), [HERE, THERE])

    curve = scores.curves()["class 0"]

    assert curve.recall.tolist() == [0.5, 0.5, 1]
    assert curve.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert curve.average == scores.values()["map50"]
    assert np.isnan(scores.curves()["class 1"].average)


def test_the_worst_picture_is_judged_at_the_threshold_of_the_card():
    scores = DetectionScores(names_of(2), score_threshold=0.5)
    box, label = np.array([HERE], np.float32), np.array([0])
    scores.add(found([HERE, NOWHERE], [0.9, 0.4]), box, label, None, "good.png")
    scores.add(found([HERE], [0.4]), box, label, None, "shy.png")
    scores.add(found([NOWHERE], [0.9]), box, label, None, "blind.png")
    scores.add(found([], []), box[:0], label[:0], None, "empty.png")

    assert scores.worst(9) == [
        ("blind.png", 2, "0 found, 1 missed, 1 false"),
        ("shy.png", 1, "0 found, 1 missed, 0 false"),
        ("good.png", 0, "1 found, 0 missed, 0 false"),
        ("empty.png", 3, "0 found, 0 missed, 0 false"),
    ]


def test_no_pictures_score_no_number():
    scores = DetectionScores(names_of(2))

    assert all(np.isnan(estimate.value) for estimate in scores.metrics().values())
    assert scores.worst(3) == []
    assert np.isnan(scores.curves()["class 0"].average)


def test_arrays_that_do_not_fit_are_refused_with_the_picture_named():
    with pytest.raises(ShapeError, match=r"^a\.png: boxes \(1, 4\), labels \(2,\)"):
        score_one(found([], []), [HERE], [0, 1])


def test_a_label_that_is_no_class_is_named_with_its_box():
    with pytest.raises(DataError, match=r"^a\.png, box 1: label 2 in a set with 2 classes; corr"):
        score_one(found([], []), [HERE, THERE], [0, 2])
