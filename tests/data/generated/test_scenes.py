"""Drawn scenes: the labels are the drawing's own."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.data.formats.registry import ReaderOptions, read
from akitsu.data.generated.handwriting import (
    INK,
    Handwriting,
    Pose,
    handwriting,
    lay_ink,
    tight_box,
)
from akitsu.data.generated.scenes import LEAST_SIDE, MASK_CLASSES, MOST_HIDDEN, scenes
from akitsu.errors import DataError, ShapeError


@pytest.fixture(scope="module")
def drawn():
    return scenes(60, seed=3, digits=handwriting("train"))


def test_the_same_seed_draws_the_same_scenes(drawn):
    again = scenes(60, seed=3, digits=handwriting("train"))
    other = scenes(60, seed=4, digits=handwriting("train"))

    assert all(np.array_equal(a.image, b.image) for a, b in zip(drawn, again, strict=True))
    assert not any(np.array_equal(a.image, b.image) for a, b in zip(drawn, other, strict=True))


def test_every_box_is_tight_around_pixels_of_its_digit_in_the_mask(drawn):
    """On each side of the box lies a pixel of the class; no digit's pixel lies outside all."""
    for sample in drawn:
        covered = np.zeros(sample.mask.shape, bool)
        for (x0, y0, x1, y1), label in zip(sample.boxes.astype(int), sample.labels, strict=True):
            inside = sample.mask[y0:y1, x0:x1] == 1 + label
            assert inside[0].any()
            assert inside[-1].any()
            assert inside[:, 0].any()
            assert inside[:, -1].any()
            covered[y0:y1, x0:x1] = True
        assert covered[sample.mask > 0].all()


def test_masks_and_boxes_tell_of_the_same_digits(drawn):
    for sample in drawn:
        assert set(np.unique(sample.mask)) - {0} == {1 + label for label in sample.labels}


def test_scenes_hold_one_to_five_digits_of_every_class(drawn):
    counts = {len(sample.boxes) for sample in drawn}

    assert counts == {1, 2, 3, 4, 5}
    assert set(np.concatenate([sample.labels for sample in drawn])) == set(range(10))


def test_no_digit_is_mostly_hidden():
    """Solid squares of ink, so that the visible share follows from the mask alone."""
    squares = Handwriting(np.ones((10, 8, 8), np.float32), np.arange(10))
    hidden = []
    for sample in scenes(60, seed=0, digits=squares, size_hw=(60, 60)):
        for label, box in zip(sample.labels, sample.boxes, strict=True):
            if (sample.labels == label).sum() == 1:
                area = (sample.mask == 1 + label).sum()
                hidden.append(1 - area / ((box[2] - box[0]) * (box[3] - box[1])))

    # A square turned by 20 degrees fills 61 % of its box; 60 % of that must be in sight.
    assert max(hidden) <= 1 - 0.6 * (1 - MOST_HIDDEN)


def test_a_digit_lies_where_its_pose_says():
    """Planted: a full square of 16 pixels around (30, 20) covers 22 to 38 by 12 to 28."""
    ink = lay_ink(np.ones((8, 8), np.float32), Pose(30, 20, 16, 0.0), size_hw=(40, 60))

    np.testing.assert_allclose(tight_box(ink >= INK), [22, 12, 38, 28], atol=1)
    assert ink[20, 30] == 1


def test_training_and_validation_share_no_handwriting():
    train, val = handwriting("train"), handwriting("val")

    assert len(train.ink) + len(val.ink) == 1797
    assert not {ink.tobytes() for ink in train.ink} & {ink.tobytes() for ink in val.ink}


def test_the_two_formats_show_the_same_pictures():
    boxes = read(None, "val", format="scenes-boxes")
    masks = read(None, "val", format="scenes-masks")

    assert len(boxes) == len(masks) == 160
    assert masks.classes == MASK_CLASSES == ["background", "digit"]
    np.testing.assert_array_equal(boxes[5].image, masks[5].image)
    assert boxes[5].mask is None
    assert masks[5].boxes is None


def test_other_classes_cannot_be_asked_for():
    with pytest.raises(DataError, match=r"classes of these scenes are 0, 1"):
        read(None, "val", format="scenes-boxes", options=ReaderOptions(("cat",)))


def test_a_scene_too_small_for_its_digits_is_refused():
    with pytest.raises(ShapeError, match="at least 52"):
        scenes(1, seed=0, digits=handwriting("val"), size_hw=(LEAST_SIDE - 1, 80))
