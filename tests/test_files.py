"""A file or folder is written whole or not at all."""

from __future__ import annotations

import errno
import json
import math
import os

import pytest

from akitsu.errors import OutputError
from akitsu.files import append_text, read_json, whole_file, whole_folder, write_json, write_text


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_its_folder(tmp_path):
    write_text(tmp_path / "new" / "note.txt", "größer 大")

    assert (tmp_path / "new" / "note.txt").read_text(encoding="utf-8") == "größer 大"
    assert names(tmp_path / "new") == ["note.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")

    def fail():
        with whole_file(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert path.read_text() == "old"
    assert names(tmp_path) == ["note.txt"]


def test_without_force_a_file_is_not_replaced(tmp_path):
    path = tmp_path / "note.txt"
    path.write_text("old")

    with pytest.raises(OutputError, match=r"note.txt: .* exists already; add --force"):
        write_text(path, "new", force=False)

    assert path.read_text() == "old"


def test_a_folder_that_is_a_file_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=r"; choose another place\.$"):
        write_text(tmp_path / "file" / "note.txt", "new")


def test_a_file_can_be_read_by_others(tmp_path):
    """A temporary file is its owner's alone; the finished one is not."""
    write_text(tmp_path / "note.txt", "new")

    assert (tmp_path / "note.txt").stat().st_mode & 0o777 == 0o644


def test_what_is_not_a_number_becomes_null(tmp_path):
    document = {"a": math.nan, "b": [1.5, (math.nan, "x")]}

    write_json(tmp_path / "scores.json", document)

    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "a": None,
        "b": [1.5, [None, "x"]],
    }
    assert read_json(tmp_path / "scores.json")["a"] is None


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe"])
def test_json_that_cannot_be_read_is_a_sentence(tmp_path, content):
    path = tmp_path / "scores.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(OutputError, match=r"scores.json: this file cannot be read as JSON"):
        read_json(path)


def test_a_folder_appears_whole(tmp_path):
    with whole_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("1")
        assert not (tmp_path / "out").exists()

    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["a"]


def test_a_folder_that_fails_leaves_the_old_one(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("")

    def fail():
        with whole_folder(tmp_path / "out", force=True) as folder:
            (folder / "new").write_text("")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert names(tmp_path) == ["out"]
    assert names(tmp_path / "out") == ["old"]


def test_a_full_folder_is_not_replaced_without_force(tmp_path):
    (tmp_path / "old").write_text("")

    with pytest.raises(OutputError, match="not empty"), whole_folder(tmp_path):
        pass

    assert names(tmp_path) == ["old"]


def test_force_replaces_the_whole_folder(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("")

    with whole_folder(tmp_path / "out", force=True) as folder:
        (folder / "new").write_text("")

    assert names(tmp_path / "out") == ["new"]


def test_an_empty_folder_counts_as_free(tmp_path):
    (tmp_path / "out").mkdir()

    with whole_folder(tmp_path / "out") as folder:
        (folder / "new").write_text("")

    assert names(tmp_path / "out") == ["new"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_full_disk_is_a_sentence_and_the_old_file_stays(tmp_path, code):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    with (
        pytest.raises(OutputError, match=r"a\.txt: .*; make room, or choose another place"),
        whole_file(path),
    ):
        raise OSError(code, os.strerror(code))

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_that_is_none_of_the_disk_goes_through(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.txt"):
        (tmp_path / "no.txt").read_text()


def test_text_is_added_at_the_end(tmp_path):
    write_text(tmp_path / "log", "one\n")

    append_text(tmp_path / "log", "zwei ö\n")

    assert (tmp_path / "log").read_text(encoding="utf-8") == "one\nzwei ö\n"
