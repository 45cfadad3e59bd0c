"""The grid of units: a row each, and as many columns as the fullest has pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from akitsu.errors import DataError
from akitsu.report.units import draw_units

RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(colour):
    return np.full((30, 40, 3), colour, np.uint8)


def test_the_pictures_of_a_unit_stand_in_its_row(tmp_path):
    path = tmp_path / "units.png"

    draw_units(path, [("unit 1\nsky", [plain(RED)] * 2), ("unit 2", [plain(BLUE)])])

    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    red, blue = (np.where(np.abs(pixels - colour).sum(-1) < 9) for colour in (RED, BLUE))
    assert red[0].max() < blue[0].min()
    assert red[1].max() > blue[1].max()
    assert red[1].min() == blue[1].min()


def test_no_unit_at_all_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="there is no unit to show"):
        draw_units(tmp_path / "units.png", [])
    assert list(tmp_path.iterdir()) == []
