from __future__ import annotations

import numpy as np
import pytest

from akitsu.runtime.frames import BLACKEST, tells_nothing, with_channels


@pytest.mark.parametrize(
    ("colour", "grey"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)]
)
def test_grey_is_weighed_as_the_standard_says(colour, grey):
    """ITU-R BT.601: 0.299 of red, 0.587 of green, 0.114 of blue."""
    assert with_channels(np.full((2, 2, 3), colour, np.uint8), 1).tolist() == [[[grey]] * 2] * 2


def test_a_frame_that_fits_is_handed_back_itself():
    frame = np.zeros((2, 2, 3), np.uint8)

    assert with_channels(frame, 3) is frame


def test_grey_becomes_three_equal_channels():
    grey = np.array([[1, 2]], np.uint8)

    assert with_channels(grey, 3).tolist() == [[[1] * 3, [2] * 3]]


@pytest.fixture
def scene():
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)


def test_a_new_frame_tells_something(scene):
    assert tells_nothing(scene, None) == ""
    assert tells_nothing(scene, scene[:40]) == ""
    assert tells_nothing(scene, scene[::-1]) == ""


@pytest.mark.parametrize("pixel", [(0, 0, 0), (7, 9, 1), (47, 63, 2)])
def test_one_pixel_makes_a_new_frame(scene, pixel):
    after = scene.copy()
    after[pixel] ^= 1
    black = np.full_like(scene, BLACKEST)
    black[pixel] += 1

    assert tells_nothing(after, scene) == ""
    assert tells_nothing(black, None) == ""


def test_black_frames_and_the_same_one_again_tell_nothing_of_now(scene):
    assert tells_nothing(scene.copy(), scene) == "the same frame comes again and again"
    assert tells_nothing(np.full_like(scene, BLACKEST), scene) == "only black frames come"
