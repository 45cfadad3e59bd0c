from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import RecipeError
from akitsu.scores.rules import VOC07, VOC10, rule

from .planted import Answered, detector, found, judged

RULES = {"voc07": VOC07, "voc10": VOC10}


def overlap(one, other):
    """Of two boxes whose edges are where they are: VOC's own + 1 is in its pixel numbers."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (one, other))
    return width * height / (both - width * height)


def voc(pictures, label, *, threshold=0.5):
    """VOC's development kit (VOCevaldet), written out: recall and precision of one class."""
    asked, detections = 0, []
    for index, p in enumerate(pictures):
        asked += int(((p.labels == label) & ~p.difficult).sum())
        rows = np.flatnonzero(p.result.labels == label)
        detections += [(float(p.result.scores[r]), index, p.result.boxes[r]) for r in rows]
    detections.sort(key=lambda each: -each[0])
    taken, right, wrong = set(), [], []
    for _, index, box in detections:
        p = pictures[index]
        best, which = 0.0, None
        for number in np.flatnonzero(p.labels == label):
            if (shared := overlap(box.tolist(), p.boxes[number].tolist())) > best:
                best, which = shared, number
        if best >= threshold and p.difficult[which]:
            continue
        hit = best >= threshold and (index, which) not in taken
        taken |= {(index, which)} if hit else set()
        right.append(hit)
        wrong.append(not hit)
    found, false = np.cumsum(right), np.cumsum(wrong)
    return found / max(asked, 1), found / np.maximum(found + false, 1), asked


def voc07(recall, precision):
    """Eleven recalls, and the best precision from there on."""
    points = np.arange(0, 1.1, 0.1)
    return sum(max(precision[recall >= at], default=0) for at in points) / 11


def voc10(recall, precision):
    """The area under the curve that never rises."""
    recall, precision = np.r_[0, recall, 1], np.r_[0, precision, 0]
    for index in range(len(precision) - 2, -1, -1):
        precision[index] = max(precision[index], precision[index + 1])
    steps = np.flatnonzero(recall[1:] != recall[:-1]) + 1
    return float(((recall[steps] - recall[steps - 1]) * precision[steps]).sum())


CASES = {
    "three classes": {"classes": 3, "pictures": 25, "boxes": 8},
    "mostly empty pictures": {"classes": 2, "pictures": 40, "boxes": 0.7},
    "crowded": {"classes": 1, "pictures": 3, "boxes": 40},
}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize(("name", "average"), [("voc07", voc07), ("voc10", voc10)])
def test_average_precision_by_voc_is_that_of_its_kit(name, average, case, seed):
    rng = np.random.default_rng(seed)
    pictures = detector(rng, **case)
    for p in pictures:
        p.difficult[:] = rng.random(len(p.boxes)) < 0.3

    tables = judged(pictures, classes=case["classes"], rule=RULES[name])._tables()

    for label, table in enumerate(tables):
        ours = table.average_precision(np.ones((1, len(pictures))))[0]
        for row, threshold in {0: 0.5, 5: 0.75}.items():
            recall, precision, asked = voc(pictures, label, threshold=threshold)
            expected = average(recall, precision) if asked else np.nan
            assert ours[row] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("name", "expected"), [("coco", 51 / 101), ("voc07", 6 / 11), ("voc10", 0.5)]
)
def test_one_of_two_boxes_found_is_half_of_the_recalls_asked_for(name, expected):
    boxes = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    picture = Answered(found(boxes[:1], [0.9]), boxes, np.zeros(2, int), np.zeros(2, bool))

    scores = judged([picture], classes=2, rule=rule(name))

    assert scores.values()["map50"] == pytest.approx(expected)


def test_by_voc_a_detection_has_one_chance_and_by_coco_it_takes_what_is_free():
    """The second overlaps the taken box more, and the free one enough."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 16]], np.float32)
    result = found([[0, 0, 10, 10], [0, 0, 10, 11]], [0.9, 0.8])
    picture = Answered(result, boxes, np.zeros(2, int), np.zeros(2, bool))

    precision = {
        name: judged([picture], classes=2, rule=rule(name)).curves()["class 0"].precision.tolist()
        for name in ("coco", "voc10")
    }

    assert precision == {"coco": [1, 1], "voc10": [1, 0.5]}


def test_voc_judges_more_than_a_hundred_detections_of_a_picture():
    far = [[500, 500, 510, 510]] * 120
    here = [[0, 0, 10, 10]]
    result = found(far + here, [*np.linspace(1, 0.5, 120), 0.1])
    picture = Answered(result, np.array(here, np.float32), np.zeros(1, int), np.zeros(1, bool))

    values = {n: judged([picture], classes=2, rule=rule(n)).values()["map50"] for n in RULES}

    assert values == pytest.approx({"voc07": 1 / 121, "voc10": 1 / 121})
    assert judged([picture], classes=2).values()["map50"] == 0


def test_a_misspelt_rule_is_told_the_nearest():
    with pytest.raises(RecipeError, match=r"^there is no rule 'voc-07'; write voc07\.$"):
        rule("voc-07")
