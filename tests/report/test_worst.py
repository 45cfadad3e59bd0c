from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from akitsu.errors import DataError
from akitsu.report.worst import draw_worst

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def plain(colour, size_hw=(60, 80)):
    return np.full((*size_hw, 3), colour, np.uint8)


def drawn(path, entries):
    draw_worst(path / "worst.png", entries)
    return np.asarray(Image.open(path / "worst.png").convert("RGB")).astype(int)


def columns_of(sheet, colour):
    """First and last column that hold a colour."""
    columns = np.flatnonzero((np.abs(sheet - colour).sum(-1) < 30).any(0))
    return columns[0], columns[-1]


def test_picture_truth_and_prediction_stand_from_left_to_right(tmp_path):
    sheet = drawn(tmp_path, [(plain(RED), plain(GREEN), plain(BLUE), "a.png: 1 missed")])

    places = [columns_of(sheet, colour) for colour in (RED, GREEN, BLUE)]
    assert places == sorted(places)
    assert all(one[1] < other[0] for one, other in pairwise(places))


def test_without_truth_the_pictures_stand_in_a_grid_of_four(tmp_path):
    entries = [(plain(RED, (8, 8)), None, None, "7 taken for 1")] * 5

    sheet = drawn(tmp_path, entries)

    red = np.abs(sheet - RED).sum(-1) < 30
    starts = np.flatnonzero(np.diff(red[20].astype(int)) == 1)
    assert len(starts) == 4
    assert red[sheet.shape[0] * 3 // 5].sum() == 200  # the fifth, alone in the second row


def test_sides_keep_their_proportion(tmp_path):
    """A picture twice as high as the first one's kind is shown at half the width."""
    wide, high = plain(RED, (60, 80)), plain(BLUE, (80, 40))

    sheet = drawn(tmp_path, [(wide, None, None, ""), (high, None, None, "")])

    blue = np.abs(sheet - BLUE).sum(-1) < 30
    rows, columns = blue.any(1).sum(), blue.any(0).sum()
    assert rows / columns == pytest.approx(2, rel=0.03)


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 4000), (4000, 1), (3, 2)])
def test_pictures_of_any_shape_find_a_place(tmp_path, size_hw):
    sheet = drawn(tmp_path, [(plain(RED, size_hw), None, None, "odd")])

    assert (np.abs(sheet - RED).sum(-1) < 30).any()


@pytest.mark.parametrize("caption", ["", "word " * 100, "x" * 500, "赤血球 × 3", "\n\n\x00"])
def test_any_caption_stays_on_the_sheet(tmp_path, caption):
    sheet = drawn(tmp_path, [(plain(RED), plain(GREEN), plain(BLUE), caption)])

    edge = np.concatenate([sheet[-3:].reshape(-1, 3), sheet[:, -3:].reshape(-1, 3)])
    assert (edge == 255).all()


def test_the_frames_are_left_as_they_were(tmp_path):
    frame = plain(RED)
    frame.flags.writeable = False

    drawn(tmp_path, [(frame, frame[::-1], frame[:, ::-1], "a view with negative strides")])

    assert (frame == RED).all()


def test_no_picture_at_all_is_an_error_with_advice(tmp_path):
    with pytest.raises(DataError, match="no picture to show; score at least one"):
        draw_worst(tmp_path / "worst.png", [])
