from __future__ import annotations

import numpy as np
import pytest

from akitsu.data.generated.shape_scenes import EASY, ShapeScenes
from akitsu.errors import ShapeError
from akitsu.models.detection.selective_search import FAST, Hierarchy, group, selective_search
from akitsu.runtime.suppression import box_iou

ONE = (Hierarchy("hsv", 100),)


def two_tones(seed):
    """A rectangle whose upper half is darker, on noise, and its box: grouping finds it."""
    chance = np.random.default_rng(seed)
    scene = chance.normal(0.45, 0.03, (96, 128, 3))
    width, height = chance.integers(24, 60, 2)
    x, y = chance.integers(4, 124 - width), chance.integers(4, 92 - height)
    scene[y : y + height, x : x + width] = (0.9, 0.2, 0.3)
    scene[y : y + height // 2, x : x + width] *= 0.6
    scene += chance.normal(0, 0.02, scene.shape)
    return (scene.clip(0, 1) * 255).astype(np.uint8), np.array([[x, y, x + width, y + height]])


@pytest.mark.parametrize("seed", range(6))
def test_one_hierarchy_finds_the_whole_of_a_thing_in_two_tones(seed):
    image, truth = two_tones(seed)
    chance = np.random.default_rng(0)

    boxes = selective_search(image, hierarchies=ONE, least_side=10)

    ends = np.sort(chance.uniform(0, 1, (len(boxes), 2, 2)), axis=1) * [128, 96]
    assert len(boxes) < 60
    assert box_iou(boxes, truth).max() >= 0.85
    assert box_iou(ends.reshape(-1, 4), truth).max() < 0.7


def test_nearly_every_shape_of_generated_scenes_has_a_proposal():
    hierarchies = Hierarchy("hsv", 50), Hierarchy("lab", 50)
    best = []
    for scene in ShapeScenes(12, 1, EASY):
        boxes = selective_search(scene.image, hierarchies=hierarchies, least_side=6)
        best += box_iou(boxes, scene.boxes).max(0).tolist()

    assert np.mean(np.array(best) >= 0.7) >= 0.9


def test_a_hierarchy_of_r_regions_has_2r_less_1_boxes_and_ends_with_the_picture():
    image, _ = two_tones(0)

    boxes = group(image, ONE[0])

    assert len(boxes) % 2 == 1
    assert boxes[-1].tolist() == [0, 0, 128, 96]
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_a_picture_of_one_colour_is_one_region():
    assert group(np.full((40, 50, 3), 90, np.uint8), ONE[0]).tolist() == [[0, 0, 50, 40]]


def test_colour_decides_which_neighbours_are_joined_first():
    """Red, red with more blue, and green side by side, alike in size, fill and texture."""
    image = np.zeros((60, 180, 3), np.uint8)
    image[:, :60], image[:, 60:120], image[:, 120:] = (200, 30, 30), (200, 30, 45), (30, 200, 30)

    boxes = group(image, Hierarchy("lab", 50))

    assert boxes[-2].tolist() == [0, 0, 120, 60]


def test_no_proposal_is_given_twice_none_is_too_narrow_and_the_order_is_the_seed_s():
    image, _ = two_tones(1)

    boxes = selective_search(image, hierarchies=FAST[:2], least_side=10, seed=3)
    again = selective_search(image, hierarchies=FAST[:2], least_side=10, seed=3)
    other = selective_search(image, hierarchies=FAST[:2], least_side=10, seed=4)

    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert (boxes[:, 2:] - boxes[:, :2]).min() >= 10
    assert boxes.tolist() == again.tolist()
    assert boxes.tolist() != other.tolist()
    assert sorted(boxes.tolist()) == sorted(other.tolist())


@pytest.mark.parametrize("shape", [(9, 9), (9, 9, 1), (9, 9, 4)])
def test_other_arrays_are_refused(shape):
    with pytest.raises(ShapeError, match=r"pass \(H, W, 3\) uint8 RGB"):
        selective_search(np.zeros(shape, np.uint8))
