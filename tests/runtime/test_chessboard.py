"""The printed chessboard is as large as it says, and is found."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from akitsu.errors import DataError, OutputError
from akitsu.runtime.chessboard import Board, board_of
from akitsu.runtime.pictures import read_picture

from .chessboard_views import BOARD, SIZE_HW, poses, project, rendered


def test_the_squares_are_25_mm_at_the_size_that_the_png_gives_itself(tmp_path):
    BOARD.write(tmp_path / "board.png")

    with Image.open(tmp_path / "board.png") as image:
        dots_a_mm = image.info["dpi"][0] / 25.4
    corners = BOARD.find(read_picture(tmp_path / "board.png"))

    grid_mm = corners.reshape(6, 9, 2) / dots_a_mm
    assert np.linalg.norm(np.diff(grid_mm, axis=1), axis=2) == pytest.approx(25, abs=0.03)
    assert np.linalg.norm(np.diff(grid_mm, axis=0), axis=2) == pytest.approx(25, abs=0.03)


def test_the_pdf_is_one_page_of_a4_on_its_side(tmp_path):
    BOARD.write(tmp_path / "board.pdf")

    found = re.findall(rb"/MediaBox \[ ([\d. ]+) \]", (tmp_path / "board.pdf").read_bytes())
    left, bottom, right, top = (float(number) for number in found[0].split())
    assert len(found) == 1
    assert (left, bottom) == (0, 0)
    assert (right, top) == pytest.approx((297 * 72 / 25.4, 210 * 72 / 25.4), abs=0.01)


@pytest.mark.parametrize("text", ["3x4", "9x6", "4x7", "12x9", "30x29"])
def test_any_board_leaves_white_around_its_squares(text):
    board = board_of(text)
    sheet = board.drawn()

    rows, columns = np.nonzero(sheet[:-120] == 0)
    assert rows.min() >= 150
    assert sheet.shape[0] - rows.max() >= 150
    assert columns.min() >= 150
    assert board.square_mm >= 5


@pytest.mark.parametrize("times", [1, 2])
def test_corners_are_found_where_they_are(times):
    """The picture twice as large is longer than what is looked at: corners are refined in it."""
    pose = poses(1)[0]
    image = np.kron(rendered(*pose), np.ones((times, times), np.uint8))

    found = (BOARD.find(image) + 0.5) / times - 0.5

    truth = project(*pose)
    off = min(np.abs(found - truth).max(), np.abs(found[::-1] - truth).max())
    assert off < 0.35


def test_where_no_board_is_none_is_found():
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)

    assert BOARD.find(picture) is None


def test_half_a_board_is_none():
    image = rendered(*poses(1)[0])
    image[:, SIZE_HW[1] // 2 :] = 90

    assert BOARD.find(image) is None


@pytest.mark.parametrize("text", ["", "9", "9x", "axb", "9x6x2", "-9x6", "2x9", "9x31", "8x6"])
def test_a_board_that_cannot_be_is_refused(text):
    with pytest.raises(DataError):
        board_of(text)


def test_a_board_is_not_written_over_a_file_or_as_another_kind(tmp_path):
    (tmp_path / "board.pdf").write_text("mine")

    with pytest.raises(OutputError, match="--force"):
        Board().write(tmp_path / "board.pdf")
    with pytest.raises(OutputError, match=r"name a \.pdf or a \.png file"):
        Board().write(tmp_path / "board.gif")

    assert (tmp_path / "board.pdf").read_text() == "mine"
