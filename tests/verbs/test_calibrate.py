from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from akitsu.errors import AkitsuError
from akitsu.runtime import sources
from akitsu.runtime.camera import read_camera
from akitsu.runtime.frames import Frame
from akitsu.runtime.pictures import write_picture
from akitsu.runtime.video import Recorder
from akitsu.verbs.calibrate import calibrate

from ..runtime import onnx_files
from ..runtime.chessboard_views import MATRIX, SIZE_HW, poses, rendered


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def pictures():
    return [rendered(*pose) for pose in poses(6)]


@pytest.fixture(scope="module")
def views(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    for index, picture in enumerate(pictures):
        write_picture(folder / f"{index}.png", picture)
    return folder


@pytest.fixture
def person(tmp_path):
    """A picture of 64 rows in which the person is 16 high."""
    write_picture(tmp_path / "person.png", np.zeros((64, 64, 3), np.uint8))
    card = onnx_files.card("detection", classes=("person", "dog", "cat"))
    model = onnx_files.write(tmp_path / "people.onnx", card)
    return ["person.png", "--height", "1.6", "--distance", "4", "--model", model]


def run(*arguments):
    app = typer.Typer()
    app.command()(calibrate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_folder_of_views_gives_a_camera_and_advice(views):
    result = run(views)

    camera = read_camera("camera.json")
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert camera.focal_px["value"] == pytest.approx(MATRIX[1, 1], rel=0.005)
    assert camera.size_hw == SIZE_HW
    assert lines[0].startswith(f"camera.json: focal length {camera.focal_px['value']:.1f} pixels ")
    assert lines[0].endswith("in 6 views")
    assert lines[1].startswith("advice: 6 views")


def test_json_is_one_document_with_file_and_advice(views):
    result = run(views, "--json", "--output", "front.json")

    document = json.loads(result.stdout)
    assert document["file"] == "front.json"
    assert document["matrix"] == json.loads(Path("front.json").read_text())["matrix"]
    assert document["advice"]


def test_too_few_views_are_a_sentence_and_the_old_file_stays(views, tmp_path):
    (tmp_path / "camera.json").write_text("old")

    result = run(views / "0.png", views / "1.png", "--force")

    assert isinstance(result.exception, AkitsuError)
    assert "2 views of the board, and a camera takes 5 or more" in str(result.exception)
    assert (tmp_path / "camera.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["camera.json"]


def test_a_file_is_not_replaced_unasked_and_that_is_said_before_the_work(tmp_path):
    (tmp_path / "camera.json").write_text("old")

    result = run("no-such-folder")

    assert "this file exists already" in str(result.exception)


def test_a_video_is_looked_at_some_frames_a_second(pictures, tmp_path):
    """Twelve frames at 8 a second: every second one, which are the six views."""
    with Recorder(tmp_path / "film.mp4", fps=8) as recorder:
        for picture in pictures:
            recorder.write(picture)
            recorder.write(np.zeros_like(picture))

    result = run("film.mp4")

    assert result.exit_code == 0
    assert "looked at: 6; views of the board kept: 6; without a board: 0" in result.stderr
    assert read_camera("camera.json").focal_px["value"] == pytest.approx(MATRIX[1, 1], rel=0.02)


class Live:
    """A camera that shows each picture twice, and goes on for ever."""

    is_live, fps, asked = True, 30.0, 0

    def __init__(self, pictures):
        self._pictures = pictures

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __iter__(self):
        while True:
            picture = self._pictures[self.asked // 2 % len(self._pictures)]
            self.asked += 1
            yield Frame(picture, self.asked, 0.0, f"frame {self.asked}")


def test_a_live_camera_is_looked_at_until_there_are_views_enough(pictures, monkeypatch):
    live = Live(pictures)
    monkeypatch.setattr(sources, "open_source", lambda text: live)

    result = run("0", "--views", 5)

    assert result.exit_code == 0
    assert live.asked == 9
    assert "view 5 of 5" in result.stderr
    assert read_camera("camera.json").views == 5


def test_a_person_gives_the_focal_length(person):
    """16 rows x 4 m / 1.6 m."""
    result = run(*person)

    assert result.exit_code == 0
    assert read_camera("camera.json").focal_px["value"] == pytest.approx(40)
    assert "focal length 40.0 pixels" in result.stdout
    assert "from 1 picture of a person" in result.stdout


def test_a_box_stands_in_for_the_person_finder(person):
    result = run(*person[:5], "--box", "10,20,30,40")

    assert result.exit_code == 0
    assert read_camera("camera.json").focal_px["value"] == pytest.approx(50)


def test_two_people_are_one_too_many(person, tmp_path):
    card = onnx_files.card("detection", classes=("person", "dog", "cat"))
    onnx_files.write(tmp_path / "people.onnx", card, labels=[0, 0, 0, 0, 2])

    result = run(*person)

    assert "2 people were found in this picture" in str(result.exception)


MISTAKES = {
    "nobody there": (["--model", "nobody.onnx"], "nobody was found"),
    "a model without people": (["--model", "red.onnx"], "knows no class 'person'"),
    "a person cut off": (["--box", "0,0,30,40"], "row 0 to 40 of 64, and may be cut off"),
    "a box on its head": (["--box", "0,40,30,20"], "may be cut off"),
    "half a box": (["--box", "0,40"], "'0,40' is no box"),
    "a box of words": (["--box", "a,b,c,d"], "is no box"),
    "a box that is no number": (["--box", "0,nan,1,nan"], "may be cut off"),
}


@pytest.mark.parametrize(("options", "what"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_sentence_and_writes_nothing(person, options, what, tmp_path):
    card = onnx_files.card("detection", classes=("person", "dog", "cat"))
    onnx_files.write(tmp_path / "nobody.onnx", card, labels=[1, 1, 1, 1, 1])
    onnx_files.write(tmp_path / "red.onnx", onnx_files.card("detection"))

    result = run(*person, *options)

    assert isinstance(result.exception, AkitsuError)
    assert what in str(result.exception)
    assert not (tmp_path / "camera.json").exists()


WRONG = {
    "nothing": ([], "name pictures"),
    "a height alone": (["a.png", "--height", "1.8"], "both, --height and --distance"),
    "a box alone": (["a.png", "--box", "0,0,1,1"], "give --height and --distance"),
    "print and pictures": (["a.png", "--print", "board.pdf"], "leave the inputs out"),
}


@pytest.mark.parametrize(("arguments", "what"), WRONG.values(), ids=WRONG)
def test_options_that_do_not_go_together_are_refused(arguments, what):
    result = run(*arguments)

    assert result.exit_code == 2
    assert what in " ".join(result.stderr.replace("│", " ").split())


def test_print_says_how_large_the_squares_are(tmp_path):
    result = run("--print", "board.pdf")

    assert (tmp_path / "board.pdf").is_file()
    assert "squares of 25 mm on A4" in result.stdout
