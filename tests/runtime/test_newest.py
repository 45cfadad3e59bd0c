"""The thread is driven by captures that wait for the test, so that no test waits for a clock."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from akitsu.errors import SourceError
from akitsu.runtime import newest
from akitsu.runtime.newest import NewestFrames


class FedCapture:
    """Gives what the test feeds: a shade of grey for a picture, None for a fault."""

    fps = None

    def __init__(self):
        self.fed = queue.Queue()
        self.taken = threading.Semaphore(0)
        self.released = threading.Event()

    def read(self):
        self.taken.release()
        shade = self.fed.get(timeout=10)
        return None if shade is None else np.full((2, 2, 3), shade, np.uint8)

    def release(self):
        self.released.set()

    def feed(self, *shades):
        """Feed these, and come back when the thread asks for one more."""
        for shade in shades:
            assert self.taken.acquire(timeout=10)
            self.fed.put(shade)
        assert self.taken.acquire(timeout=10)
        self.taken.release()


@pytest.fixture
def live():
    """A source and its capture; closed at the end."""
    capture = FedCapture()
    connections = [capture]
    source = NewestFrames(
        lambda: connections.pop() if connections else None, name="camera 7", timeout_s=30
    )
    yield source, capture
    capture.fed.put(None)
    source.close()


def shade_of(frame):
    return int(frame.image[0, 0, 0])


def test_whoever_asks_gets_the_newest_and_the_others_are_counted(live):
    source, capture = live
    capture.feed(10, 20, 30)

    frame = next(iter(source))

    assert (shade_of(frame), frame.index, source.dropped) == (30, 2, 2)


def test_a_frame_is_handed_over_once(live):
    source, capture = live
    frames = iter(source)
    capture.feed(10)
    first = next(frames)
    capture.feed(20)

    second = next(frames)

    assert [shade_of(first), shade_of(second), source.dropped] == [10, 20, 0]


def test_with_a_fresh_frame_it_is_live_and_before_it_stale(live):
    source, capture = live
    assert source.state == "stale"

    capture.feed(10)

    assert source.state == "live"


def test_a_fault_gives_the_camera_back_and_connects_again(monkeypatch):
    monkeypatch.setattr(newest, "FIRST_WAIT_S", 0.0)
    first, second = FedCapture(), FedCapture()
    connections = [second, first]
    source = NewestFrames(lambda: connections.pop(), name="camera 7", timeout_s=30)
    first.fed.put(10)
    first.fed.put(None)

    second.feed(20)

    with source:
        assert shade_of(next(iter(source))) == 20
        assert first.released.is_set()
        second.fed.put(10)


def test_it_waits_longer_from_try_to_try_and_never_over_eight_seconds(monkeypatch):
    """The waiting itself is replaced: it takes note and ends after seven tries."""
    waits = []

    class Closing(threading.Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            if len(waits) == 7:
                self.set()
            return self.is_set()

    parts = SimpleNamespace(Thread=threading.Thread, Condition=threading.Condition, Event=Closing)
    monkeypatch.setattr(newest, "threading", parts)
    source = NewestFrames(lambda: None, name="camera 7", timeout_s=30)
    source._thread.join(10)

    assert waits == [0.5, 1, 2, 4, 8, 8, 8]


def test_without_a_frame_in_time_it_is_lost_and_says_so():
    with NewestFrames(lambda: None, name="rtsp://***@c/v", timeout_s=0.05) as source:
        with pytest.raises(SourceError) as caught:
            next(iter(source))

        assert source.state == "lost"
    assert str(caught.value) == (
        "rtsp://***@c/v: no new frame for 0.05 s; "
        "check the address and the cable, or wait longer with --timeout."
    )


def test_a_camera_that_repeats_itself_or_goes_black_shows_nothing(live):
    source, capture = live
    source._stale_after_s = 0.01
    moments = source.moments()
    capture.feed(10)
    first = next(moments)
    capture.feed(10, 10)
    frozen = next(moments)
    capture.feed(0)
    black = next(moments)
    capture.feed(20)
    second = next(moments)

    assert (shade_of(first), shade_of(second), second.index) == (10, 20, 4)
    assert [frozen.why, black.why] == [
        "the same frame comes again and again",
        "only black frames come",
    ]
    assert {frozen.state, black.state} == {"stale"}
    assert 0 < frozen.since_s < black.since_s
    assert (source.unusable, source.dropped) == (3, 0)


def test_what_came_during_a_long_look_and_has_grown_old_is_not_passed_off_as_new(live):
    """The camera died while the model was still at work on the frame before."""
    source, capture = live
    source._stale_after_s = 0.02
    moments = source.moments()
    capture.feed(10)
    next(moments)
    capture.feed(20)
    source._last_s -= 1

    told = next(moments)

    assert (told.state, source.dropped) == ("stale", 1)
    assert told.since_s > 1


def test_silence_counts_from_the_last_frame_and_not_from_the_question(live):
    """Half of a second went by with the recognition: so much sooner it is told."""
    source, capture = live
    capture.feed(10)
    next(source.moments())
    source._last_s -= 0.6

    assert 0.0 < source._silence_s() <= 0.4
    source._last_s -= 0.6
    assert source._silence_s() == 0.0
    next(source.moments())
    assert 0.9 < source._silence_s() <= 1.0


def test_a_camera_that_was_there_is_waited_for(live, monkeypatch):
    """Without a timeout of its own it is given up only if a first frame does not come."""
    monkeypatch.setattr(newest, "LOST_AFTER_S", 0.05)
    source, capture = live
    source._timeout_s, source._stale_after_s = None, 0.01
    capture.feed(10)
    moments = source.moments()
    next(moments)

    states = [next(moments).state for _ in range(20)]
    capture.feed(20)

    assert states[0] == "stale"
    assert states[-1] == "lost"
    assert sorted(states, reverse=True) == states
    assert shade_of(next(moments)) == 20


def test_a_camera_that_never_gave_a_frame_is_given_up(monkeypatch):
    monkeypatch.setattr(newest, "LOST_AFTER_S", 0.05)
    capture = FedCapture()
    with NewestFrames(lambda: capture, name="camera 7", timeout_s=None) as source:
        capture.feed(0)
        with pytest.raises(
            SourceError, match=r"no new frame for 0\.05 s \(only black frames come\)"
        ):
            next(source.moments())
        capture.fed.put(None)


def test_a_video_may_hold_still():
    capture = FedCapture()
    connections = [capture]
    source = NewestFrames(lambda: connections.pop(), name="v.mp4", timeout_s=30, ends=True)
    with source:
        frames = iter(source)
        capture.feed(10)
        first = next(frames)
        capture.feed(10)
        second = next(frames)
        capture.fed.put(None)

    assert (shade_of(first), shade_of(second), source.unusable) == (10, 10, 0)


def test_closing_ends_the_thread_and_gives_the_camera_back(live):
    source, capture = live
    capture.feed(10)
    capture.fed.put(20)

    source.close()

    assert not source._thread.is_alive()
    assert capture.released.is_set()
    assert list(source) == []


def test_a_video_ends_after_its_last_frame():
    capture = FedCapture()
    connections = [capture]
    source = NewestFrames(lambda: connections.pop(), name="v.mp4", timeout_s=30, ends=True)
    capture.feed(10)
    capture.fed.put(None)

    with source:
        assert [shade_of(frame) for frame in source] == [10]


def test_a_video_without_a_frame_is_a_sentence():
    with (
        NewestFrames(lambda: None, name="v.mp4", timeout_s=30, ends=True) as source,
        pytest.raises(SourceError, match=r"v\.mp4: not one frame could be read; "),
    ):
        next(iter(source))
