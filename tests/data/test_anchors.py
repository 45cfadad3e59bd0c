"""Anchors from the shapes of boxes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from akitsu.data.anchors import cluster, mean_iou, shape_iou, sides_of
from akitsu.data.generated.shape_scenes import ShapeScenes
from akitsu.errors import DataError
from akitsu.runtime.suppression import box_iou

PLANTED = np.array([[12, 20], [30, 14], [50, 60], [100, 40], [150, 160]])


def boxes_around(shapes, n=60, spread=0.05, seed=0):
    noise = np.random.default_rng(seed).normal(0, spread, (len(shapes), n, 2))
    return (shapes[:, None] * np.exp(noise)).reshape(-1, 2)


def test_planted_shapes_are_found():
    found = cluster(boxes_around(PLANTED), 5)

    assert np.diag(shape_iou(found.sides, PLANTED)).min() > 0.98
    assert found.mean_iou > 0.9


@given(st.lists(st.tuples(*[st.floats(0.1, 50)] * 2), min_size=1, max_size=6))
def test_the_overlap_of_shapes_is_that_of_boxes_in_one_corner(shapes):
    sides = np.array(shapes)
    boxes = np.concatenate([np.zeros_like(sides), sides], 1)

    np.testing.assert_allclose(shape_iou(sides, sides), box_iou(boxes, boxes), rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_of_scenes_the_distance_by_overlap_gives_better_anchors_than_the_squared_one(seed):
    """Squared errors spend the anchors on the large ones."""
    sides = np.exp(np.random.default_rng(seed).uniform(np.log(4), np.log(200), (400, 2)))

    by_overlap, squared = (cluster(sides, 5, distance=each) for each in ("iou", "squared"))

    assert by_overlap.mean_iou == pytest.approx(mean_iou(sides, by_overlap.sides))
    assert by_overlap.mean_iou > squared.mean_iou + 0.01


def test_as_many_anchors_as_shapes_fit_all_of_them():
    assert cluster(PLANTED, 5).mean_iou == 1


@pytest.mark.parametrize(
    ("sides", "k", "message"),
    [
        (PLANTED, 6, "5 different shapes of boxes do not make 6 anchors; ask for 1 to 5"),
        (PLANTED, 0, "do not make 0 anchors"),
        ([[3, 0]], 1, "a box without an area; let akitsu doctor find it"),
    ],
)
def test_what_makes_no_anchors_is_a_sentence(sides, k, message):
    with pytest.raises(DataError, match=message):
        cluster(sides, k)


def test_boxes_are_measured_in_the_input_that_their_pictures_are_fitted_into():
    scenes = ShapeScenes(3, 0)
    boxes = np.concatenate([each.boxes for each in scenes])

    sides = sides_of(scenes, input_hw=(128, 200))

    np.testing.assert_allclose(sides, 2 * (boxes[:, 2:] - boxes[:, :2]))
