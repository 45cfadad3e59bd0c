from __future__ import annotations

import numpy as np
import pytest

from akitsu.models.detection.warping import warp


@pytest.mark.parametrize("corner", [(60, 40), (0, 0), (170, 100)], ids=["inside", "first", "last"])
def test_a_box_fills_the_square_but_for_16_pixels_around(corner):
    """Also where its context leaves the picture."""
    x, y = corner
    image = np.zeros((150, 200, 3), np.uint8)
    image[y : y + 50, x : x + 30] = 255

    (square,) = warp(image, np.array([[x, y, x + 30, y + 50]]))

    assert square.shape == (227, 227, 3)
    for axis in (0, 1):
        on = np.flatnonzero((square[..., 0] > 127).any(axis))
        assert abs(on[0] - 16) <= 1
        assert abs(on[-1] + 1 - 211) <= 1


def test_what_lies_outside_of_the_picture_is_filled():
    image = np.full((50, 30, 3), 200, np.uint8)

    (square,) = warp(image, np.array([[0, 0, 30, 50]]), fill=128)

    assert (square[:15] == 128).all()
    assert (square[:, -15:] == 128).all()
    assert (square[17:210, 17:210] == 200).all()


def test_a_smaller_square_has_the_context_that_is_asked_for():
    image = np.zeros((64, 64, 1), np.uint8)
    image[20:40, 10:50] = 255

    (square,) = warp(image, np.array([[10, 20, 50, 40]]), side=32, context=2)

    assert square.shape == (32, 32, 1)
    assert (square[3:29, 3:29] == 255).all()
    assert (square[:1] == 0).all()


def test_no_boxes_give_no_squares_and_a_sliver_is_no_mistake():
    image = np.full((40, 40, 3), 9, np.uint8)

    assert warp(image, np.empty((0, 4))).shape == (0, 227, 227, 3)
    slivers = np.array([[39, 0, 40, 40], [0, 39.6, 40, 40], [10, 20.1, 30, 20.3]])
    assert (warp(image, slivers)[:, 100:120, 100:120] == 9).all()
