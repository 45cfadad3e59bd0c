from __future__ import annotations

import csv
import gzip
from contextlib import suppress

import numpy as np
import polars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.classic.table import column_of, read_table
from akitsu.errors import DataError

CELLS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def tables(draw):
    """Two columns of numbers and one of texts, of one to six rows."""
    rows = draw(st.integers(1, 6))
    numbers = st.lists(NUMBERS, min_size=rows, max_size=rows)
    return draw(numbers), draw(numbers), draw(st.lists(CELLS, min_size=rows, max_size=rows))


@settings(deadline=None, max_examples=50)
@given(tables(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["\n", "\r\n"]))
def test_what_was_written_is_read(tmp_path_factory, columns, delimiter, end):
    path = tmp_path_factory.mktemp("table") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
        writer.writerow(["a", "b", "c"])
        writer.writerows(zip(*columns, strict=True))

    table = read_table(path)

    assert list(table.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(table.columns["a"], np.array(columns[0]))
    np.testing.assert_array_equal(table.columns["b"], np.array(columns[1]))
    expected = column_of(columns[2])
    assert table.columns["c"].dtype == expected.dtype
    assert [str(value) for value in table.columns["c"]] == [str(value) for value in expected]
    assert table.lines.tolist() == list(range(2, 2 + len(columns[0])))


@settings(deadline=None)  # polars takes its time to be imported
@given(st.binary(max_size=200), st.sampled_from(["t.csv", "t.csv.gz", "t.parquet"]))
def test_no_bytes_whatever_raise_anything_but_a_sentence(tmp_path_factory, content, name):
    path = tmp_path_factory.mktemp("table") / name
    path.write_bytes(content)

    with suppress(DataError):
        assert len(read_table(path)) > 0


def test_a_parquet_file_is_read_as_the_csv_of_the_same_rows(tmp_path):
    frame = polars.DataFrame(
        {
            "a": [1, None, 3],
            "b": [0.5, float("nan"), 2.0],
            "c": ["x", None, "z"],
            "d": [True, False, None],
        }
    )
    text = frame.write_csv().replace("true", "True").replace("false", "False")
    (tmp_path / "t.csv").write_text(text)
    frame.write_parquet(tmp_path / "t.parquet")

    one, other = read_table(tmp_path / "t.csv"), read_table(tmp_path / "t.parquet")

    for name in frame.columns:
        assert one.columns[name].dtype == other.columns[name].dtype
        assert [str(v) for v in one.columns[name]] == [str(v) for v in other.columns[name]]
    assert (one.where(0), other.where(0)) == (
        f"{tmp_path / 't.csv'}:2",
        f"{tmp_path / 't.parquet'}, row 1",
    )


def test_a_packed_table_a_byte_order_mark_and_blank_lines_are_read(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress("\ufeffa,b\n1,x\n\n2,y\n\n".encode()))

    table = read_table(path)

    assert table.columns["a"].tolist() == [1.0, 2.0]
    assert table.lines.tolist() == [2, 4]


def test_a_cell_over_two_lines_moves_the_lines_below_it(tmp_path):
    (tmp_path / "t.csv").write_text('a,b\n"one\ntwo",1\nthree,2\n')

    table = read_table(tmp_path / "t.csv")

    assert table.lines.tolist() == [2, 4]
    assert table.columns["a"].tolist() == ["one\ntwo", "three"]


def test_the_nameless_index_that_pandas_writes_is_left_out(tmp_path):
    (tmp_path / "t.csv").write_text(",a\n0,5\n1,6\n")

    assert list(read_table(tmp_path / "t.csv").columns) == ["a"]


HOSTILE = {
    "empty": (b"", "an empty file"),
    "a header alone": (b"a,b\n", "a header and no row under it"),
    "ragged": (b"a,b\n1,2\n3\n", "t.csv:3: 1 values where the header names 2 columns"),
    "not UTF-8": ("größe\n1\n".encode("latin-1"), "not UTF-8 text"),
    "a quote left open": (b'a,b\n1,"2\n3,4\n', "no CSV"),
    "the same name twice": (b"a,a\n1,2\n", "two columns are called 'a'"),
    "no names": (b",\n1,2\n", "no column has a name"),
}


@pytest.mark.parametrize(("content", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_table_is_named_and_explained(tmp_path, content, reason):
    (tmp_path / "t.csv").write_bytes(content)

    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "t.csv")

    assert str(caught.value).startswith(str(tmp_path / "t.csv"))
    assert reason in str(caught.value)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.parquet"])
def test_a_file_that_was_cut_off_is_a_sentence(tmp_path, name):
    path = tmp_path / name
    frame = polars.DataFrame({"a": [i / 7 for i in range(99)]})
    if name.endswith("gz"):
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_parquet(path)
    content = path.read_bytes()

    for end in range(20, len(content) - 1, len(content) // 7):
        path.write_bytes(content[:end])
        with pytest.raises(DataError, match=name):
            read_table(path)


def test_what_is_missing_or_no_table_is_a_sentence(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name, reason in {
        "none.csv": "there is no such file",
        "folder.csv": "this is a folder",
        "t.xlsx": "this is no table by its name",
    }.items():
        with pytest.raises(DataError, match=reason):
            read_table(tmp_path / name)
