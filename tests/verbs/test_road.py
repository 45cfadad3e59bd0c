"""The whole road once, as a person types it: train, evaluate, predict, export; and bad inputs."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from akitsu.cli import run
from akitsu.data.generated.digits_table import DigitsTable, digits_table
from akitsu.runtime.recognizer import Recognizer

TINY = ["model.input_hw=[8, 8]", "batch_size=64", "stop=[2, epoch]", "model.widths=[8, 16, 24]"]


@dataclass
class Road:
    """What one training left behind."""

    folder: Path
    table: DigitsTable
    code: int

    @property
    def run(self) -> Path:
        return self.folder / "run"

    def train(self, out, *more):
        line = ["train", "digits", "--data", str(self.table.train), "--out", str(out)]
        for setting in TINY:
            line += ["--set", setting]
        return [*line, *more]


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    folder = tmp_path_factory.mktemp("road")
    road = Road(folder, digits_table(folder / "data"), code=-1)
    road.code = run(road.train(road.run))
    return road


def sentence(capfd, code):
    """The one line on stderr of a mistake."""
    shown = capfd.readouterr()
    assert code == 2
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert len(shown.err.splitlines()) == 1, shown.err
    assert shown.err.endswith(".\n")
    return shown.err


def everything_in(folder):
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_a_run_ends_with_model_scores_and_report(road):
    assert road.code == 0
    names = {path.name for path in road.run.iterdir()}
    assert names >= {
        "recipe.yaml",
        "card.json",
        "best.safetensors",
        "final.safetensors",
        "metrics.json",
        "model.onnx",
        "report.html",
        "environment.json",
        "log.jsonl",
        "curves.png",
    }


def test_two_epochs_on_digits_are_better_than_chance(road):
    metrics = json.loads((road.run / "metrics.json").read_text())["metrics"]

    assert metrics["accuracy"]["value"] > 0.3


def test_a_finished_run_is_not_trained_again(road, capfd):
    before = everything_in(road.run)

    told = sentence(capfd, run(road.train(road.run)))

    assert "this run is finished; score it with `akitsu evaluate" in told
    assert everything_in(road.run) == before


def test_a_run_and_its_model_file_score_the_same(road, capfd, tmp_path):
    documents = []
    for name, target in [("run", road.run), ("file", road.run / "model.onnx")]:
        line = ["evaluate", str(target), "--data", str(road.table.train), "--json"]
        assert run([*line, "--output", str(tmp_path / name)]) == 0
        documents.append(json.loads(capfd.readouterr().out))

    one, other = (document["metrics"] for document in documents)
    assert one["accuracy"] == pytest.approx(other["accuracy"], abs=1e-6)
    assert documents[0]["n"] == documents[1]["n"] > 100
    stored = json.loads((road.run / "metrics.json").read_text())["metrics"]
    assert one["accuracy"] == pytest.approx(stored["accuracy"], abs=1e-6)


def test_a_table_becomes_a_submission(road, capfd, tmp_path):
    output = tmp_path / "submission.csv"

    assert run(["predict", str(road.run), str(road.table.test), "--output", str(output)]) == 0

    rows = list(csv.reader(output.read_text().splitlines()))
    labels = np.array([int(label) for _, label in rows[1:]])
    assert rows[0] == ["ImageId", "Label"]
    assert [int(number) for number, _ in rows[1:]] == list(range(1, len(labels) + 1))
    assert (labels == road.table.test_labels).mean() > 0.3


def test_an_export_is_the_run_s_own_model_once_more(road, capfd, tmp_path):
    output = tmp_path / "again.onnx"

    assert run(["export", str(road.run), "--output", str(output), "--json"]) == 0

    card = json.loads(capfd.readouterr().out)
    assert card["model"] == "digit-net"
    assert card["input_hw"] == [8, 8]
    assert card["scores"]["accuracy"]["value"] > 0.3
    assert output.is_file()


def test_an_int8_export_shows_its_loss_and_scores_what_it_states(road, capfd, tmp_path):
    output = tmp_path / "small.onnx"
    line = ["export", str(road.run), "--int8", "--output", str(output), "--most-loss", "100"]

    assert run(line) == 0

    shown = capfd.readouterr()
    assert "difference, in points" in shown.out
    assert "calibrated on 50 training pictures, seed 0" in shown.out
    stated = Recognizer(output).card.quantisation["loss"]
    line = ["evaluate", str(output), "--data", str(road.table.train), "--json"]
    assert run([*line, "--output", str(tmp_path / "scores")]) == 0
    scored = json.loads(capfd.readouterr().out)["metrics"]["accuracy"]["value"]
    assert stated["int8"]["value"] == pytest.approx(scored)
    assert stated["float32"]["value"] > 0.3


def test_a_model_file_is_exported_in_int8_with_the_pictures_that_are_named(road, capfd, tmp_path):
    output = tmp_path / "small.onnx"
    line = ["export", str(road.run / "model.onnx"), "--int8", "--output", str(output)]
    line += ["--pictures", "5", "--seed", "4", "--most-loss", "100", "--json"]

    assert run([*line, "--data", str(road.table.train)]) == 0

    card = json.loads(capfd.readouterr().out)
    assert card["quantisation"]["calibration_pictures"] == 5
    assert card["quantisation"]["seed"] == 4


def test_nothing_of_the_machine_is_in_the_model_file(road):
    content = (road.run / "model.onnx").read_bytes()

    assert str(road.folder).encode() not in content
    assert str(Path.home()).encode() not in content


def test_an_existing_output_is_refused(road, capfd, tmp_path):
    output = tmp_path / "out"
    output.write_text("precious")
    run_, test = str(road.run), str(road.table.test)

    for line in (
        ["predict", run_, test, "--output", str(output)],
        ["export", run_, "--output", str(output)],
        ["evaluate", run_, "--output", str(output)],
    ):
        assert "add --force to replace it" in sentence(capfd, run(line))

    assert output.read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("verb", ["evaluate", "export"])
def test_a_folder_that_is_no_run_is_a_sentence(verb, capfd, tmp_path):
    assert "this is no run of akitsu" in sentence(capfd, run([verb, str(tmp_path)]))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", ["evaluate", "export", "predict"])
def test_a_model_that_is_not_there_is_a_sentence(verb, capfd, tmp_path):
    missing = tmp_path / "none.onnx"
    more = [str(tmp_path)] if verb == "predict" else []

    assert str(missing) in sentence(capfd, run([verb, str(missing), *more]))


def test_a_picture_that_is_not_there_leaves_no_folder(road, capfd, tmp_path):
    line = ["predict", str(road.run), str(tmp_path / "no.png"), "--output", str(tmp_path / "out")]

    assert "no.png" in sentence(capfd, run(line))
    assert list(tmp_path.iterdir()) == []


def lines_of(road):
    return road.table.train.read_text().splitlines()


def broken_table(road, folder, how):
    lines = lines_of(road)[:40]
    if how == "short":
        lines[7] = lines[7].rpartition(",")[0]
    else:
        lines[7] = lines[7].rpartition(",")[0] + ",x"
    path = folder / "train.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(("how", "told"), [("short", "63 pixel values"), ("letter", "'x'")])
def test_a_broken_line_is_named_before_the_first_step(road, capfd, tmp_path, how, told):
    path = broken_table(road, tmp_path, how)

    code = run(["train", "digits", "--data", str(path), "--out", str(tmp_path / "run")])

    shown = capfd.readouterr()
    assert code == 2
    assert shown.out == ""
    assert "Traceback" not in shown.err
    assert f"{path}:8: " in shown.err
    assert told in shown.err
    assert [each.name for each in tmp_path.iterdir()] == ["train.csv"]


MINE = "task: classification\nmodel:\n  name: digit-net\n  input_hw: [8, 8]\nbatchsize: 3\n"
BAD_COMMANDS = {
    "a path that is not there": (["digits", "--data", "gone.csv"], "gone.csv"),
    "an empty folder": (["digits", "--data", "empty"], "empty"),
    "a misspelt recipe": (["digitz"], "write digits."),
    "a misspelt key": (
        ["mine.yaml"],
        "mine.yaml:5, batchsize: there is no such key; write batch_size.",
    ),
    "a misspelt setting": (
        ["digits", "--set", "optimizer.lrr=1"],
        "--set optimizer.lrr: there is no such key; write optimizer.lr.",
    ),
    "a misspelt loss": (["scenes-masks", "--set", "loss.overlapp=1"], "write loss.overlap."),
    "a misspelt model": (
        ["scenes-boxes", "--set", "model.name=centernet"],
        "write centernet-lite.",
    ),
    "tiles of masks": (["scenes-masks", "--tile"], "tiles are for detection"),
    "a misspelt option": (["scenes-boxes", "--set", "model.heads=3"], "write head."),
}


@pytest.mark.parametrize(("arguments", "told"), BAD_COMMANDS.values(), ids=[*BAD_COMMANDS])
def test_a_bad_command_is_a_sentence_and_leaves_nothing(
    capfd, tmp_path, monkeypatch, arguments, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine.yaml").write_text(MINE)
    before = everything_in(tmp_path)

    shown = sentence(capfd, run(["train", *arguments]))

    assert told in shown
    assert everything_in(tmp_path) == before


def test_a_place_that_cannot_be_written_is_a_sentence(road, capfd, tmp_path):
    """Not even by root: there is a file where a folder would have to be."""
    (tmp_path / "file").touch()

    told = sentence(capfd, run(road.train(tmp_path / "file" / "run")))

    assert "choose another --out" in told


def test_train_answers_a_table_with_the_weights_that_the_model_file_gets(road, tmp_path):
    out = tmp_path / "run"

    code = run(road.train(out, "--predict", str(road.table.test)))

    assert code == 0
    again = tmp_path / "again.csv"
    assert run(["predict", str(out), str(road.table.test), "--output", str(again)]) == 0
    assert (out / "submission.csv").read_text() == again.read_text()
    assert (out / "submission-least-sure.png").is_file()


def test_a_table_that_cannot_be_answered_is_told_before_the_training(road, tmp_path, capfd):
    told = sentence(
        capfd, run(road.train(tmp_path / "run", "--predict", str(tmp_path / "none.csv")))
    )

    assert "none.csv" in told
    assert not (tmp_path / "run").exists()


def test_a_table_of_other_pictures_is_told_before_the_training(road, tmp_path, capfd):
    table = tmp_path / "test.csv"
    table.write_text("pixel0,pixel1,pixel2,pixel3\n1,2,3,4\n")

    told = sentence(capfd, run(road.train(tmp_path / "run", "--predict", str(table))))

    assert "test.csv: pictures of 4 pixels where the model wants 8 x 8" in told
    assert not (tmp_path / "run").exists()


def test_the_model_file_says_the_temperature_at_which_its_probabilities_mean_what_they_say(road):
    card = json.loads((road.run / "card.json").read_text())

    assert card["temperature"] != 1
    assert Recognizer(road.run / "model.onnx").card.temperature == card["temperature"]
