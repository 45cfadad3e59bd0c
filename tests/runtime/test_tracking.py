"""Tracks of drawn boxes whose owners are known."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.runtime.results import Detections
from akitsu.runtime.tracking import Tracker

FRAME_HW = (240, 320)
SIZE = 30


def seen(*things, classes=("person", "dog")):
    """Detections of (x, y, score) or (x, y, score, label) by their centres, best first."""
    things = sorted(things, key=lambda thing: -thing[2])
    centres = np.array([thing[:2] for thing in things], np.float32).reshape(-1, 2)
    boxes = np.concatenate([centres - SIZE / 2, centres + SIZE / 2], 1)
    scores = np.array([thing[2] for thing in things], np.float32)
    labels = np.array([thing[3] if len(thing) > 3 else 0 for thing in things], np.int64)
    return Detections(classes, boxes, scores, labels)


def update(tracker, *things, frames=1):
    return tracker.update(seen(*things), frame_hw=FRAME_HW, frames=frames)


def where(found):
    """The column of each number."""
    centres = (found.boxes[:, 0] + found.boxes[:, 2]) / 2
    return dict(zip(found.ids.tolist(), centres.tolist(), strict=True))


def test_two_people_who_pass_each_other_keep_their_numbers():
    """They walk towards each other, 40 rows apart, and the more certain one changes."""
    tracker = Tracker()
    for step in range(60):
        score = 0.9 if step % 2 else 0.6
        found = update(tracker, (20 + 4 * step, 100, score), (280 - 4 * step, 140, 0.75))

    # At first the one on the right was the more certain, and became number 1.
    assert where(found) == {
        1: pytest.approx(280 - 4 * 59, abs=2),
        2: pytest.approx(20 + 4 * 59, abs=2),
    }


def test_a_number_never_goes_from_one_thing_to_another():
    rng = np.random.default_rng(0)
    tracker, owners = Tracker(), {}
    for step in range(80):
        things = [
            (40 + 3 * step, 60, 0.9),
            (300 - 3 * step, 120, 0.8),
            (160 + 60 * np.sin(step / 8), 190, 0.7),
        ]
        shown = [
            (x + rng.normal(), y + rng.normal(), s) for x, y, s in things if rng.random() < 0.85
        ]
        found = update(tracker, *shown)
        for number, box in zip(found.ids.tolist(), found.boxes, strict=True):
            row = int(np.abs(np.array([60, 120, 190]) - (box[1] + box[3]) / 2).argmin())
            assert owners.setdefault(number, row) == row
    # Whoever leaves the frame at the right has been one and the same until then.
    assert len(owners) == 3


def test_somebody_half_hidden_stays_who_he_was():
    """A doubtful detection goes on with a track, and begins none."""
    tracker = Tracker(sure=0.5, doubtful=0.1)
    for step in range(5):
        update(tracker, (50 + 2 * step, 100, 0.9))

    hidden = update(tracker, (60, 100, 0.2), (200, 100, 0.2))

    assert hidden.ids.tolist() == [1]
    assert where(hidden)[1] == pytest.approx(60, abs=2)


def test_who_comes_back_in_time_is_known_and_later_is_a_stranger():
    numbers = {}
    for away in (5, 40):
        tracker = Tracker(patience=30)
        for _ in range(5):
            update(tracker, (100, 100, 0.9))
        for _ in range(away):
            assert len(update(tracker)) == 0
        update(tracker, (100, 100, 0.9))
        numbers[away] = update(tracker, (100, 100, 0.9)).ids.tolist()

    assert numbers == {5: [1], 40: [2]}


def test_frames_that_were_dropped_are_counted():
    """Six pixels a frame, and every fifth frame alone: 30 pixels, as wide as the box."""
    last = {}
    for frames in (5, 1):
        tracker = Tracker()
        for step in range(4):
            update(tracker, (20 + 6 * step, 100, 0.9))
        for step in range(8, 43, 5):
            found = update(tracker, (20 + 6 * step, 100, 0.9), frames=frames)
        last[frames] = found.ids.tolist()

    assert last[5] == [1]
    assert last[1] != [1]


def test_a_single_glimpse_is_not_told_of():
    tracker = Tracker()
    update(tracker, (50, 50, 0.9))

    glimpse = update(tracker, (50, 50, 0.9), (200, 150, 0.9))
    after = update(tracker, (50, 50, 0.9))
    again = update(tracker, (50, 50, 0.9), (200, 150, 0.9))
    twice = update(tracker, (50, 50, 0.9), (200, 150, 0.9))

    assert [one.ids.tolist() for one in (glimpse, after, again, twice)] == [[1], [1], [1], [1, 2]]


def test_a_dog_does_not_become_a_person():
    tracker = Tracker()
    update(tracker, (100, 100, 0.9, 0))
    update(tracker, (100, 100, 0.9, 0))

    update(tracker, (100, 100, 0.9, 1))
    found = update(tracker, (100, 100, 0.9, 1))

    assert (found.ids.tolist(), found.labels.tolist()) == ([2], [1])


def test_tracked_boxes_tremble_less_than_what_was_detected():
    rng = np.random.default_rng(0)
    tracker, told, detected = Tracker(), [], []
    for step in range(200):
        x = 40 + step + rng.normal(0, 2)
        detected.append(x - 40 - step)
        told.append(where(update(tracker, (x, 100, 0.9)))[1] - 40 - step)

    assert np.std(told[20:]) < 0.75 * np.std(detected[20:])
    assert abs(np.mean(told[20:])) < 0.5


def test_boxes_stay_in_the_frame_and_nothing_is_nothing():
    tracker = Tracker()
    assert len(update(tracker)) == 0

    for step in range(12):
        found = update(tracker, (270 + 4 * step, 100, 0.9))

    assert found.boxes[:, 2].max() <= FRAME_HW[1]
    assert found.ids.dtype == np.int64
    assert len(update(tracker)) == 0
