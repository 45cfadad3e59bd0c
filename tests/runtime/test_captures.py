"""Streams begin with what there is now, and come back when their server does."""

from __future__ import annotations

import itertools
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np
import pytest

from akitsu.runtime import captures, newest
from akitsu.runtime.captures import StreamCapture, open_stream
from akitsu.runtime.frames import Frame
from akitsu.runtime.sources import open_source


class Timed:
    """Gives 1, 2, 3, … for pictures; each comes after so many seconds of a clock of its own."""

    fps = 20.0

    def __init__(self, waits_s):
        self.now_s, self._waits_s, self._count = 100.0, iter(waits_s), itertools.count(1)

    def read(self):
        wait_s = next(self._waits_s, None)
        if wait_s is None:
            return None
        self.now_s += wait_s
        return next(self._count)

    def release(self):
        self.is_released = True


BACKLOGS = {
    "frames held back while it was opened": ([0.001] * 9 + [0.04, 0.001], [10, 11]),
    "a slow decoder": ([0.02] * 4 + [0.03, 0.05], [5, 6]),
    "no backlog": ([0.05, 0.001, 0.001], [1, 2, 3]),
    "a film that comes as fast as one reads": ([0.02] * 103, [101, 102, 103]),
    "the end": ([0.001], []),
}


@pytest.mark.parametrize(("waits_s", "given"), BACKLOGS.values(), ids=BACKLOGS)
def test_what_need_not_be_waited_for_is_of_the_past(monkeypatch, waits_s, given):
    """At 20 frames a second a frame of now is waited for, more than half of 50 ms."""
    timed = Timed(waits_s)
    monkeypatch.setattr(captures.time, "monotonic", lambda: timed.now_s)
    stream = StreamCapture(timed)

    assert list(iter(stream.read, None)) == given
    assert stream.fps == 20
    stream.release()
    assert timed.is_released


@pytest.mark.parametrize(("size", "threads"), [((1280, 720), [1]), ((1920, 1080), [1, None])])
def test_a_stream_is_decoded_without_delay_unless_one_core_would_fall_behind(
    monkeypatch, size, threads
):
    """Threads of FFmpeg each hold a frame back; none that are named are as many as there are."""
    asked, released = [], []

    class Capture:
        def __init__(self, target, backend, settings):
            pairs = dict(zip(settings[::2], settings[1::2], strict=True))
            asked.append(pairs.get(cv2.CAP_PROP_N_THREADS))

        def isOpened(self):  # noqa: N802 - OpenCV's name
            return True

        def get(self, what):
            return {cv2.CAP_PROP_FRAME_WIDTH: size[0], cv2.CAP_PROP_FRAME_HEIGHT: size[1]}[what]

        def release(self):
            released.append(self)

    monkeypatch.setattr(cv2, "VideoCapture", Capture)

    assert isinstance(open_stream("rtsp://camera/"), StreamCapture)
    assert asked == threads
    assert len(released) == len(threads) - 1


class Camera(BaseHTTPRequestHandler):
    """An endless answer of JPEGs, until the server's `is_off`."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        for count in itertools.count():
            # No two are alike: a camera that repeats itself counts as none.
            image = np.full((32, 32), self.server.shade, np.uint8)
            image[:16, :16] += count % 64
            jpeg = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return
            if self.server.is_off.wait(0.02):
                return

    def log_message(self, *_):
        pass


class Server:
    """The camera at a port, in the block; afterwards its connection is closed."""

    def __init__(self, port, shade):
        self._server = ThreadingHTTPServer(("127.0.0.1", port), Camera)
        self._server.shade, self._server.is_off = shade, threading.Event()
        self.port = self._server.server_address[1]

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.is_off.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def test_a_camera_that_is_restarted_three_times_is_found_again_each_time(monkeypatch):
    monkeypatch.setattr(newest, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(newest, "LONGEST_WAIT_S", 0.05)
    with Server(0, shade=40) as server:
        source = open_source(f"http://127.0.0.1:{server.port}/", timeout_s=30, stale_after_s=0.05)
        moments = source.moments()
        first = shade_of(next(moment for moment in moments if isinstance(moment, Frame)))
    seen = [first]
    for shade in (80, 120, 160):
        # With the server away it is said so, before anything else is seen.
        gone = next(moment for moment in moments if not isinstance(moment, Frame))
        with Server(server.port, shade=shade):
            back = next(moment for moment in moments if isinstance(moment, Frame))
        seen += [gone.state, shade_of(back)]
    source.close()

    assert seen == [40, "stale", 80, "stale", 120, "stale", 160]
    assert [one for one in threading.enumerate() if one.name.startswith("akitsu")] == []


def shade_of(frame):
    return int(frame.image[24:, 24:].mean().round(-1))
