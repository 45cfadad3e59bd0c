"""A page that is really served: one encoding for all, and a loop that nobody holds up."""

from __future__ import annotations

import io
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from akitsu.runtime.page import address
from akitsu.runtime.page import screen as screen_module
from akitsu.runtime.page.address import Address
from akitsu.runtime.page.jpeg import PICTURE_SIDE
from akitsu.runtime.page.screen import Screen
from akitsu.runtime.page.server import Page

from .scenes import ABOUT, ANYWHERE, ask, read, seen, unseen

PATIENCE_S = 60


@pytest.fixture
def page(monkeypatch):
    # On a busy machine a second may go by between any two lines.
    monkeypatch.setattr(screen_module, "STALE_AFTER_S", float("inf"))
    monkeypatch.setattr(screen_module, "LOST_AFTER_S", float("inf"))
    with Page(ANYWHERE, ABOUT) as page:
        yield page


@pytest.fixture
def encodings(monkeypatch):
    """Every picture that is encoded."""
    encode, made = screen_module.encode, []

    def noted(image):
        made.append(image)
        return encode(image)

    monkeypatch.setattr(screen_module, "encode", noted)
    return made


def newest(page, after=-1):
    return read(ask(page.url + "newest", after))


def test_a_viewer_gets_the_picture_and_its_words(page):
    page.show(seen(7, dropped=2))

    words, jpeg = newest(page)

    assert Image.open(io.BytesIO(jpeg)).size == (320, 240)
    assert (words["state"], words["name"], words["dropped"]) == ("live", "frame 7", 2)
    assert (words["latency_ms"], words["count"]) == (12.5, 3)
    assert words["by_class"] == {"person": "2", "dog": "1"}


def test_nothing_is_encoded_while_nobody_looks(page, encodings):
    for index in range(20):
        page.show(seen(index))

    assert encodings == []
    assert page.screen.candidates_from() == 1.0


def test_several_viewers_share_one_encoding(page, encodings, monkeypatch):
    """The first picture is not ready before all of them have asked."""
    have_asked, asking, encode = threading.Semaphore(0), Screen.newest, screen_module.encode

    def noted(self, *, after):
        have_asked.release()
        return asking(self, after=after)

    def patient(image):
        for _ in range(8):
            have_asked.acquire()
        have_asked.release(8)
        return encode(image)

    monkeypatch.setattr(Screen, "newest", noted)
    monkeypatch.setattr(screen_module, "encode", patient)
    page.show(seen())

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: newest(page)[1], range(8)))

    assert len(encodings) == 1
    assert len(set(answers)) == 1


def test_a_viewer_gets_the_newest_and_none_twice(page):
    for index in range(5):
        page.show(seen(index))
    words, _ = newest(page)
    assert words["name"] == "frame 4"

    page.show(unseen())
    after, jpeg = newest(page, words["edition"])

    assert jpeg == b""
    assert after["state"] == "lost"


def test_a_picture_that_came_during_the_encoding_is_asked_for_at_once(page, monkeypatch):
    encode = screen_module.encode

    def overtaken(image):
        monkeypatch.setattr(screen_module, "encode", encode)
        page.show(seen(1))
        return encode(image)

    monkeypatch.setattr(screen_module, "encode", overtaken)
    page.show(seen(0))

    first, _ = newest(page)
    second, jpeg = newest(page, first["edition"])

    assert (first["name"], second["name"]) == ("frame 0", "frame 1")
    assert jpeg


def test_a_waiting_viewer_hears_of_the_next_picture(page):
    page.show(seen(0))
    words, _ = newest(page)

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(newest, page, words["edition"])
        page.show(seen(1))

        assert waiting.result()[0]["name"] == "frame 1"


def test_a_setting_changes_the_picture_of_every_viewer(page):
    """Also while no new frame comes."""
    page.show(seen())
    before, old = newest(page)

    ask(page.url + "settings", method="PUT", body={"threshold": 0.8, "hidden": ["dog"]})
    after, new = newest(page, before["edition"])

    assert (before["count"], after["count"]) == (3, 1)
    assert (after["threshold"], after["hidden"]) == (0.8, ["dog"])
    assert new not in (b"", old)


def test_an_answer_tells_whether_it_knows_of_a_setting_already(page):
    page.show(seen())
    before, _ = newest(page)

    said = json.loads(ask(page.url + "settings", method="PUT", body={"threshold": 0.8}))
    after, _ = newest(page, before["edition"])

    assert said == {"threshold": 0.8, "hidden": [], "settings_edition": 1}
    assert (before["settings_edition"], after["settings_edition"]) == (0, 1)


def test_a_lower_threshold_asks_the_loop_for_more_while_somebody_looks(page):
    page.show(seen())
    newest(page)
    ask(page.url + "settings", method="PUT", body={"threshold": 0.1})

    assert newest(page)[0]["count"] == 4
    assert page.screen.candidates_from() == 0.1


@pytest.mark.parametrize("state", ["stale", "lost"])
def test_without_a_frame_the_page_says_since_when(page, state):
    page.show(seen())
    page.show(unseen(state, 12.0))

    words, _ = newest(page)

    assert (words["state"], words["why"]) == (state, "only black frames come")
    assert words["since_s"] >= 12


def test_a_loop_that_hangs_is_not_live(monkeypatch):
    """Nobody says then that there is no frame."""
    clock_s = iter([100.0, 100.0, 100.5, 100.5, 101.5, 101.5, 111.0, 111.0])
    monkeypatch.setattr(screen_module.time, "monotonic", lambda: next(clock_s))
    screen = Screen(ABOUT)
    screen.show(seen())

    answers = [screen._answer(None, with_picture=False) for _ in range(3)]

    assert [read(one)[0]["state"] for one in answers] == ["live", "stale", "lost"]
    screen.leave()


def test_before_the_first_frame_there_is_no_picture(page):
    words, jpeg = newest(page)

    assert (words["state"], jpeg) == ("waiting", b"")


def test_a_large_frame_is_shrunk():
    picture = Image.open(io.BytesIO(screen_module.encode(np.zeros((1080, 1920, 3), np.uint8))))

    assert picture.size == (PICTURE_SIDE, 720)


def test_a_viewer_who_reads_nothing_holds_nobody_up(monkeypatch):
    """Its pipe fills up with answers; the loop and another viewer go on, and so does the end."""
    monkeypatch.setattr(address, "UNREAD_MS", 600_000)
    page = Page(ANYWHERE, ABOUT)
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    with socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", port_of(page)))
        page.show(seen(image=noise))
        assert len(newest(page)[1]) > 500_000
        stuck.sendall(b"GET /newest HTTP/1.1\r\nHost: localhost\r\n\r\n" * 30)

        for index in range(1, 30):
            page.show(seen(index, image=noise[index:]))
            assert newest(page)[0]["name"] == f"frame {index}"

        closing = threading.Thread(target=page.close)
        closing.start()
        closing.join(PATIENCE_S)
        assert not closing.is_alive()

    assert threads() == []


def test_the_end_is_told_to_those_who_wait_and_leaves_no_thread(monkeypatch):
    has_asked, asking = threading.Event(), Screen.newest

    def noted(self, *, after):
        if after >= 0:
            has_asked.set()
        return asking(self, after=after)

    monkeypatch.setattr(Screen, "newest", noted)
    with Page(ANYWHERE, ABOUT) as page, ThreadPoolExecutor(1) as pool:
        page.show(seen())
        words, _ = newest(page)
        waiting = pool.submit(newest, page, words["edition"])
        has_asked.wait()
        page.close()

        assert waiting.result()[0]["state"] == "ended"
        page.show(seen())  # the loop may be a frame ahead

    assert threads() == []


def test_a_page_for_other_machines_has_a_new_token_each_time():
    urls = []
    for _ in range(2):
        with Page(Address("0.0.0.0", 0), ABOUT) as page:
            assert not page.is_local
            urls.append(page.url)
            local = f"http://127.0.0.1:{port_of(page)}/about?{page.url.partition('?')[2]}"
            assert b"model.onnx" in ask(local)

    tokens = {url.partition("?token=")[2] for url in urls}
    assert len(tokens) == 2
    assert min(map(len, tokens)) >= 32


def port_of(page):
    return int(page.url.split("/")[2].split(":")[1])


def threads():
    return [one.name for one in threading.enumerate() if one.name.startswith("akitsu page")]
