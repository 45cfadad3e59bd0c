from __future__ import annotations

import numpy as np
import pytest

from akitsu.runtime.frames import with_channels


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
