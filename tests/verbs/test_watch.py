from __future__ import annotations

import json
import threading

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from akitsu.errors import AkitsuError
from akitsu.runtime.calibration import from_person
from akitsu.runtime.page.server import Page
from akitsu.runtime.pictures import write_picture
from akitsu.runtime.recognizer import Recognizer
from akitsu.runtime.sources import open_source
from akitsu.verbs.watch import watch

from ..runtime import bag_files, onnx_files


@pytest.fixture(autouse=True)
def no_display(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)


@pytest.fixture
def models(tmp_path):
    return {
        task: str(onnx_files.write(tmp_path / f"{task}.onnx", onnx_files.card(task)))
        for task in ("classification", "detection", "segmentation")
    }


@pytest.fixture
def folder(tmp_path):
    for index in range(3):
        image = np.zeros((64, 64, 3), np.uint8)
        image[:, :, 1] = 200
        write_picture(tmp_path / "pictures" / f"{index}.png", image)
    return str(tmp_path / "pictures")


def run(*arguments):
    app = typer.Typer()
    app.command()(watch)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_headless_says_the_best_object_of_each_frame(models, folder):
    """The planted box of 8 x 8 of 32 x 32 pixels, in a frame twice as large."""
    result = run(models["detection"], "--source", folder, "--headless")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) == 3
    assert lines[1].startswith("frame 1  ")
    assert lines[1].endswith("0 dropped  red 0.90 at (16, 24), 6.2% of the picture  and 2 more")


def test_what_is_tracked_has_a_number(models, folder):
    result = run(models["detection"], "--source", folder, "--json", "--track")

    documents = [json.loads(line) for line in result.stdout.splitlines()]
    ids = [[one["id"] for one in document["objects"]] for document in documents]
    assert ids[0] == ids[1] == ids[2]
    assert sorted(ids[0]) == [1, 2, 3]


def test_only_boxes_can_be_tracked(models, folder):
    result = run(models["classification"], "--source", folder, "--track")

    assert isinstance(result.exception, AkitsuError)
    assert "only boxes can be tracked" in str(result.exception)


def test_with_a_focal_length_and_a_height_it_says_how_far(models, folder):
    """16 of 64 rows at a focal length of 100 pixels."""
    result = run(
        models["detection"], "--source", folder, "--headless", "--focal", 100, "--height", 0.8
    )

    assert "6.2% of the picture, 5.0 m away (4.5–5.5)  and 2 more" in result.stdout


@pytest.fixture
def camera(tmp_path):
    """Calibrated at twice the folder's size: 100 pixels in its frames."""
    path = tmp_path / "camera.json"
    from_person([100.0], height_m=1.0, distance_m=2.0, size_hw=(128, 128)).write(path)
    return path


def test_with_a_calibrated_camera_it_says_how_far(models, folder, camera):
    """16 of 64 rows, 0.8 m high, at 100 pixels; the focal length is not sure either."""
    result = run(
        models["detection"], "--source", folder, "--headless", "--camera", camera, "--height", 0.8
    )

    assert "5.0 m away (4.3–5.8)  and 2 more" in result.stdout


def test_a_camera_calibrated_at_another_shape_is_refused(models, folder, camera):
    from_person([9.0], height_m=1.0, distance_m=2.0, size_hw=(72, 128)).write(camera, force=True)

    result = run(models["detection"], "--source", folder, "--headless", "--camera", camera)

    assert isinstance(result.exception, AkitsuError)
    assert "frames of 64 x 64 do not have the shape of 128 x 72" in str(result.exception)
    assert result.stdout == ""


def test_a_camera_and_a_focal_length_are_one_too_many(models, folder, camera):
    result = run(models["detection"], "--source", folder, "--camera", camera, "--focal", 100)

    assert result.exit_code == 2
    assert "leave --focal out" in " ".join(result.stderr.split())


def test_a_height_without_a_focal_length_is_refused(models, folder):
    result = run(models["detection"], "--source", folder, "--headless", "--height", 0.8)

    assert result.exit_code == 2
    assert "only with --focal" in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("task", "ending"), [("classification", "green 1.00"), ("segmentation", "green 100%")]
)
def test_the_other_tasks_say_what_they_saw(models, folder, task, ending):
    result = run(models[task], "--source", folder, "--headless")

    assert all(line.endswith(ending) for line in result.stdout.splitlines())


def test_the_summary_stands_on_stderr(models, folder):
    result = run(models["detection"], "--source", folder, "--headless")

    assert result.stderr.startswith("3 frames, 0 dropped, median latency ")


def test_json_is_one_document_a_frame(models, folder):
    result = run(models["detection"], "--source", folder, "--json", "--class", "blue")

    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [document["frame"] for document in documents] == [0, 1, 2]
    assert [one["class"] for one in documents[0]["objects"]] == ["blue"]
    assert documents[0]["objects"][0]["id"] is None


def test_it_ends_after_so_many_frames(models, folder):
    result = run(models["detection"], "--source", folder, "--headless", "--frames", 2)

    assert len(result.stdout.splitlines()) == 2


def test_a_bag_is_a_source_and_says_when_a_frame_was_taken(models, tmp_path):
    """Of two topics the one that is asked for; the latency is that of today's recognition."""
    store = bag_files.ROS1
    left, right = ([bag_files.grey(store, 1, bag_files.START_NS)] * n for n in (2, 3))
    path = bag_files.write(tmp_path / "drive.bag", {"/left": left, "/right": right})

    result = run(models["detection"], "--source", path, "--json", "--topic", "/left")

    documents = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["captured_at"] for one in documents] == [bag_files.START_NS / 1e9] * 2
    assert all(one["latency_ms"] < 1e6 for one in documents)


def test_a_threshold_leaves_the_less_certain_out(models, folder):
    result = run(models["detection"], "--source", folder, "--headless", "--score-threshold", "0.95")

    assert result.stdout.splitlines()[0].endswith("nothing")


def test_without_a_display_it_says_so_once_and_goes_on(models, folder):
    result = run(models["detection"], "--source", folder)

    assert result.exit_code == 0
    assert result.stderr.count("going on headless") == 1
    assert len(result.stdout.splitlines()) == 3


def test_what_is_seen_is_recorded(models, folder, tmp_path):
    path = tmp_path / "seen.mp4"

    result = run(models["detection"], "--source", folder, "--headless", "--record", path)

    with open_source(path) as source:
        frames = list(source)
    assert len(frames) == 3
    assert frames[0].image.std(axis=(0, 1)).max() > 20, "the boxes are drawn on it"
    assert f"recorded to {path}" in result.stderr


def test_ctrl_c_ends_cleanly_with_the_recording_whole(models, folder, tmp_path, monkeypatch):
    answers = iter([None, KeyboardInterrupt])
    recognise = Recognizer.__call__

    def interrupted(self, frame, **options):
        if next(answers) is not None:
            raise KeyboardInterrupt
        return recognise(self, frame, **options)

    monkeypatch.setattr(Recognizer, "__call__", interrupted)
    path = tmp_path / "seen.mp4"

    result = run(models["detection"], "--source", folder, "--headless", "--record", path)

    assert result.exit_code == 130
    with open_source(path) as source:
        assert len(list(source)) == 1


MISTAKES = {
    "a misspelt class": (["--class", "gren"], "write green"),
    "no such source": (["--source", "none.mp4"], "none.mp4: there is no such file"),
    "no address": (["--serve", "here"], "write a port (8000)"),
    "a recording of another kind": (["--record", "seen.gif"], "name a .mp4 file"),
}


@pytest.mark.parametrize(("options", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence(models, folder, options, advice):
    result = run(models["detection"], "--source", folder, *options)

    assert isinstance(result.exception, AkitsuError)
    assert advice in str(result.exception)
    assert result.stdout == ""


def test_a_page_shows_what_is_seen_until_the_end(models, folder, monkeypatch):
    """Its address stands on stderr, since stdout is for lines."""
    shown = []
    monkeypatch.setattr(Page, "show", lambda page, seen: shown.append((page, seen)))

    result = run(models["detection"], "--source", folder, "--serve", 0, "--json", "--class", "blue")

    assert result.exit_code == 0
    assert [seen.frame.index for _, seen in shown] == [0, 1, 2]
    page = shown[0][0]
    assert result.stderr.startswith(f"Look at {page.url}\n")
    assert page.url.startswith("http://127.0.0.1:")
    about = page.screen.about
    assert (about.title, about.only, about.threshold) == ("detection.onnx", "blue", 0.25)
    assert [one.name for one in threading.enumerate() if "page" in one.name] == []


def test_with_a_page_ctrl_c_ends_cleanly(models, folder, monkeypatch):
    monkeypatch.setattr(Page, "show", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

    result = run(models["detection"], "--source", folder, "--serve", 0)

    assert result.exit_code == 130
    assert [one.name for one in threading.enumerate() if "page" in one.name] == []


def test_without_the_extra_the_page_says_what_to_install(models, folder, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    result = run(models["detection"], "--source", folder, "--serve", 0)

    assert isinstance(result.exception, AkitsuError)
    assert 'pip install "akitsu[live]"' in str(result.exception)


def test_what_is_tracked_can_be_shown_from_the_tracker_s_score_on(models, folder, monkeypatch):
    """Half of 0.6: less certain detections never reach it."""
    pages = []
    monkeypatch.setattr(Page, "show", lambda page, _: pages.append(page))

    run(models["detection"], "--source", folder, "--serve", 0, "--track", "--score-threshold", 0.6)

    about = pages[0].screen.about
    assert (about.threshold, about.floor) == (0.3, 0.3)
