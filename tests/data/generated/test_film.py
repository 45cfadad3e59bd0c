"""The film and its truth."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from akitsu.data.generated.film import SPEED_PX, film
from akitsu.errors import OutputError


@pytest.fixture(scope="module")
def shot(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "digits.mp4"
    return path, film(path, seconds=2, seed=3)


def test_the_film_has_a_frame_for_every_truth(shot):
    path, truth = shot
    video = cv2.VideoCapture(str(path))
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1])

    assert len(frames) == len(truth) == 20
    assert frames[0].shape == (288, 384, 3)


def test_boxes_move_and_stay_in_the_picture(shot):
    _, truth = shot
    boxes = np.concatenate([frame.boxes for frame in truth])

    assert (boxes >= 0).all()
    assert (boxes <= [384, 288, 384, 288]).all()
    assert not np.array_equal(truth[0].boxes, truth[-1].boxes)


def test_what_changes_between_two_frames_lies_in_their_boxes(shot):
    """Only digits move; compression ripples a little around them."""
    path, truth = shot
    video = cv2.VideoCapture(str(path))
    first, second = (video.read()[1].astype(int) for _ in range(2))
    moved = np.abs(first - second).sum(axis=2) > 120
    near = np.zeros_like(moved)
    for frame in truth[:2]:
        for x0, y0, x1, y1 in frame.boxes.astype(int):
            near[max(0, y0 - 9) : y1 + 9, max(0, x0 - 9) : x1 + 9] = True

    assert moved.any()
    assert (moved & near).sum() >= 0.95 * moved.sum()


def test_digits_move_at_the_stated_speed(shot):
    _, truth = shot
    centres = [(f.boxes[:, :2] + f.boxes[:, 2:]) / 2 for f in truth if len(f.boxes) == 3]
    steps = [np.linalg.norm(b - a, axis=1) for a, b in pairwise(centres)]

    assert np.median(steps) == pytest.approx(3 * SPEED_PX, abs=2)


def test_a_film_that_cannot_be_written_is_told_so(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError):
        film(tmp_path / "file" / "a.mp4", seconds=0.1, seed=0)
    with pytest.raises(OutputError, match=r"name an \.mp4"):
        film(tmp_path / "a.txt", seconds=0.1, seed=0)
