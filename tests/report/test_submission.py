"""A table answered row by row, and the tables that a model cannot answer."""

from __future__ import annotations

import pytest

from akitsu.errors import DataError, ModelFileError, OutputError
from akitsu.report.submission import write_submission
from akitsu.runtime.recognizer import Recognizer
from tests.runtime.onnx_files import card, write

SIDE = 4


def table(folder, *, side=SIDE, rows=3):
    """Rows of one grey level each."""
    header = ",".join(f"pixel{number}" for number in range(side * side))
    lines = [",".join([str(60 * row)] * side * side) for row in range(rows)]
    path = folder / "test.csv"
    path.write_text("\n".join([header, *lines, ""]))
    return path


def recognizer(folder, task="classification"):
    """One class, so that the answer is known."""
    model_card = card(task, input_hw=(SIDE, SIDE), channels=1, classes=("red",))
    return Recognizer(write(folder / "model.onnx", model_card))


def test_every_row_is_answered_by_its_name_and_number(tmp_path):
    rows = write_submission(recognizer(tmp_path), table(tmp_path), tmp_path / "submission.csv")

    assert rows == 3
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
