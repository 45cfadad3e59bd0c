"""A map over a picture: tinted where the evidence is, grey elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import ShapeError
from akitsu.report.heat import draw_heat

FRAME = np.full((240, 300, 3), (200, 40, 90), np.uint8)


def colourful(pixels):
    return np.ptp(pixels.astype(int), axis=-1) > 10


def test_only_what_speaks_for_the_class_is_tinted():
    heat = np.full((240, 300), -5, np.float32)
    heat[100:120, 50:80] = 2

    drawn = draw_heat(FRAME, heat)

    assert colourful(drawn[100:120, 50:80]).all()
    assert colourful(drawn).sum() == 20 * 30


def test_a_map_without_evidence_leaves_the_picture_grey():
    drawn = draw_heat(FRAME, np.full((240, 300), -1, np.float32))

    assert not colourful(drawn).any()


def test_a_box_is_drawn_and_the_frame_is_left_as_it_was():
    before = FRAME.copy()

    drawn = draw_heat(FRAME, np.zeros((240, 300), np.float32), box=np.array([20.0, 30, 60, 90]))

    rows, columns = np.where((drawn == 255).all(-1))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (20, 30, 60, 90)
    assert np.array_equal(FRAME, before)


def test_a_small_picture_is_enlarged_with_its_map():
    heat = np.zeros((8, 8), np.float32)
    heat[2, 5] = 1

    drawn = draw_heat(np.zeros((8, 8, 1), np.uint8), heat)

    assert drawn.shape == (240, 240, 3)
    assert colourful(drawn[60:90, 150:180]).all()


def test_a_map_of_another_size_is_a_sentence():
    with pytest.raises(ShapeError, match=r"a map of \(8, 9\) on a frame of \(240, 300\)"):
        draw_heat(FRAME, np.zeros((8, 9), np.float32))
