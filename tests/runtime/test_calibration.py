"""A camera that is known is found again, and one that cannot be known is not made up."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import DataError
from akitsu.runtime.calibration import BoardViews, View, calibrate, from_person

from .chessboard_views import BOARD, DISTORTION, MATRIX, SIZE_HW, poses, rendered, views


def calibrated(found):
    return calibrate(found, board=BOARD, size_hw=SIZE_HW)


def test_rendered_views_give_back_the_camera_that_they_were_rendered_with():
    """Within 0.5 % of the focal lengths, 3 pixels of the middle, 0.02 of k1."""
    seen = BoardViews(BOARD)
    for i, pose in enumerate(poses(6)):
        assert seen.add(f"{i}.png", rendered(*pose)) == "kept"

    camera, _ = calibrated(seen.kept)

    np.testing.assert_allclose(np.diag(camera.matrix), np.diag(MATRIX), rtol=5e-3)
    np.testing.assert_allclose(camera.matrix[:2, 2], MATRIX[:2, 2], atol=3)
    assert camera.distortion[0] == pytest.approx(DISTORTION[0], abs=0.02)
    assert camera.focal_px["low"] < MATRIX[1, 1] < camera.focal_px["high"]
    assert camera.error_px["value"] < 0.3
    assert (camera.views, camera.size_hw) == (6, SIZE_HW)


def test_the_interval_of_the_focal_length_holds_it_and_is_narrow():
    """Four times, ten views each, corners 0.2 pixels off."""
    found = [calibrated(views(10, noise_px=0.2, seed=seed))[0].focal_px for seed in range(4)]

    assert sum(each["low"] < MATRIX[1, 1] < each["high"] for each in found) >= 3
    assert all(each["high"] - each["low"] < 0.03 * each["value"] for each in found)


def test_the_error_is_that_of_the_corners():
    """0.3 pixels in x and in y are 0.42 together."""
    camera, _ = calibrated(views(10, noise_px=0.3))

    assert camera.error_px["low"] < 0.3 * np.sqrt(2) * 1.02
    assert camera.error_px["value"] == pytest.approx(0.3 * np.sqrt(2), rel=0.1)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_too_few_views_are_refused(count):
    with pytest.raises(DataError, match=r"views? of the board, and a camera takes 5 or more"):
        calibrated(views(count))


def test_boards_that_all_face_one_way_are_refused():
    """Half as near and half as large a focal length would give the same pictures."""
    with pytest.raises(DataError, match="too much alike: they leave the focal length open"):
        calibrated(views(8, tilt_deg=0))


def test_few_views_and_narrow_ones_come_with_advice():
    from_middle = sorted(views(40), key=lambda view: np.abs(view.corners - [320, 240]).max())

    _, advice = calibrated(from_middle[:6])

    assert any("6 views: with 10 to 20" in sentence for sentence in advice)
    assert any("of the picture's" in sentence for sentence in advice)


def test_good_views_come_without_advice():
    _, advice = calibrated(views(12))

    assert advice == []


def test_a_blurred_view_is_named():
    blurred = views(10)
    noise = np.random.default_rng(0).normal(0, 2, (54, 2)).astype(np.float32)
    blurred[3] = View("blurred.png", blurred[3].corners + noise)

    _, advice = calibrated(blurred)

    assert any(sentence.startswith("blurred.png is off by") for sentence in advice)


def test_corners_that_no_camera_explains_are_a_sentence():
    shuffled = [
        View(v.name, np.random.default_rng(i).permutation(v.corners))
        for i, v in enumerate(views(6))
    ]

    with pytest.raises(DataError):
        calibrated(shuffled)


def test_a_board_that_has_not_moved_is_kept_once_and_no_board_never():
    image = rendered(*poses(1)[0])
    seen = BoardViews(BOARD)

    said = [seen.add("a", image), seen.add("b", image), seen.add("c", np.zeros_like(image))]

    assert said == ["kept", "alike", "no board"]
    assert (seen.seen, len(seen.kept), seen.without_board) == (3, 1, 1)


def test_pictures_of_two_sizes_are_refused():
    seen = BoardViews(BOARD)
    seen.add("a.png", np.zeros((48, 64, 3), np.uint8))

    with pytest.raises(DataError, match=r"b\.png: this picture has 48 x 64 pixels.*64 x 48"):
        seen.add("b.png", np.zeros((64, 48, 3), np.uint8))


def test_a_person_of_known_height_gives_the_focal_length():
    """350 rows at 3 m, 1.75 m high: 600 pixels."""
    camera = from_person([350.0], height_m=1.75, distance_m=3.0, size_hw=(720, 1280))

    assert camera.focal_px["value"] == pytest.approx(600)
    assert 500 < camera.focal_px["low"] < 600 < camera.focal_px["high"] < 700
    ahead = camera.directions(
        np.array([[639.5, 359.5 - 300], [639.5, 359.5]]), frame_hw=(720, 1280)
    )
    np.testing.assert_allclose(ahead, [[0, -0.5], [0, 0]], atol=1e-9)


def test_more_pictures_of_a_person_are_surer():
    widths = []
    for count in (1, 4):
        found = from_person([350.0] * count, height_m=1.75, distance_m=3.0, size_hw=(720, 1280))
        widths.append(found.focal_px["high"] - found.focal_px["low"])

    assert widths[1] < 0.7 * widths[0]
