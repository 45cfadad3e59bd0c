"""A camera's file: what is written is read, and nothing else is believed."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from akitsu.errors import AkitsuError, DataError
from akitsu.runtime.camera import Camera, read_camera

from .chessboard_views import DISTORTION, MATRIX, SIZE_HW

CAMERA = Camera(
    size_hw=SIZE_HW,
    matrix=MATRIX,
    distortion=DISTORTION,
    focal_px={"value": 545.0, "low": 540.0, "high": 550.0},
    error_px={"value": 0.2, "low": 0.1, "high": 0.3},
    views=12,
    method="chessboard",
)


def test_what_is_written_is_read(tmp_path):
    CAMERA.write(tmp_path / "camera.json")

    found = read_camera(tmp_path / "camera.json")

    assert found.to_json() == CAMERA.to_json()
    np.testing.assert_array_equal(found.matrix, MATRIX)


@pytest.mark.parametrize("times", [0.5, 1, 2])
def test_directions_undo_the_lens_at_every_size_of_frame(times):
    """OpenCV's own projection is the reference; the frame is the picture made larger or smaller."""
    rows, columns = np.mgrid[-0.35:0.36:0.1, -0.5:0.51:0.1]
    truth = np.stack([columns.ravel(), rows.ravel()], axis=1)
    ahead = np.concatenate([truth, np.ones((len(truth), 1))], axis=1)
    pixels, _ = cv2.projectPoints(ahead, np.zeros(3), np.zeros(3), MATRIX, DISTORTION)
    frame_hw = (int(480 * times), int(640 * times))

    found = CAMERA.directions(pixels.reshape(-1, 2) * times, frame_hw=frame_hw)

    np.testing.assert_allclose(found, truth, atol=1e-3)


def test_frames_of_another_shape_are_refused_and_both_shapes_are_named():
    with pytest.raises(DataError, match=r"1280 x 720 .* 640 x 480.*calibrate it anew"):
        CAMERA.require_fit((720, 1280))


@pytest.mark.parametrize("frame_hw", [(480, 640), (240, 320), (90, 120), (120, 161)])
def test_frames_of_the_same_shape_fit_to_a_row(frame_hw):
    CAMERA.require_fit(frame_hw)


def changed(**parts):
    return json.dumps(CAMERA.to_json() | parts)


HOSTILE = {
    "cut off": (changed()[:200], "cannot be read as JSON"),
    "a list": ("[]", "not the file of a camera"),
    "another document": ('{"kind": "table"}', "not the file of a camera"),
    "a newer one": (changed(schema_version=2), "schema_version is 2"),
    "no method": (changed(method="guess"), "method is 'guess'"),
    "no width": (changed(width=0), "width is 0"),
    "a width that is true": (changed(width=True), "width is True"),
    "half a row": (changed(height=480.5), "height is 480.5"),
    "a matrix of words": (changed(matrix=[["a"] * 3] * 3), "matrix is not"),
    "a matrix of two rows": (changed(matrix=[[1, 0, 1], [0, 1, 1]]), "matrix is not"),
    "a matrix of zeros": (changed(matrix=[[0] * 3] * 3), "matrix is not"),
    "a matrix aslant": (changed(matrix=[[5, 1, 5], [0, 5, 5], [0, 0, 1]]), "matrix is not"),
    "a focal length below 0": (
        changed(matrix=[[-5, 0, 5], [0, -5, 5], [0, 0, 1]]),
        "matrix is not",
    ),
    "no number": (changed(distortion={"k1": float("nan")}), "distortion lacks"),
    "a number without end": (
        changed(distortion=dict.fromkeys(["k1", "k2", "p1", "p2", "k3"], 10**400)),
        "distortion lacks",
    ),
    "infinite": (
        changed(distortion=dict.fromkeys(["k1", "k2", "p1", "p2", "k3"], float("inf"))),
        "distortion lacks",
    ),
    "an interval upside down": (
        changed(focal_px={"value": 5.0, "low": 6.0, "high": 7.0}),
        "focal_px does not have",
    ),
    "an interval of one": (changed(reprojection_error_px=0.2), "reprojection_error_px does not"),
}


@pytest.mark.parametrize(("text", "what"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_named_and_explained(tmp_path, text, what):
    (tmp_path / "camera.json").write_text(text)

    with pytest.raises(AkitsuError) as caught:
        read_camera(tmp_path / "camera.json")

    assert what in str(caught.value)
    assert "camera.json" in str(caught.value)
