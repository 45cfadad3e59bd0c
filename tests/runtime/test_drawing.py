from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from akitsu.errors import ShapeError
from akitsu.runtime.drawing import PALETTE, colour_of, readable_scale
from akitsu.runtime.results import Classification, Detections, Segmentation

CLASSES = tuple(f"class {index}" for index in range(12))
SIZES = [(480, 640), (96, 128), (8, 8), (1, 1), (2000, 30)]


def detections(boxes, labels):
    scores = np.linspace(0.9, 0.5, len(boxes)).astype(np.float32)
    return Detections(CLASSES, np.reshape(boxes, (-1, 4)).astype(np.float32), scores, labels)


def results(frame_hw):
    height, width = frame_hw
    probabilities = np.eye(12, dtype=np.float32)[4]
    mask = (np.indices(frame_hw).sum(axis=0) % 12).astype(np.uint8)
    boxes = [[0, 0, width, height], [width / 2, height / 2, width, height]]
    return [
        Classification(CLASSES, probabilities),
        detections(boxes, np.array([3, 11])),
        Segmentation(CLASSES, mask),
    ]


@pytest.mark.parametrize("frame_hw", SIZES)
def test_drawing_copies_the_frame_in_its_size(frame_hw):
    frame = np.full((*frame_hw, 3), 90, np.uint8)

    for result in results(frame_hw):
        drawn = result.draw(frame)

        assert drawn.shape == frame.shape
        assert drawn.dtype == np.uint8
        assert (frame == 90).all()
        assert (drawn != 90).any()


def test_a_scale_enlarges_the_copy():
    frame = np.zeros((96, 128, 3), np.uint8)

    for result in results((96, 128)):
        assert result.draw(frame, scale=3).shape == (288, 384, 3)


def test_a_grey_frame_becomes_a_colour_picture():
    for result in results((40, 40)):
        assert result.draw(np.zeros((40, 40, 1), np.uint8)).shape == (40, 40, 3)


def test_a_box_is_drawn_on_its_edges_in_its_colour():
    """Half-open: the box from 60 to 100 ends with column and row 99."""
    result = detections([[60, 60, 100, 100]], np.array([1]))

    drawn = result.draw(np.zeros((200, 200, 3), np.uint8))

    assert tuple(drawn[80, 60]) == tuple(drawn[80, 99]) == tuple(drawn[99, 80]) == colour_of(1)
    assert tuple(drawn[80, 62]) == (0, 0, 0)
    assert tuple(drawn[80, 102]) == (0, 0, 0)


def test_ignored_pixels_keep_their_colour():
    mask = np.zeros((300, 300), np.uint8)
    mask[:150] = 255

    drawn = Segmentation(CLASSES, mask).draw(np.full((300, 300, 3), 77, np.uint8))

    assert (drawn[:150] == 77).all()
    assert (drawn[150:, 200:] != 77).any()


def test_the_legend_names_only_the_classes_present():
    """One class more in the picture is one line more below."""
    frame = np.zeros((240, 240, 3), np.uint8)
    one = np.full((240, 240), 2, np.uint8)
    two = one.copy()
    two[0, 0] = 5

    grounds = [
        (Segmentation(CLASSES, mask).draw(frame) == 32).all(axis=2).any(axis=1).sum()
        for mask in (one, two)
    ]

    assert grounds[1] > 1.5 * grounds[0] > 0


def test_colours_are_apart_also_for_the_colour_blind():
    """The palette's colours differ in brightness or in blue, which all but few people see."""
    weights = np.array([[0.299, 0.587, 0.114], [0, 0, 1]])
    for one, other in combinations(PALETTE, 2):
        assert np.abs(weights @ (np.array(one) - np.array(other))).max() > 20


def test_twenty_classes_have_twenty_colours():
    assert len({colour_of(label) for label in range(20)}) == 20


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ShapeError, match="draw it on the frame"):
        Segmentation(CLASSES, np.zeros((4, 4), np.uint8)).draw(np.zeros((5, 4, 3), np.uint8))


@pytest.mark.parametrize(("size_hw", "scale"), [((480, 640), 1), ((96, 128), 3), ((8, 8), 30)])
def test_small_frames_are_enlarged_until_words_fit(size_hw, scale):
    assert readable_scale(size_hw) == scale
