"""Distances: the pinhole camera's answer, and an interval that holds what it says."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.runtime.distance import BOX_ERROR, PERSON_M, PERSON_SPREAD_M, Ruler

FOCAL_PX, ROWS = 600.0, 480


@pytest.mark.parametrize("distance_m", [3.0, 5.0, 12.0])
def test_a_thing_of_known_height_is_as_far_as_it_looks_small(distance_m):
    pixels = FOCAL_PX * 1.2 / distance_m

    found = Ruler(FOCAL_PX, 1.2, 0.0).distance(100, 100 + pixels, frame_height=ROWS)

    assert found["value"] == pytest.approx(distance_m, abs=0.01)
    assert found["low"] < distance_m < found["high"]


def test_the_interval_holds_95_of_100_people_however_high_they_are():
    """Drawn adults at 6 m, whose boxes are a little off."""
    rng = np.random.default_rng(0)
    heights_m = rng.normal(PERSON_M, PERSON_SPREAD_M, 4000)
    pixels = FOCAL_PX * heights_m / 6.0 * (1 + BOX_ERROR * rng.standard_normal(4000))

    found = [Ruler(FOCAL_PX).distance(50, 50 + p, frame_height=ROWS) for p in pixels]

    held = np.mean([each["low"] <= 6.0 <= each["high"] for each in found])
    assert 0.93 < held < 0.97
    assert np.mean([each["high"] - each["low"] for each in found]) < 3.0  # not by saying anything


def test_a_known_height_is_surer_than_anybody():
    anybody = Ruler(FOCAL_PX).distance(100, 300, frame_height=ROWS)
    known = Ruler(FOCAL_PX, PERSON_M, 0.0).distance(100, 300, frame_height=ROWS)

    assert anybody["value"] == known["value"]
    assert anybody["low"] < known["low"] < known["high"] < anybody["high"]


@pytest.mark.parametrize(
    ("top", "bottom"), [(0, 300), (4, 300), (100, 480), (100, 476), (200, 200)]
)
def test_nobody_knows_how_far_a_person_is_who_is_cut_off(top, bottom):
    assert Ruler(FOCAL_PX).distance(top, bottom, frame_height=ROWS) is None


def test_people_have_the_height_of_people_and_nothing_else_has():
    assert Ruler(FOCAL_PX).measures("person")
    assert not Ruler(FOCAL_PX).measures("dog")
    assert Ruler(FOCAL_PX, 0.4, class_name=None).measures("dog")
