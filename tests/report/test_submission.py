"""A table answered row by row, and the tables that a model cannot answer."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.errors import DataError, ModelFileError, OutputError
from akitsu.report import submission
from akitsu.runtime.pictures import read_picture
from akitsu.runtime.recognizer import Recognizer
from tests.runtime.onnx_files import card, write

SIDE = 4


def table(folder, *, side=SIDE, rows=3):
    """Rows of one grey level each."""
    header = ",".join(f"pixel{number}" for number in range(side * side))
    lines = [",".join([str(60 * row % 256)] * side * side) for row in range(rows)]
    path = folder / "test.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return path


def recognizer(folder, task="classification"):
    """One class, so that the answer is known."""
    model_card = card(task, input_hw=(SIDE, SIDE), channels=1, classes=("red",))
    return Recognizer(write(folder / "model.onnx", model_card))


def write_submission(model, table, output):
    return submission.write_submission(model.predict_inputs, table, output, card=model.card)


def test_every_row_is_answered_by_its_name_and_number(tmp_path):
    rows = write_submission(recognizer(tmp_path), table(tmp_path), tmp_path / "submission.csv")

    assert rows.rows == 3
    written = (tmp_path / "submission.csv").read_text()
    assert written == "ImageId,Label\n1,red\n2,red\n3,red\n"


def test_a_model_that_is_no_classifier_is_refused(tmp_path):
    model = recognizer(tmp_path, "segmentation")

    with pytest.raises(ModelFileError, match="is for classifiers, and this model does segment"):
        write_submission(model, table(tmp_path), tmp_path / "submission.csv")

    assert not (tmp_path / "submission.csv").exists()


def test_a_table_of_other_pictures_is_refused(tmp_path):
    with pytest.raises(DataError, match="pictures of 5 x 5 pixels where the model wants 4 x 4"):
        write_submission(recognizer(tmp_path), table(tmp_path, side=5), tmp_path / "submission.csv")

    assert not (tmp_path / "submission.csv").exists()


def test_a_file_that_is_there_stays(tmp_path):
    (tmp_path / "submission.csv").write_text("mine")

    with pytest.raises(OutputError):
        write_submission(recognizer(tmp_path), table(tmp_path), tmp_path / "submission.csv")

    assert (tmp_path / "submission.csv").read_text() == "mine"


def test_a_submission_says_what_score_to_expect_and_how_sure_the_answers_are(tmp_path):
    scored = {"accuracy": {"value": 0.95, "low": 0.9, "high": 0.99, "n": 100}}
    model_card = card(
        "classification", input_hw=(SIDE, SIDE), channels=1, classes=("red",), scores=scored
    )
    model = Recognizer(write(tmp_path / "model.onnx", model_card))

    given = write_submission(model, table(tmp_path, rows=400), tmp_path / "submission.csv")

    assert given.confidence == 1  # there is only one class
    value, low, high = given.expected
    assert value == 95.5 / 101
    assert 0.85 < low < 0.92 < value < 0.98 < high < 1
    assert given.to_json()["expected_accuracy"] == {"value": value, "low": low, "high": high}
    assert str(given).startswith("expected score 94.55 % (")
    assert str(given).endswith("mean probability of the answers 100.00 %")


def test_nothing_is_expected_of_a_model_without_a_score(tmp_path):
    given = write_submission(recognizer(tmp_path), table(tmp_path), tmp_path / "submission.csv")

    assert given.expected is None
    assert given.to_json()["expected_accuracy"] is None


def test_the_least_sure_rows_are_drawn_the_least_sure_first(tmp_path, monkeypatch):
    """The planted classifier knows the third of five rows least, then the first."""
    drawn = []
    monkeypatch.setattr(submission, "draw_worst", lambda path, entries: drawn.extend(entries))
    surest = np.array([0.6, 0.9, 0.5, 0.8, 0.7], np.float32)

    def predict(inputs):
        return {"probabilities": np.stack([surest, 1 - surest], 1)}

    model_card = card("classification", input_hw=(SIDE, SIDE), channels=1, classes=("a", "b"))
    submission.write_submission(
        predict, table(tmp_path, rows=5), tmp_path / "submission.csv", card=model_card
    )

    captions = [entry[3] for entry in drawn]
    assert captions[:2] == ["row 3: a (50 %) or b (50 %)", "row 1: a (60 %) or b (40 %)"]
    assert drawn[0][0][0, 0].tolist() == [120, 120, 120]


def test_the_picture_of_the_doubtful_rows_stands_beside_the_table(tmp_path):
    given = write_submission(recognizer(tmp_path), table(tmp_path), tmp_path / "submission.csv")

    assert given.least_sure == tmp_path / "submission-least-sure.png"
    assert read_picture(given.least_sure).shape[2] == 3


@pytest.mark.parametrize("name", ["submission.csv", "submission-least-sure.png"])
def test_neither_table_nor_picture_replaces_a_file_unasked(tmp_path, name):
    (tmp_path / name).write_text("mine")

    with pytest.raises(OutputError, match=f"{name}: this file exists already"):
        write_submission(recognizer(tmp_path), table(tmp_path), tmp_path / "submission.csv")

    assert (tmp_path / name).read_text() == "mine"
    assert len(list(tmp_path.glob("submission*"))) == 1
