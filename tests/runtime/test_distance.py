"""Distances: the pinhole camera's answer, and an interval that holds what it says."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from akitsu.runtime.camera import Camera
from akitsu.runtime.distance import BOX_ERROR, PERSON_M, PERSON_SPREAD_M, Ruler, ruler_for

from .chessboard_views import DISTORTION, MATRIX, SIZE_HW

FOCAL_PX, FRAME_HW = 600.0, (480, 640)


def box(top, bottom):
    return 200.0, top, 260.0, bottom


@pytest.mark.parametrize("distance_m", [3.0, 5.0, 12.0])
def test_a_thing_of_known_height_is_as_far_as_it_looks_small(distance_m):
    pixels = FOCAL_PX * 1.2 / distance_m

    found = Ruler(FOCAL_PX, 1.2, 0.0).distance(box(100, 100 + pixels), frame_hw=FRAME_HW)

    assert found["value"] == pytest.approx(distance_m, abs=0.01)
    assert found["low"] < distance_m < found["high"]


def test_the_interval_holds_95_of_100_people_however_high_they_are():
    """Drawn adults at 6 m, whose boxes are a little off."""
    rng = np.random.default_rng(0)
    heights_m = rng.normal(PERSON_M, PERSON_SPREAD_M, 4000)
    pixels = FOCAL_PX * heights_m / 6.0 * (1 + BOX_ERROR * rng.standard_normal(4000))

    found = [Ruler(FOCAL_PX).distance(box(50, 50 + p), frame_hw=FRAME_HW) for p in pixels]

    held = np.mean([each["low"] <= 6.0 <= each["high"] for each in found])
    assert 0.93 < held < 0.97
    assert np.mean([each["high"] - each["low"] for each in found]) < 3.0  # not by saying anything


def test_a_known_height_is_surer_than_anybody():
    anybody = Ruler(FOCAL_PX).distance(box(100, 300), frame_hw=FRAME_HW)
    known = Ruler(FOCAL_PX, PERSON_M, 0.0).distance(box(100, 300), frame_hw=FRAME_HW)

    assert anybody["value"] == known["value"]
    assert anybody["low"] < known["low"] < known["high"] < anybody["high"]


@pytest.mark.parametrize(
    ("top", "bottom"), [(0, 300), (4, 300), (100, 480), (100, 476), (200, 200)]
)
def test_nobody_knows_how_far_a_person_is_who_is_cut_off(top, bottom):
    assert Ruler(FOCAL_PX).distance(box(top, bottom), frame_hw=FRAME_HW) is None


def test_people_have_the_height_of_people_and_nothing_else_has():
    assert Ruler(FOCAL_PX).measures("person")
    assert not Ruler(FOCAL_PX).measures("dog")
    assert Ruler(FOCAL_PX, 0.4, class_name=None).measures("dog")


def camera(share: float = 0.01) -> Camera:
    focal = float(MATRIX[1, 1])
    interval = {"value": focal, "low": focal * (1 - share), "high": focal * (1 + share)}
    return Camera(SIZE_HW, MATRIX, DISTORTION, interval, None, 10, "chessboard")


@pytest.mark.parametrize("times", [1, 2])
def test_with_a_calibrated_camera_the_lens_is_undone(times):
    """A pole of 1.2 m, 2.2 m ahead and 0.8 m aside; the lens makes it 6 % smaller."""
    ends = np.array([[0.8, -0.3, 2.2], [0.8, 0.9, 2.2]])
    seen, _ = cv2.projectPoints(ends, np.zeros(3), np.zeros(3), MATRIX, DISTORTION)
    (x, top), (_, bottom) = seen.reshape(2, 2) * times
    pole = x - 10, top, x + 10, bottom
    frame_hw = (480 * times, 640 * times)

    found = ruler_for(camera(), 1.2).distance(pole, frame_hw=frame_hw)
    by_focal_length = ruler_for(MATRIX[1, 1] * times, 1.2).distance(pole, frame_hw=frame_hw)

    assert found["value"] == pytest.approx(2.2, abs=0.03)
    assert by_focal_length["value"] > 2.3


def test_a_focal_length_that_is_less_sure_widens_the_interval():
    sure, unsure = (
        ruler_for(camera(share), 1.2).distance(box(100, 300), frame_hw=FRAME_HW)
        for share in (0.01, 0.15)
    )

    assert unsure["value"] == sure["value"]
    assert unsure["high"] - unsure["low"] > 1.3 * (sure["high"] - sure["low"])
