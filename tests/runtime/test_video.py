from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import OutputError, ShapeError
from akitsu.runtime.sources import open_source
from akitsu.runtime.video import Recorder


def grey(height=32, width=48):
    return np.full((height, width, 3), 128, np.uint8)


def frames_of(path):
    with open_source(path) as source:
        return [frame.image for frame in source]


def test_a_recording_stands_whole_and_alone(tmp_path):
    with Recorder(tmp_path / "seen.mp4") as recorder:
        for _ in range(3):
            recorder.write(grey())

    assert len(frames_of(tmp_path / "seen.mp4")) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["seen.mp4"]


def test_a_recording_that_is_broken_off_is_finished(tmp_path):
    def until_the_person_has_seen_enough():
        with Recorder(tmp_path / "seen.mp4") as recorder:
            recorder.write(grey())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        until_the_person_has_seen_enough()

    assert len(frames_of(tmp_path / "seen.mp4")) == 1


def test_without_a_frame_there_is_no_file(tmp_path):
    with Recorder(tmp_path / "seen.mp4"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_live_frames_play_at_the_speed_of_what_happened(tmp_path):
    """Eight places a second: 3/8 s are three places, 1/16 s is none, and then it is owed."""
    with Recorder(tmp_path / "seen.mp4", fps=8) as recorder:
        written = []
        for at_s in (100, 100 + 3 / 8, 100 + 7 / 16, 100 + 1 / 2):
            recorder.write(grey(), captured_at_s=at_s)
            written.append(recorder.written)

    assert written == [1, 4, 4, 5]


def test_a_clock_set_back_or_far_ahead_does_not_fill_the_disk(tmp_path):
    with Recorder(tmp_path / "seen.mp4", fps=1) as recorder:
        for at_s in (1e9, 5.0, 2e9):
            recorder.write(grey(), captured_at_s=at_s)

    assert recorder.written == 61


def test_frames_of_another_size_are_fitted_into_the_first(tmp_path):
    with Recorder(tmp_path / "seen.mp4") as recorder:
        recorder.write(grey(33, 49))
        recorder.write(grey(10, 100)[:, :, :1])

    assert {image.shape for image in frames_of(tmp_path / "seen.mp4")} == {(32, 48, 3)}


def test_a_file_is_not_replaced_unless_forced(tmp_path):
    path = tmp_path / "seen.mp4"
    path.write_bytes(b"precious")

    with pytest.raises(OutputError, match="--force"):
        Recorder(path)
    assert path.read_bytes() == b"precious"

    with Recorder(path, force=True) as recorder:
        recorder.write(grey())
    assert len(frames_of(path)) == 1


def test_what_stands_there_is_kept_if_nothing_is_recorded(tmp_path):
    path = tmp_path / "seen.mp4"
    path.write_bytes(b"precious")

    with Recorder(path, force=True):
        pass

    assert path.read_bytes() == b"precious"


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"not written as \.avi; name a \.mp4 file"):
        Recorder(tmp_path / "seen.avi")


def test_a_frame_of_floats_is_refused_and_leaves_no_file(tmp_path):
    with pytest.raises(ShapeError), Recorder(tmp_path / "seen.mp4") as recorder:
        recorder.write(np.zeros((4, 4, 3)))

    assert list(tmp_path.iterdir()) == []
