"""Tables of pixels: exact numbers, and a sentence for every faulty line."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from akitsu.data.doctor import examine
from akitsu.data.formats import pixel_stream, pixel_table
from akitsu.data.formats.pixel_lines import parse_lines
from akitsu.data.formats.registry import ReaderOptions, find_reader, read
from akitsu.errors import AkitsuError, DataError, FaultsError

HEADER = "label,pixel0,pixel1,pixel2,pixel3\n"
COLUMNS = HEADER.strip().split(",")
SKIP = ReaderOptions(skip_broken=True)


def table(folder: Path, text: str | bytes, *, name: str = "train.csv") -> Path:
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return folder / name


def lines_of(values: np.ndarray) -> str:
    return "".join(",".join(map(str, row)) + "\n" for row in values.tolist())


@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz", "TRAIN.CSV"])
@pytest.mark.parametrize("end", ["\n", ""])
def test_a_table_comes_back_as_it_was_written(tmp_path, name, end):
    path = table(tmp_path, HEADER + "1,0,255,7,10\n0,9,99,100,101" + end, name=name)

    dataset = read(path, "all")

    assert dataset.images.tolist() == [[[[0], [255]], [[7], [10]]], [[[9], [99]], [[100], [101]]]]
    assert dataset.labels.tolist() == [1, 0]
    assert dataset.classes == ["0", "1"]
    assert (dataset[1].name, dataset[1].label) == ("row 2", 0)


@given(arrays(np.uint8, st.tuples(st.integers(1, 40), st.just(5))))
@settings(max_examples=50, deadline=None)
def test_every_table_of_small_numbers_is_parsed_at_once_and_exactly(values):
    rows = parse_lines(lines_of(values).encode(), COLUMNS)

    np.testing.assert_array_equal(rows.values, values)
    assert rows.faults == []


@pytest.mark.parametrize("value", range(256))
def test_every_value_of_a_pixel_is_read(value):
    assert parse_lines(b"%d,%d\n" % (value, 255 - value), ["a", "b"]).values.tolist() == [
        [value, 255 - value]
    ]


@pytest.mark.parametrize("value", [256, 260, 299, 300, 301, 311, 511, 512, 999, 1000, 65536])
def test_no_value_above_255_wraps_round(value):
    rows = parse_lines(b"1,2\n3,%d\n" % value, ["label", "pixel0"])

    assert rows.values.tolist() == [[1, 2]]
    assert rows.faults[0].what == f"{value} in column pixel0 where a number from 0 to 255 belongs"


@given(st.text("0123456789,\n \r.-x\xe4", max_size=60))
@settings(max_examples=300, deadline=None)
def test_the_fast_way_never_differs_from_reading_line_by_line(text):
    """The reference: Python's own int on every field of every line."""
    expected = []
    for line in text.encode().replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n"):
        fields = [field.strip() for field in line.split(b",")]
        if len(fields) == 2 and all(f.isdigit() and int(f) <= 255 for f in fields):
            expected.append([int(field) for field in fields])

    rows = parse_lines(text.encode(), ["label", "pixel0"])

    assert rows.values.tolist() == expected
    assert len(rows.values) + len(rows.faults) == rows.count


@pytest.mark.parametrize("size", [8, 28])
def test_pictures_are_as_square_as_their_number_of_pixels(tmp_path, size):
    names = ",".join(f"pixel{i}" for i in range(size * size))
    values = np.arange(size * size, dtype=np.uint8)
    path = table(tmp_path, names + "\n" + lines_of(values[None]))

    dataset = read(path, "all")

    np.testing.assert_array_equal(dataset.images[0, :, :, 0], values.reshape(size, size))
    assert dataset.labels is None


def test_every_eighth_row_is_for_validation(tmp_path):
    path = table(tmp_path, HEADER + "".join(f"{i},0,0,0,{i}\n" for i in range(17)))

    assert read(path, "val").labels.tolist() == [7, 15]
    assert read(path, "train").labels.tolist() == [i for i in range(17) if i not in (7, 15)]


def test_a_row_left_out_moves_no_other_row_to_another_split(tmp_path):
    rows = [f"{i},0,0,0,{i}\n" for i in range(17)]
    rows[3] = "3,0,0,0\n"
    path = table(tmp_path, HEADER + "".join(rows))

    dataset = read(path, "val", options=SKIP)

    assert dataset.labels.tolist() == [7, 15]
    assert [sample.name for sample in dataset] == ["row 8", "row 16"]


def test_without_labels_there_is_only_the_whole_table(tmp_path):
    path = table(tmp_path, "pixel0\n1\n2\n", name="test.csv")

    assert len(read(path, "all")) == 2
    with pytest.raises(DataError, match="no split 'train' but all"):
        read(path, "train")


def test_a_folder_of_two_tables_is_one_set(tmp_path):
    table(tmp_path, HEADER + "0,1,2,3,4\n1,5,6,7,8\n", name="train.csv.gz")
    table(tmp_path, "pixel0,pixel1,pixel2,pixel3\n9,9,9,9\n", name="test.csv")

    assert find_reader(tmp_path).name == "pixel-csv"
    assert len(read(tmp_path, "all")) == 2
    assert read(tmp_path, "test").images.max() == 9


def test_columns_that_count_from_one_and_quotes_are_fine(tmp_path):
    path = table(tmp_path, '"Label","pixel1"\r\n3,4\r\n')

    assert read(path, "all").images.tolist() == [[[[4]]]]


FAULTY = {
    "short line": ("5,1,2,3\n", "3 pixel values where 4 belong"),
    "long line": ("5,1,2,3,4,5\n", "5 pixel values where 4 belong"),
    "a letter": ("5,1,x,3,4\n", "'x' in column pixel1 where a whole number"),
    "a share": ("5,1,0.5,3,4\n", "'0.5' in column pixel1"),
    "below 0": ("5,1,-2,3,4\n", "'-2' in column pixel1"),
    "above 255": ("5,1,2,3,256\n", "256 in column pixel3 where a number from 0 to 255"),
    "nothing": ("5,1,,3,4\n", "'' in column pixel1"),
    "an empty line": ("\n", "an empty line"),
    "an unknown label": ("9,1,2,3,4\n", "label 9 of a set with 6 classes"),
    "not UTF-8": (b"5,1,\xff,3,4\n", r"'\xff' in column pixel1"),
    "Arabic digits": ("5,1,\u0663,3,4\n", "in column pixel1"),
}
SIX = tuple("abcdef")


@pytest.mark.parametrize(("line", "told"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_line_is_told_with_its_number(tmp_path, line, told):
    content = line if isinstance(line, bytes) else line.encode()
    path = table(tmp_path, HEADER.encode() + b"5,1,2,3,4\n" + content + b"0,0,0,0,0\n")

    with pytest.raises(FaultsError) as caught:
        read(path, "all", options=ReaderOptions(classes=SIX))

    assert f"{path}:3: " in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(("line", "told"), FAULTY.values(), ids=FAULTY)
def test_skip_broken_leaves_out_exactly_the_faulty_line(tmp_path, line, told):
    content = line if isinstance(line, bytes) else line.encode()
    path = table(tmp_path, HEADER.encode() + b"5,1,2,3,4\n" + content + b"0,0,0,0,0\n")

    dataset = read(path, "all", options=ReaderOptions(classes=SIX, skip_broken=True))

    assert dataset.labels.tolist() == [5, 0]
    assert len(dataset.skipped) == 1
    assert told in dataset.skipped[0]


def test_line_ends_in_the_wrong_places_are_seen_although_their_number_is_right():
    rows = parse_lines(b"1\n2,3,4\n5,6\n", ["label", "pixel0"])

    assert rows.values.tolist() == [[5, 6]]
    assert [fault.line for fault in rows.faults] == [0, 1]


def test_all_faulty_lines_are_told_at_once_across_pieces(tmp_path, monkeypatch):
    """Lines are counted right although the table is parsed in pieces by several threads."""
    monkeypatch.setattr(pixel_stream, "PIECE_BYTES", 64)
    rows = [f"0,1,2,3,{i}\n" for i in range(100)]
    rows[40] = rows[41] = rows[97] = "0,1\n"
    path = table(tmp_path, HEADER + "".join(rows))

    assert [f.where.rpartition(":")[2] for f in examine(path)] == ["42", "43", "99"]
    assert read(path, "all", options=SKIP).images[40, 1, 1, 0] == 42


BROKEN = {
    "empty": (b"", "an empty file"),
    "header only": (HEADER.encode(), "a header and no row under it"),
    "no header": (b"1,2,3,4,5\n" * 3, "column '1' where pixel0 belongs"),
    "ids": (b"ImageId,pixel0\n1,2\n", "a column 'imageid' beside pixels; delete the column"),
    "no square": (b"label,pixel0,pixel1\n1,2,3\n", "2 pixels a row, which make no square"),
    "sorted by letters": (
        b"label,pixel0,pixel1,pixel10,pixel2\n1,2,3,4,5\n",
        "column 'pixel10' where pixel2 belongs",
    ),
    "UTF-16": ("label,pixel0\n1,2\n".encode("utf-16"), "not UTF-8 text"),
    "no pixels": (b"label\n1\n", "0 pixels a row"),
    "a broken gzip": (b"\x1f\x8b\x08\x00" + b"\xff" * 40, "a broken gzip file"),
}


@pytest.mark.parametrize(("content", "told"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_such_table_is_told_so(tmp_path, content, told):
    path = table(tmp_path, content)

    with pytest.raises(DataError) as caught:
        read(path, "all", format="pixel-csv")

    assert str(path) in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [HEADER.encode(), b"label,pixel0,pixel1\n1,2,3\n"])
def test_doctor_lists_what_stops_the_reader(tmp_path, content):
    assert [(f.code, f.level) for f in examine(table(tmp_path, content))] == [("csv-ragged", "E")]


def test_a_gzip_file_that_is_cut_off_gives_its_rows_only_on_demand(tmp_path):
    rows = np.random.default_rng(0).integers(0, 256, (2000, 5), np.uint8)
    path = table(tmp_path, HEADER + lines_of(rows), name="train.csv.gz")
    path.write_bytes(path.read_bytes()[:-4000])

    with pytest.raises(FaultsError, match="cut off"):
        read(path, "all")
    kept = read(path, "all", options=SKIP)

    assert 100 < len(kept) < 2000
    np.testing.assert_array_equal(kept.images.reshape(-1, 4), rows[: len(kept), 1:])


def test_a_gzip_file_of_several_members_is_one_table(tmp_path):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(HEADER.encode()) + gzip.compress(b"1,2,3,4,5\n") + b"\0" * 512)

    assert read(path, "all").labels.tolist() == [1]


def test_one_endless_line_is_refused_before_it_fills_the_memory(tmp_path):
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress(b"0," * 2**24))

    with pytest.raises(DataError, match="a line of more than 16,777,216 bytes"):
        read(path, "all", format="pixel-csv")


def test_a_table_that_unpacks_to_more_than_any_table_has_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(pixel_stream, "MAX_TABLE_BYTES", 2**20)
    path = table(tmp_path, HEADER + "1,2,3,4,5\n" * 200_000, name="train.csv.gz")

    with pytest.raises(DataError, match="1,048,576 bytes once unpacked"):
        read(path, "all")


def test_a_file_of_faults_only_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(pixel_table, "MOST_FAULTS", 100)

    with pytest.raises(DataError, match="more than 100 faulty lines"):
        read(table(tmp_path, HEADER + "\n" * 200), "all")


def test_a_table_of_something_else_is_not_taken_for_pixels(tmp_path):
    path = table(tmp_path, "colour,weight\nred,3\n", name="things.csv")

    with pytest.raises(DataError, match="none of the formats"):
        find_reader(path)


WHOLE = HEADER.encode() + b"1,20,255,4,5\n0,1,2,3,4\n"


@given(st.binary(max_size=30), st.integers(0, len(WHOLE)), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_damage_to_a_table_escapes_as_another_error(tmp_path_factory, damage, at, packed):
    path = tmp_path_factory.mktemp("csv") / "train.csv"
    whole = zlib.compress(WHOLE, wbits=31) if packed else WHOLE
    path.write_bytes(whole[:at] + damage + whole[at + len(damage) :])

    with suppress(AkitsuError):  # and nothing else
        dataset = read(path, "all", format="pixel-csv", options=SKIP)
        assert len(dataset) == len(dataset.images) == len(dataset.rows)


@pytest.mark.shared
def test_the_real_digits_have_their_known_numbers(shared_data):
    train = read(shared_data / "digits" / "train.csv.gz", "all")
    test = read(shared_data / "digits" / "test.csv.gz", "all")

    assert train.images.shape == (42000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [
        4129, 4692, 4181, 4225, 4110, 3770, 4165, 4468, 4096, 4164,
    ]  # fmt: skip
    assert train.labels[:10].tolist() == [0, 1, 3, 7, 5, 1, 1, 5, 7, 1]
    assert int(train.images[0].sum()) == 20026
    assert train.images[0].ravel()[123:126].tolist() == [66, 186, 179]
    assert train.images.mean() == pytest.approx(33.36207, abs=1e-5)
    assert test.images.mean() == pytest.approx(33.42181, abs=1e-5)
    assert int(test.images[0].sum()) == 28755


def test_a_table_that_was_changed_is_read_anew(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("label,pixel0,pixel1,pixel2,pixel3\n7,1,2,3,4\n")
    first = pixel_table.read_table(path)

    again = pixel_table.read_table(path)
    path.write_text("label,pixel0,pixel1,pixel2,pixel3\n9,1,2,3,4\n7,1,2,3,5\n")
    changed = pixel_table.read_table(path)

    assert again is first
    assert first.labels.tolist() == [7]
    assert changed.labels.tolist() == [9, 7]
