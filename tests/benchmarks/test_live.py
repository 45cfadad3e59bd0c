"""The benchmark of the live loop has to tell old frames from new ones, and to say what is amiss."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest


@pytest.fixture
def stamp(program):
    return program("live_stamp")


def pixels_of(stamp, moment_ms):
    grey = np.frombuffer(stamp.drawn(moment_ms), np.uint8)
    return grey.reshape(stamp.HEIGHT, stamp.WIDTH)


@pytest.mark.parametrize("quality", [95, 20])
def test_a_picture_says_when_it_was_taken_whatever_jpeg_does_to_it(stamp, quality):
    moment_ms = stamp.now_ms()
    jpeg = cv2.imencode(".jpg", pixels_of(stamp, moment_ms), [cv2.IMWRITE_JPEG_QUALITY, quality])

    read = stamp.read(cv2.imdecode(jpeg[1], cv2.IMREAD_COLOR))

    assert read == pytest.approx(moment_ms, abs=0.11)
    assert read <= moment_ms


def test_a_picture_that_cannot_be_read_is_known_for_one(stamp):
    image = np.repeat(pixels_of(stamp, stamp.now_ms())[:, :, None], 3, axis=2)
    spoilt = image.copy()
    spoilt[:16, :16] = 255 - spoilt[:16, :16]

    assert stamp.read(image) is not None
    assert stamp.read(spoilt) is None
    assert stamp.read(image[:100]) is None


def test_a_film_is_looked_at_from_end_to_end(program, monkeypatch, tmp_path, capsys):
    """Of a model of 50 ms the loop sees every second frame, and the usual loop falls behind."""
    output = tmp_path / "live.json"
    words = ["--sources", "file", "--seconds", "1", "--restarts", "0", "--minutes", "0"]
    live = program("live", *words, "--output", output)
    ages = program("live_ages", *words, "--output", output)
    monkeypatch.setattr(ages, "WARM_UP_S", 0.0)
    monkeypatch.setattr(ages, "INFERENCE_MS", 50.0)

    status = live.main()

    document = json.loads(output.read_text(encoding="utf-8"))
    looks = document["ages"]["file"]
    assert looks["akitsu"]["unreadable"] == looks["naive"]["unreadable"] == 0
    assert looks["akitsu"]["dropped"] > 0
    assert 50 < looks["akitsu"]["p50_ms"] < looks["naive"]["last_ms"]
    assert status == bool(document["misses"])
    assert "Age of the frame that is shown" in capsys.readouterr().out


GOOD = {
    "ages": {
        "rtsp": {
            "read_only": {"p50_ms": 40.0},
            "akitsu": {"p99_ms": 273.0, "inference_p99_ms": 200.0},
        }
    },
    "restarts": {"rtsp": {"times": 20, "told_that_there_is_no_frame": 20, "open_files_more": 0}},
    "soak": {"growth_mb": 9.9},
    "memory_limit_mb": 10.0,
}
BAD = {
    "too old": ({"p99_ms": 273.4}, {}, {}, "rtsp: 273.4 ms old, where 273.3 ms is the limit"),
    "silent": ({}, {"told_that_there_is_no_frame": 19}, {}, "rtsp: a server was away, and nothing"),
    "files": ({}, {"open_files_more": 20}, {}, "rtsp: 20 files stay open"),
    "memory": ({}, {}, {"growth_mb": 10.0}, "memory grew by 10.0 MB"),
}


def test_what_is_within_its_limits_is_no_miss(program):
    assert program("live").misses(GOOD) == []


@pytest.mark.parametrize(("age", "back", "soak", "told"), BAD.values(), ids=BAD)
def test_each_limit_is_watched(program, age, back, soak, told):
    document = json.loads(json.dumps(GOOD))
    document["ages"]["rtsp"]["akitsu"] |= age
    document["restarts"]["rtsp"] |= back
    document["soak"] |= soak

    (miss,) = program("live").misses(document)

    assert miss.startswith(told)
