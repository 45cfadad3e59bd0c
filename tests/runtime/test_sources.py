from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import DataError, SourceError
from akitsu.runtime import sources
from akitsu.runtime.pictures import write_picture
from akitsu.runtime.sources import open_source
from akitsu.runtime.video import Recorder

SHADES = [20, 70, 120, 170, 220]


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "flight.mp4"
    with Recorder(path, fps=50) as recorder:
        for shade in SHADES:
            recorder.write(np.full((32, 48, 3), shade, np.uint8))
    return path


@pytest.fixture
def folder(tmp_path):
    for name, shade in [("b.png", 2), ("a.png", 1), (".c.png", 3)]:
        write_picture(tmp_path / "pictures" / name, np.full((4, 6, 3), shade, np.uint8))
    return tmp_path / "pictures"


def test_a_video_is_read_whole_and_in_order(video):
    with open_source(video) as source:
        frames = list(source)

    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    np.testing.assert_allclose([frame.image.mean() for frame in frames], SHADES, atol=4)
    assert (source.fps, source.dropped, source.is_live) == (50, 0, False)


def test_a_video_comes_in_rgb(tmp_path):
    red = np.zeros((32, 32, 3), np.uint8)
    red[:, :, 0] = 200
    with Recorder(tmp_path / "red.mp4") as recorder:
        recorder.write(red)

    with open_source(tmp_path / "red.mp4") as source:
        (frame,) = source

    assert frame.image[:, :, 0].mean() > 150 > 50 > frame.image[:, :, 2].mean()


def test_at_its_own_pace_a_video_drops_and_still_ends_with_its_last_frame(video):
    with open_source(video, realtime=True) as source:
        frames = list(source)

    assert frames[-1].index == 4
    assert len(frames) + source.dropped == 5


def test_a_folder_is_read_by_name(folder):
    with open_source(str(folder)) as source:
        frames = list(source)

    assert [(frame.name, int(frame.image.max())) for frame in frames] == [
        ("a.png", 1),
        ("b.png", 2),
    ]


def test_one_picture_is_one_frame(folder):
    with open_source(folder / "b.png") as source:
        assert [frame.name for frame in source] == ["b.png"]


def test_a_broken_picture_is_named_when_its_turn_comes(folder):
    (folder / "b.png").write_bytes(b"<html>")

    with open_source(folder) as source:
        frames = iter(source)
        next(frames)

        with pytest.raises(DataError, match=r"b\.png"):
            next(frames)


def test_what_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match=r"none\.mp4: there is no such file, folder or camera"):
        open_source(tmp_path / "none.mp4")
    with pytest.raises(SourceError, match="there is no such file, folder or camera"):
        open_source("zero\0byte")


def test_a_folder_without_pictures_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match="no pictures here"):
        open_source(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no video at all", bytes(5000)])
def test_what_is_no_video_is_a_sentence_and_nothing_else(tmp_path, content, capfd):
    path = tmp_path / "flight.mp4"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=r"flight\.mp4: no frame of this video can be read"):
        open_source(path)

    assert capfd.readouterr().err == ""


def test_a_video_cut_in_half_is_a_sentence_or_shorter(video, capfd):
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])

    with pytest.raises(SourceError, match="no frame of this video can be read"):
        list(open_source(video))

    assert capfd.readouterr().err == ""


def test_a_playlist_is_not_followed(tmp_path):
    """FFmpeg would read whatever a stranger's file names."""
    path = tmp_path / "list.m3u8"
    path.write_text(f"#EXTM3U\n#EXTINF:9,\nfile://{tmp_path}/other.ts\n#EXT-X-ENDLIST\n")

    with pytest.raises(SourceError, match="no frame of this video"):
        list(open_source(path))


def test_an_absent_camera_is_one_sentence(capfd):
    with pytest.raises(SourceError, match="camera 99: there is no such camera"):
        open_source("99")

    assert capfd.readouterr().err == ""


def test_cameras_are_live_and_the_first_connection_is_used(monkeypatch):
    class Camera:
        fps = 30.0

        def read(self):
            return np.full((2, 2, 3), 99, np.uint8)

        def release(self):
            pass

    opened = []
    monkeypatch.setattr(sources, "open_camera", lambda device: opened.append(device) or Camera())

    with open_source("2") as source:
        assert source.fps == 30, "a recording has to know it before the first frame"
        frame = next(iter(source))

    assert frame.image.shape == (2, 2, 3)
    assert (source.is_live, source.name, opened) == (True, "camera 2", [2])


def test_a_streams_password_is_in_no_message(monkeypatch):
    monkeypatch.setattr(sources, "open_stream", lambda _: None)

    with (
        open_source("rtsp://me:geheim@c/v", timeout_s=0.05) as source,
        pytest.raises(SourceError) as caught,
    ):
        next(iter(source))

    assert "geheim" not in str(caught.value)


def test_a_dead_address_is_given_up_quietly(capfd):
    with (
        open_source("http://127.0.0.1:9/cam", timeout_s=0.2) as source,
        pytest.raises(SourceError, match=r"http://127\.0\.0\.1:9/cam: no new frame for 0\.2 s"),
    ):
        next(iter(source))

    assert capfd.readouterr().err == ""
