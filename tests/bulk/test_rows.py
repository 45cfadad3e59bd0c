from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
from PIL import Image

from akitsu.bulk.rows import (
    SCHEMAS,
    read_rows,
    row_from_error,
    row_from_result,
    table_from_rows,
)
from akitsu.errors import DataError
from akitsu.runtime.results import Classification, Detections, Segmentation

NAMES = ("cat", "dog")
BOXES = np.array([[1, 2, 3.5, 4]], np.float32)
MASK = np.array([[0, 1, 1, 1]], np.uint8)
RESULTS = {
    "classification": (
        Classification(NAMES, np.array([0.25, 0.75], np.float32)),
        {"class": "dog", "score": 0.75},
    ),
    "detection": (
        Detections(NAMES, BOXES, np.array([0.5], np.float32), np.array([1])),
        {"objects": [{"class": "dog", "score": 0.5, "box": [1.0, 2.0, 3.5, 4.0]}]},
    ),
    "segmentation": (
        Segmentation(NAMES, MASK),
        {
            "shares": [{"class": "cat", "share": 0.25}, {"class": "dog", "share": 0.75}],
            "mask": None,
        },
    ),
}


@pytest.mark.parametrize("task", RESULTS)
def test_a_row_says_what_the_result_says(task):
    result, wanted = RESULTS[task]

    table = table_from_rows([row_from_result("a.png", result, masks=False)], task=task)

    assert table.schema == SCHEMAS[task]
    assert table.to_pylist() == [{"name": "a.png", "task": task, **wanted, "error": None}]


@pytest.mark.parametrize("task", RESULTS)
def test_a_broken_picture_has_its_error_in_place_of_a_result(task):
    error = DataError("an empty file", where="a.png", do="copy it again")

    row, *_ = table_from_rows([row_from_error("a.png", error, task=task)], task=task).to_pylist()

    assert (row.pop("name"), row.pop("task")) == ("a.png", task)
    assert row.pop("error") == "a.png: an empty file; copy it again."
    assert set(row.values()) == {None}


def test_an_empty_picture_of_detections_has_no_objects_rather_than_null():
    nothing = Detections(NAMES, BOXES[:0], np.zeros(0, np.float32), np.zeros(0, np.int64))

    row = row_from_result("a.png", nothing, masks=False)

    assert table_from_rows([row], task="detection")["objects"].to_pylist() == [[]]


def test_rows_of_a_part_are_sorted_by_name():
    result = RESULTS["classification"][0]
    rows = [row_from_result(name, result, masks=False) for name in ("b", "c", "a")]

    assert table_from_rows(rows, task="classification")["name"].to_pylist() == ["a", "b", "c"]


def test_a_mask_that_is_kept_is_a_png_of_class_indices():
    row = row_from_result("a.png", Segmentation(NAMES, MASK), masks=True)

    kept = np.array(Image.open(io.BytesIO(row["mask"])))

    np.testing.assert_array_equal(kept, MASK)


def write_parts(folder, *parts):
    for number, names in enumerate(parts):
        rows = [row_from_result(name, RESULTS["detection"][0], masks=False) for name in names]
        table = table_from_rows(rows, task="detection")
        pa.parquet.write_table(table, folder / f"part-{number:06d}.parquet")
    (folder / "_akitsu.json").write_text("{}")
    (folder / ".torn.parquet").write_bytes(b"PAR1")


def test_parts_are_read_as_one_table_sorted_by_name(tmp_path):
    write_parts(tmp_path, ["c", "b"], ["a"])

    assert read_rows(tmp_path)["name"].to_pylist() == ["a", "b", "c"]


def test_other_readers_take_the_folder_as_one_table(tmp_path):
    """What is no part of it begins with _ or a dot, which they pass over."""
    write_parts(tmp_path, ["c", "b"], ["a"])

    read = pa.dataset.dataset(tmp_path).to_table()

    assert read.sort_by("name").equals(read_rows(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"name\na\n"], ids=["empty", "cut", "text"])
def test_a_part_that_is_broken_is_named(tmp_path, content):
    (tmp_path / "part-000000.parquet").write_bytes(content)

    with pytest.raises(DataError, match=r"part-000000\.parquet: this part cannot be read"):
        read_rows(tmp_path)


def test_a_folder_without_parts_is_no_table(tmp_path):
    with pytest.raises(DataError, match="there are no predictions here"):
        read_rows(tmp_path)
