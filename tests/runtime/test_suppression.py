from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import ShapeError
from akitsu.runtime.suppression import box_iou, non_maximum_suppression

few = settings(max_examples=50, deadline=None)


def iou_by_counting(box, other):
    """Pixels of whole-number boxes, painted and counted."""
    canvas = np.zeros((2, 30, 30), bool)
    for layer, (left, top, right, bottom) in zip(canvas, (box, other), strict=True):
        layer[top:bottom, left:right] = True
    covered = canvas.any(axis=0).sum()
    return canvas.all(axis=0).sum() / covered if covered else 0.0


def suppression_by_definition(boxes, scores, labels, iou_threshold, max_detections):
    """Take the best that is left, cross out what overlaps it in its class; again."""
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left and len(kept) < max_detections:
        best = left.pop(0)
        kept.append(best)
        left = [
            i
            for i in left
            if labels[i] != labels[best] or iou_by_counting(boxes[i], boxes[best]) <= iou_threshold
        ]
    return kept


@st.composite
def box(draw):
    left, top = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    return [left, top, left + draw(st.integers(0, 9)), top + draw(st.integers(0, 9))]


@few
@given(st.lists(box(), min_size=1, max_size=6), st.lists(box(), min_size=1, max_size=6))
def test_the_overlap_is_what_counting_pixels_gives(boxes, others):
    expected = [[iou_by_counting(a, b) for b in others] for a in boxes]

    np.testing.assert_allclose(box_iou(boxes, others), expected)


@few
@given(
    st.lists(st.tuples(box(), st.sampled_from([0.1, 0.5, 0.9]), st.integers(0, 1)), max_size=15),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.integers(1, 16),
)
def test_it_keeps_what_the_definition_keeps(candidates, iou_threshold, max_detections):
    boxes = [one for one, _, _ in candidates]
    scores, labels = [s for _, s, _ in candidates], [label for _, _, label in candidates]

    kept = non_maximum_suppression(
        np.reshape(boxes, (-1, 4)),
        np.array(scores),
        labels,
        iou_threshold=iou_threshold,
        max_detections=max_detections,
    )

    expected = suppression_by_definition(boxes, scores, labels, iou_threshold, max_detections)
    assert kept.tolist() == expected


def test_the_best_of_all_classes_stay_when_there_are_too_many():
    boxes = [[0, 0, 1, 1], [5, 0, 6, 1], [9, 0, 10, 1]]

    kept = non_maximum_suppression(
        boxes, [0.2, 0.9, 0.5], [0, 1, 2], iou_threshold=0.5, max_detections=2
    )

    assert kept.tolist() == [1, 2]


def test_a_score_too_few_is_a_sentence():
    with pytest.raises(ShapeError, match="1 boxes, 0 scores and 1 labels"):
        non_maximum_suppression([[0, 0, 1, 1]], [], [0], iou_threshold=0.5, max_detections=2)


def test_boxes_of_three_numbers_are_refused():
    with pytest.raises(ShapeError, match="boxes have shape"):
        box_iou([[0, 0, 1]], [[0, 0, 1, 1]])
