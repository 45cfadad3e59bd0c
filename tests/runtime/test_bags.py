"""Bags and MCAP files are a source like a video file; hostile ones are a sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from akitsu.errors import AkitsuError, MissingExtraError, SourceError
from akitsu.runtime.sources import open_source

from . import bag_files
from .bag_files import START_NS, compressed, grey, message, store_of

KINDS = [".bag", ".mcap", ".db3", ""]
STEP_NS = 100_000_000


def bag(path, *, levels=(10, 20, 30), step_ns=STEP_NS, topic="/camera/image"):
    store = store_of(path.suffix)
    messages = [grey(store, level, START_NS + i * step_ns) for i, level in enumerate(levels)]
    return bag_files.write(path, {topic: messages})


def only(tmp_path, one):
    path = bag_files.write(tmp_path / "one.mcap", {"/image": [one]})
    with open_source(path) as source:
        return next(iter(source)).image


@pytest.mark.parametrize("suffix", KINDS)
def test_every_frame_comes_in_order_with_the_time_when_it_was_taken(tmp_path, suffix):
    path = bag(tmp_path / f"drive{suffix}")

    with open_source(path) as source:
        frames = list(source)

    assert [int(frame.image.mean()) for frame in frames] == [10, 20, 30]
    assert frames[0].image.shape == (4, 6, 3)
    assert [frame.index for frame in frames] == [0, 1, 2]
    times = [frame.recorded_at_s - START_NS / 1e9 for frame in frames]
    assert times == pytest.approx([0, 0.1, 0.2], abs=1e-5)
    assert not source.is_live


@pytest.mark.parametrize("suffix", KINDS)
def test_played_live_a_bag_keeps_its_own_pace_and_ends(tmp_path, suffix):
    """Three frames within two milliseconds: whoever asks late has the newest."""
    path = bag(tmp_path / f"drive{suffix}", step_ns=1_000_000)

    with open_source(path, realtime=True) as source:
        frames = list(source)

    assert source.is_live
    assert int(frames[-1].image.mean()) == 30
    assert len(frames) + source.dropped == 3


def test_the_pace_of_a_live_bag_is_that_of_its_times(tmp_path, monkeypatch):
    """The reader waits until each frame's time has come, pauses included."""
    waits = []
    path = bag(tmp_path / "drive.mcap", step_ns=3_000_000_000)
    monkeypatch.setattr("threading.Event.wait", lambda self, timeout=None: waits.append(timeout))

    with open_source(path, realtime=True) as source:
        list(source)

    played = [wait for wait in waits if wait is not None and wait > 1]
    assert played == pytest.approx([3, 6], abs=0.9)


ENCODINGS = {
    "rgb8": ([[255, 0, 7]], 3),
    "bgr8": ([[7, 0, 255]], 3),
    "8UC3": ([[7, 0, 255]], 3),
    "rgba8": ([[255, 0, 7, 99]], 4),
    "bgra8": ([[7, 0, 255, 99]], 4),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_colours_come_as_red_green_blue(tmp_path, encoding):
    pixel, width = ENCODINGS[encoding]
    data = np.tile(np.array(pixel, np.uint8), (6, 1))
    one = message(
        bag_files.ROS2, encoding=encoding, data=data, height=2, width=3, step=3 * width, at_ns=1
    )

    image = only(tmp_path, one)

    assert image.shape == (2, 3, 3)
    assert (image == [255, 0, 7]).all()


@pytest.mark.parametrize("order", ["rggb", "bggr", "gbrg", "grbg"])
def test_a_mosaic_of_red_is_red(tmp_path, order):
    """Only the places under the red filter are bright."""
    tile = np.array([255 if colour == "r" else 0 for colour in order], np.uint8).reshape(2, 2)
    data = np.tile(tile, (4, 4))
    one = message(
        bag_files.ROS2, encoding=f"bayer_{order}8", data=data, height=8, width=8, step=8, at_ns=1
    )

    image = only(tmp_path, one)

    assert image[2:-2, 2:-2].mean(axis=(0, 1)) == pytest.approx([255, 0, 0])


@pytest.mark.parametrize(("big", "data"), [(0, [0x34, 0x12]), (1, [0x12, 0x34])])
def test_of_16_bits_the_upper_eight_are_taken(tmp_path, big, data):
    one = message(
        bag_files.ROS2,
        encoding="mono16",
        data=np.tile(np.array(data, np.uint8), 6),
        height=2,
        width=3,
        step=6,
        at_ns=1,
        big=big,
    )

    assert (only(tmp_path, one) == 0x12).all()


def test_what_pads_a_row_is_no_part_of_the_picture(tmp_path):
    data = np.array([[1, 2, 99, 99], [3, 4, 99, 99]], np.uint8)
    one = message(bag_files.ROS2, encoding="mono8", data=data, height=2, width=2, step=4, at_ns=1)

    assert only(tmp_path, one)[:, :, 0].tolist() == [[1, 2], [3, 4]]


def test_compressed_pictures_are_decoded(tmp_path):
    colour = np.full((8, 8, 3), [200, 30, 60], np.uint8)
    file = io.BytesIO()
    Image.fromarray(colour).save(file, "PNG")

    image = only(tmp_path, compressed(bag_files.ROS2, content=file.getvalue(), at_ns=1))

    assert (image == colour).all()


def test_without_a_time_in_the_header_the_recorders_clock_counts(tmp_path):
    path = bag_files.write(tmp_path / "one.mcap", {"/image": [grey(bag_files.ROS2, 9, 0)]})

    with open_source(path) as source:
        frame = next(iter(source))

    assert frame.recorded_at_s == pytest.approx(START_NS / 1e9)


def test_a_broken_picture_among_whole_ones_is_passed_over(tmp_path):
    store = bag_files.ROS2
    whole = [grey(store, level, START_NS + level) for level in (1, 3)]
    broken = grey(store, 2, START_NS + 2)
    broken.height = 4000
    path = bag_files.write(tmp_path / "drive.mcap", {"/image": [whole[0], broken, whole[1]]})

    with open_source(path) as source:
        assert [int(frame.image.mean()) for frame in source] == [1, 3]


@pytest.fixture
def two_topics(tmp_path):
    messages = {f"/{side}": [grey(bag_files.ROS1, side == "left", 1)] for side in ("left", "right")}
    return bag_files.write(tmp_path / "two.bag", messages)


def test_of_several_topics_one_is_chosen(two_topics):
    with open_source(two_topics, topic="/left") as source:
        assert next(iter(source)).image.max() == 1


def test_several_topics_without_a_choice_are_listed(two_topics):
    with pytest.raises(SourceError, match=r"2 topics .*choose one with --topic: /left, /right\."):
        open_source(two_topics)


def test_a_topic_that_is_not_there_is_answered_with_those_that_are(two_topics):
    with pytest.raises(SourceError, match=r"topic /front has .*name one that has: /left, /right"):
        open_source(two_topics, topic="/front")


def test_a_topic_of_what_is_no_bag_is_refused(tmp_path):
    with pytest.raises(SourceError, match="a topic belongs to a bag"):
        open_source(tmp_path / "film.mp4", topic="/left")


def test_depth_is_no_picture(tmp_path):
    path = bag_files.write(
        tmp_path / "d.mcap", {"/depth": [grey(bag_files.ROS2, 1, 1, encoding="16UC1")]}
    )

    with pytest.raises(SourceError, match=r"topic /depth: .*'16UC1' are not read; record one of"):
        open_source(path)


def test_a_picture_shorter_than_it_says_is_refused(tmp_path):
    short = grey(bag_files.ROS2, 1, 1)
    short.height = 5

    with pytest.raises(SourceError, match="a picture of 6 x 5 has 24 bytes"):
        only(tmp_path, short)


def test_a_jpeg_that_is_none_is_refused(tmp_path):
    with pytest.raises(SourceError, match="topic /image"):
        only(tmp_path, compressed(bag_files.ROS2, content=b"\xff\xd8\xff nothing", at_ns=1))


def test_a_bag_without_pictures_is_refused(tmp_path):
    time = bag_files.ROS2.types["std_msgs/msg/Header"]
    stamp = bag_files.ROS2.types["builtin_interfaces/msg/Time"](1, 0)
    one = bag_files.ROS2.types["sensor_msgs/msg/TimeReference"](
        header=time(stamp=stamp, frame_id=""), time_ref=stamp, source=""
    )
    path = bag_files.write(tmp_path / "clock.mcap", {"/clock": [one]})

    with pytest.raises(SourceError, match="no topic of this bag has pictures"):
        open_source(path)


@pytest.mark.parametrize("suffix", [".bag", ".mcap", ".db3"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_bag_that_was_cut_off_is_a_sentence_or_what_is_left_of_it(tmp_path, suffix, share):
    path = bag(tmp_path / f"drive{suffix}", levels=range(40))
    content = path.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(content[: int(len(content) * share)])

    levels, sentence = _what_comes_of(cut)

    assert levels == list(range(len(levels)))
    assert levels or sentence.startswith(str(cut))


def _what_comes_of(path):
    try:
        with open_source(path) as source:
            return [int(frame.image.mean()) for frame in source], ""
    except AkitsuError as error:
        return [], str(error)


NO_BAGS = {
    "text": b"this is no bag at all, but it is long enough to be one" * 9,
    "a bag's first line": b"#ROSBAG V2.0\n" + b"\xff" * 99,
    "mcap's first bytes": b"\x89MCAP0\r\n" + b"\x01\xff\xff\xff\xff\xff\xff\xff\x7f" * 9,
    "sqlite's first bytes": b"SQLite format 3\0" + b"\0" * 200,
}


@pytest.mark.parametrize("suffix", [".bag", ".mcap", ".db3"])
@pytest.mark.parametrize("content", NO_BAGS.values(), ids=NO_BAGS)
def test_what_is_no_bag_is_named_and_explained(tmp_path, suffix, content):
    path = tmp_path / f"drive{suffix}"
    path.write_bytes(content)

    with pytest.raises(SourceError, match=f"drive{suffix}: .*bag"):
        open_source(path)


@pytest.mark.parametrize("text", ["", "a: [", "rosbag2_bagfile_information: 3"])
def test_a_folder_with_hostile_metadata_is_explained(tmp_path, text):
    (tmp_path / "metadata.yaml").write_text(text)

    with pytest.raises(SourceError, match="no bag that can be read"):
        open_source(tmp_path)


def test_without_the_extra_it_is_named(tmp_path, monkeypatch):
    path = bag(tmp_path / "drive.bag")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(MissingExtraError, match=r"akitsu\[ros\]"):
        open_source(path)
