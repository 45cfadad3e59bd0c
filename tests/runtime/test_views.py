"""What `akitsu.watch` promises to a control loop, on a film and on a source that blinks."""

from __future__ import annotations

import gc
import threading

import pytest

import akitsu
from akitsu.errors import ModelFileError, SourceError
from akitsu.runtime import live, person_file, sources
from akitsu.runtime.calibration import from_person
from akitsu.runtime.frames import Absence, Frame
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.views import Views

from . import walks

MIDDLES = [None, *range(10, 56, 3), None]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return walks.write_finder(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return walks.write_walk(tmp_path_factory.mktemp("film") / "walk.mp4", MIDDLES)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    before = set(threading.enumerate())
    yield
    gc.collect()
    assert set(threading.enumerate()) <= before


def test_a_loop_of_a_few_lines_sees_the_person_walk_from_left_to_right(model, film):
    offsets = []
    for view in akitsu.watch(model, film, class_name="person"):
        assert (view.state, view.dropped) == ("live", 0)
        offsets.append(view.best["offset"][0] if view.best else None)

    expected = [None if middle is None else middle / 32 - 1 for middle in MIDDLES]
    assert [offset is None for offset in offsets] == [middle is None for middle in MIDDLES]
    assert offsets[1:-1] == pytest.approx(expected[1:-1], abs=0.05)


def test_who_it_is_and_how_far_come_with_two_words_more(model, film):
    """20 rows high at a focal length of 40 pixels: twice the height of a person away."""
    views = list(akitsu.watch(model, film, track=True, focal_px=40))

    people = [view.best for view in views if view.best]
    assert {person["id"] for person in people} == {1}
    assert [person["distance_m"]["value"] for person in people] == pytest.approx(
        [3.3] * len(people), rel=0.1
    )


def test_a_calibrated_camera_stands_in_for_the_focal_length(model, film, tmp_path):
    """As large as the film's frames, with 40 pixels: the same distances."""
    with sources.open_source(film) as source:
        height, width = next(iter(source)).image.shape[:2]
    calibrated = from_person([20.0], height_m=1.0, distance_m=2.0, size_hw=(height, width))
    calibrated.write(tmp_path / "camera.json")

    views = akitsu.watch(model, film, track=True, camera=tmp_path / "camera.json")

    people = [view.best for view in views if view.best]
    assert [person["distance_m"]["value"] for person in people] == pytest.approx(
        [3.3] * len(people), rel=0.1
    )


def test_a_callback_gets_the_same_views_from_a_thread_of_its_own(model, film):
    seen, threads = [], set()

    def steer(view):
        seen.append(view.frame.index)
        threads.add(threading.current_thread().name)

    with akitsu.watch(model, film, on_view=steer) as views:
        assert views.wait()

    assert seen == list(range(len(MIDDLES)))
    assert threads == {f"akitsu views {film}"}


def test_a_mistake_in_the_callback_is_raised_to_whoever_waits(model, film):
    views = akitsu.watch(model, film, on_view=lambda view: view.motor)

    with pytest.raises(AttributeError, match="motor"):
        views.wait()
    assert views.wait(), "it is said once"


def test_leaving_the_block_raises_it_too_unless_something_else_went_wrong(model, film):
    failed = threading.Event()

    def fails(view):
        failed.set()
        raise ValueError("wheel")

    with pytest.raises(ValueError, match="wheel"), akitsu.watch(model, film, on_view=fails):
        assert failed.wait(10)
    with pytest.raises(KeyboardInterrupt), akitsu.watch(model, film, on_view=fails):
        raise KeyboardInterrupt


def test_after_closing_the_callback_is_not_called_any_more(model, film):
    called, go_on, calls = threading.Event(), threading.Event(), []

    def steer(view):
        calls.append(view)
        called.set()
        assert go_on.wait(10)

    views = akitsu.watch(model, film, on_view=steer)
    assert called.wait(10)
    threading.Timer(0.05, go_on.set).start()
    views.close()

    assert len(calls) == 1
    assert views.wait()


def test_a_callback_may_close_the_views_itself(model, film):
    calls, opened = [], threading.Event()

    def steer(view):
        calls.append(view)
        assert opened.wait(10)
        views.close()

    views = akitsu.watch(model, film, on_view=steer)
    opened.set()

    assert views.wait(10)
    assert len(calls) == 1


def test_views_go_to_the_callback_or_to_the_loop(model, film):
    with (
        akitsu.watch(model, film, on_view=lambda view: None) as views,
        pytest.raises(SourceError, match="the views go to on_view already"),
    ):
        next(iter(views))


class Blinking:
    """A frame, then nothing for a while, then a frame; says whether it was closed."""

    name, dropped, is_live, closed = "camera 7", 4, True, False

    def moments(self):
        yield Frame(walks.picture(20), 0, 1.0, "frame 0")
        yield Absence("stale", 0.3)
        yield Absence("lost", 10.2, "only black frames come")
        yield Frame(walks.picture(40), 9, 2.0, "frame 9")

    def close(self):
        self.closed = True


def blinking(model, **options):
    source = Blinking()
    return Views(live.watch(Recognizer(model), source), source, **options), source


def test_while_no_frame_comes_the_loop_is_told_so(model):
    views, _ = blinking(model)

    told = [(view.state, view.best is None, view.dropped) for view in views]

    assert told == [
        ("live", False, 4),
        ("stale", True, 4),
        ("lost", True, 4),
        ("live", False, 4),
    ]


def test_the_age_of_a_frame_grows_while_one_thinks_about_it(model):
    views, _ = blinking(model)
    seen, unseen = next(views), next(views)

    first, second = seen.age_s, seen.age_s

    assert seen.latency_ms / 1000 < first < second
    assert unseen.age_s == 0.3


@pytest.mark.parametrize("how", ["the end", "a break", "Ctrl-C", "nobody holds it", "a block"])
def test_however_it_ends_the_camera_is_given_back(model, how, monkeypatch):
    views, source = blinking(model)
    if how == "the end":
        list(views)
    elif how == "a break":
        for _ in views:
            break
        del views
    elif how == "Ctrl-C":
        monkeypatch.setattr(Recognizer, "__call__", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            next(views)
    elif how == "nobody holds it":
        del views
    else:
        with views:
            pass
    gc.collect()

    assert source.closed


def _interrupted(*_, **__):
    raise KeyboardInterrupt


def test_a_mistake_in_the_call_gives_the_camera_back_as_well(model, film, monkeypatch):
    opened = []

    def noted(*arguments, **options):
        opened.append(Blinking())
        return opened[0]

    monkeypatch.setattr(sources, "open_source", noted)
    monkeypatch.setattr(live, "watch", _interrupted)

    with pytest.raises(KeyboardInterrupt):
        akitsu.watch(model, film)

    assert opened[0].closed


MISTAKES = {
    "no such class": ({"class_name": "persn"}, ModelFileError, "write person"),
    "a height alone": ({"height_m": 1.8}, SourceError, "give focal_px or camera, too"),
    "stale at once": ({"stale_after_s": 0}, SourceError, "stale_after_s a number of seconds"),
    "stale at no number": ({"stale_after_s": float("nan")}, SourceError, "cannot be stale"),
}


@pytest.mark.parametrize(("options", "kind", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_before_the_first_frame(model, film, options, kind, advice):
    with pytest.raises(kind, match=advice):
        akitsu.watch(model, film, **options)


def test_the_word_person_stands_for_the_file_that_was_fetched(model, film, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelFileError, match=r'run "akitsu watch person" once'):
        akitsu.watch("person", film)

    kept = tmp_path / "akitsu" / person_file.NAME
    kept.parent.mkdir()
    kept.write_bytes(model.read_bytes())

    assert len(list(akitsu.watch("person", film))) == len(MIDDLES)
