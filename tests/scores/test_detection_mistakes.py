from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from akitsu.scores.detection_mistakes import KINDS
from akitsu.scores.matching import iou

from .planted import Answered, detector, found, judged

BOX, OTHER, FAR = [0, 0, 10, 10], [50, 0, 60, 10], [200, 0, 210, 10]
HALF = [0, 0, 10, 4]  # overlaps BOX by .4
TOUCH = [0, 0, 10, 0.5]  # by .05


def picture(result, boxes=(BOX, OTHER), labels=(0, 1), difficult=(False, False)):
    truth = np.array(boxes, np.float32).reshape(-1, 4)
    return Answered(result, truth, np.array(labels, int), np.array(difficult, bool))


# Detections beside one that finds OTHER: boxes, classes, and what is expected.
CASES = {
    "a poor overlap": ([HALF], [0], {"poor_overlap": 1}),
    "a wrong class": ([BOX], [1], {"wrong_class": 1}),
    "a duplicate": ([BOX, [0, 0, 10, 9]], [0, 0], {"duplicate": 1}),
    "a poor overlap with a box that was found": ([BOX, HALF], [0, 0], {"poor_overlap": 1}),
    "background": ([FAR], [0], {"background": 1, "missed": 1}),
    "hardly touching": ([TOUCH], [0], {"background": 1, "missed": 1}),
    "wrong class and poor overlap": ([HALF], [1], {"wrong_class_and_overlap": 1, "missed": 1}),
    "nothing at all": ([], [], {"missed": 1}),
    "all right": ([BOX], [0], {}),
    "two that mean one box": ([HALF, [0, 0, 10, 3]], [0, 0], {"poor_overlap": 2}),
}


@pytest.mark.parametrize(("boxes", "labels", "expected"), CASES.values(), ids=CASES)
def test_each_mistake_has_its_kind(boxes, labels, expected):
    scores = np.linspace(0.9, 0.6, len(boxes) + 1)
    result = found([OTHER, *boxes], scores, [1, *labels])

    mistakes = judged([picture(result)], classes=2).mistakes(rounds=0)

    assert {name: kind.count for name, kind in mistakes.items() if kind.count} == expected
    assert list(mistakes) == list(KINDS)


def test_doubtful_mistakes_are_not_counted_but_cost_precision():
    result = found([FAR, BOX, OTHER], [0.4, 0.3, 0.2], [0, 0, 1])

    mistakes = judged([picture(result)], classes=2, score_threshold=0.5).mistakes(rounds=0)

    assert mistakes["background"].count == 0
    assert mistakes["missed"].count == 2
    assert mistakes["background"].map50_gain.value == pytest.approx(0.25)  # class 0 from .5 to 1
    assert mistakes["missed"].map50_gain.value == 0


def test_a_mistake_about_a_difficult_box_is_none():
    result = found([BOX, [0, 0, 10, 9], OTHER], [0.9, 0.8, 0.7], [0, 0, 1])

    scores = judged([picture(result, difficult=(True, False))], classes=2)

    assert sum(kind.count for kind in scores.mistakes(rounds=0).values()) == 0


# What mending brings: detections, classes, kind, mAP at IoU .5 before and after, on paper.
GAINS = {
    "a better overlap finds the box": ([HALF, OTHER], [0, 1], "poor_overlap", 0.5, 1),
    "the right class finds it too": ([BOX, OTHER], [1, 1], "wrong_class", 0.25, 1),
    "what is on nothing is taken away": ([FAR, BOX, OTHER], [0, 0, 1], "background", 0.75, 1),
    "what is missed is not asked for": ([OTHER], [1], "missed", 0.5, 1),
    "a duplicate is taken away": ([OTHER, OTHER, BOX], [1, 1, 0], "duplicate", 1, 1),
}


@pytest.mark.parametrize(("boxes", "labels", "kind", "before", "after"), GAINS.values(), ids=GAINS)
def test_mending_a_kind_gains_what_it_would_on_paper(boxes, labels, kind, before, after):
    """What is missed leaves its class without boxes, and so without a say in the mean."""
    result = found(boxes, np.linspace(0.9, 0.6, len(boxes)), labels)

    scores = judged([picture(result)], classes=2)

    assert scores.values()["map50"] == pytest.approx(before)
    gain = scores.mistakes(rounds=0)[kind].map50_gain.value
    assert gain == pytest.approx(after - before)


def kinds_slowly(p, threshold):
    """Section 2.2 of the paper in plain loops, over all classes at once."""
    counts, used, reach = dict.fromkeys(KINDS, 0), set(), set()
    rows = [int(r) for r in np.argsort(-p.result.scores, kind="stable")]
    rows = [r for r in rows if p.result.scores[r] >= threshold]
    overlaps = iou(p.result.boxes, p.boxes)
    wrong = []
    for r in rows:
        same = [b for b in range(len(p.boxes)) if p.labels[b] == p.result.labels[r]]
        able = [b for b in same if b not in used and overlaps[r, b] >= 0.5]
        if able:
            used.add(max(able, key=lambda b: overlaps[r, b]))
        else:
            wrong.append((r, same))
    for r, same in wrong:
        own = max((overlaps[r, b] for b in same), default=0)
        others = [b for b in range(len(p.boxes)) if b not in same]
        other = max((overlaps[r, b] for b in others), default=0)
        if 0.1 <= own < 0.5:
            counts["poor_overlap"] += 1
            reach.add(max(same, key=lambda b: overlaps[r, b]))
        elif other >= 0.5:
            counts["wrong_class"] += 1
            reach.add(max(others, key=lambda b: overlaps[r, b]))
        elif any(overlaps[r, b] >= 0.5 for b in same if b in used):
            counts["duplicate"] += 1
        elif max(own, other) < 0.1:
            counts["background"] += 1
        else:
            counts["wrong_class_and_overlap"] += 1
    counts["missed"] = len(set(range(len(p.boxes))) - used - reach)
    return counts


def test_the_kinds_are_those_of_plain_loops():
    seen = dict.fromkeys(KINDS, 0)
    for seed, threshold in product(range(4), [0.0, 0.6]):
        pictures = detector(np.random.default_rng(seed), classes=3, pictures=8, boxes=20)

        mistakes = judged(pictures, classes=3, score_threshold=threshold).mistakes(rounds=0)

        slowly = [kinds_slowly(p, threshold) for p in pictures]
        expected = {kind: sum(each[kind] for each in slowly) for kind in KINDS}
        assert {kind: each.count for kind, each in mistakes.items()} == expected
        seen = {kind: seen[kind] + expected[kind] for kind in KINDS}
    assert all(seen.values())


def test_the_gain_has_an_interval_over_pictures():
    pictures = detector(np.random.default_rng(1), classes=2, pictures=20)

    gain = judged(pictures, classes=2).mistakes(rounds=50)["poor_overlap"].map50_gain

    assert 0 <= gain.low < gain.value < gain.high
    assert gain.n == 20
