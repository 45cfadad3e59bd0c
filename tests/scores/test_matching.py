from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from akitsu.scores.matching import IOU_THRESHOLDS, iou, match


@st.composite
def boxes(draw):
    corners = draw(arrays(np.int64, (draw(st.integers(0, 6)), 2), elements=st.integers(0, 12)))
    sides = draw(arrays(np.int64, corners.shape, elements=st.integers(1, 9)))
    return np.concatenate([corners, corners + sides], axis=1)


def pixels(box):
    """The box as a picture: the slow and certain way to intersect and unite."""
    canvas = np.zeros((32, 32), bool)
    canvas[box[1] : box[3], box[0] : box[2]] = True
    return canvas


@settings(max_examples=50, deadline=None)
@given(boxes(), boxes())
def test_iou_is_that_of_counted_pixels(one, other):
    expected = [
        [(pixels(a) & pixels(b)).sum() / (pixels(a) | pixels(b)).sum() for b in other] for a in one
    ]

    np.testing.assert_allclose(iou(one, other), np.reshape(expected, (len(one), len(other))))


def test_empty_boxes_overlap_nothing():
    assert iou(np.zeros((1, 4)), np.zeros((1, 4))) == 0


def match_slowly(detected, scores, boxes, difficult, threshold):
    """The protocol in plain loops, as one would write it down: right and ignored detections."""
    free, verdicts = set(range(len(boxes))), []
    for d in np.argsort(-scores, kind="stable"):
        able = [b for b in free if iou(detected[[d]], boxes[[b]])[0, 0] >= threshold]
        easy = [b for b in able if not difficult[b]]
        if easy:
            free.remove(max(easy, key=lambda b: (iou(detected[[d]], boxes[[b]])[0, 0], b)))
        verdicts.append((bool(easy), bool(able) and not easy))
    return np.array(verdicts, bool).reshape(-1, 2).T


@settings(max_examples=100, deadline=None)
@given(boxes(), boxes(), st.randoms(use_true_random=False))
def test_matching_is_that_of_plain_loops(detected, truth, random):
    scores = np.array([random.choice([0.2, 0.5, 0.9]) for _ in detected])
    difficult = np.array([random.random() < 0.3 for _ in truth], bool)

    matches = match(detected, scores, boxes=truth, difficult=difficult)

    for row, threshold in enumerate(IOU_THRESHOLDS):
        right, ignored = match_slowly(detected, scores, truth, difficult, threshold)
        np.testing.assert_array_equal(matches.right[row], right)
        np.testing.assert_array_equal(matches.ignored[row], ignored)
    assert matches.boxes == (~difficult).sum()


def test_a_picture_has_a_hundred_detections_at_most():
    one = np.array([[0, 0, 9, 9]])

    matches = match(
        one.repeat(150, axis=0), np.linspace(0, 1, 150), boxes=one, difficult=np.zeros(1, bool)
    )

    assert len(matches.scores) == 100
    assert matches.scores[0] == pytest.approx(1)
    assert matches.right[0].sum() == 1


def test_among_equal_scores_the_earlier_detection_goes_first():
    """More than sixteen of them: a sort that is not stable starts to mix there."""
    detected = np.array([[0, 0, 9, 9], *[[50, 50, 59, 59]] * 39])

    matches = match(
        detected, np.full(40, 0.5), boxes=np.array([[0, 0, 9, 9]]), difficult=np.zeros(1, bool)
    )

    assert matches.right[0].tolist() == [True, *[False] * 39]
