"""How a format is found, and what is said where none is."""

from __future__ import annotations

import pytest

from akitsu import gather
from akitsu.data.formats import registry
from akitsu.data.formats.registry import Reader, ReaderOptions, find_reader, read, readers
from akitsu.errors import DataError
from tests.data.formats.files import noise, write_image, write_voc


def test_the_formats_are_these():
    """Not a list that is edited: the folder is walked."""
    assert {"camvid", "folders", "masks", "pixel-csv", "scenes-boxes", "voc"} <= set(readers())


@pytest.mark.parametrize("reader", readers().values(), ids=readers())
def test_every_format_says_what_it_is(reader):
    assert reader.name in readers()
    assert reader.task in ("classification", "detection", "segmentation")
    assert reader.describe
    assert not reader.describe.endswith(".")
    assert all(name in readers() for name in reader.specialises)


@pytest.mark.parametrize("reader", readers().values(), ids=readers())
def test_no_format_sees_itself_in_a_folder_of_strange_files(reader, tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / "sub").mkdir()

    assert not reader.detects(tmp_path)
    assert not reader.detects(tmp_path / "notes.txt")


def test_a_misspelt_format_gives_the_nearest():
    with pytest.raises(DataError, match="no format 'pixel_csv'; write pixel-csv"):
        find_reader(".", "pixel_csv")


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="ghost: there is no such file or folder"):
        find_reader(tmp_path / "ghost")


def test_an_empty_folder_is_told_so(tmp_path):
    with pytest.raises(DataError, match="this folder is empty"):
        find_reader(tmp_path)


@pytest.mark.parametrize("path", [None, ""])
@pytest.mark.parametrize("format", [None, "voc"])
def test_a_format_of_files_needs_a_path(path, format):
    with pytest.raises(DataError, match="no path is given; name its folder or table"):
        find_reader(path, format)


def test_a_name_that_no_file_can_have_is_a_data_error():
    with pytest.raises(DataError):
        find_reader("a\0b")


def test_what_fits_no_format_is_answered_with_what_was_looked_for(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")

    with pytest.raises(DataError, match=r"JPEGImages/X\.jpg"):
        find_reader(tmp_path)


def test_the_special_format_wins_over_the_general(tmp_path):
    """JPEGImages/ and Annotations/ could be two folders of pictures."""
    write_voc(tmp_path, {"a": []})
    write_image(tmp_path / "Annotations" / "preview.png", noise())

    assert find_reader(tmp_path).name == "voc"


def test_two_formats_that_fit_are_left_to_the_person(tmp_path, monkeypatch):
    class Rival(type(readers()["voc"])):
        name = "rival"

    monkeypatch.setitem(registry._readers, "rival", Rival())
    write_voc(tmp_path, {"a": []})

    with pytest.raises(DataError, match="looks like rival and voc; say which with --format"):
        find_reader(tmp_path)


def test_a_third_party_format_arrives_through_its_entry_point(monkeypatch):
    class Entry:
        @staticmethod
        def load() -> None:
            registry._readers["theirs"] = "reader"

    monkeypatch.setattr(registry, "_readers", dict(readers()))
    monkeypatch.setattr(gather, "entry_points", lambda group: {"akitsu.formats": [Entry]}[group])
    registry._gather.cache_clear()

    assert readers()["theirs"] == "reader"


@pytest.mark.parametrize("ignore", [-1, 256])
def test_a_mask_value_that_no_mask_can_hold_is_refused(ignore):
    with pytest.raises(DataError, match=f"ignore of {ignore}; name one from 0 to 255"):
        ReaderOptions(ignore=ignore)


def test_drawn_pictures_need_no_path():
    reader = find_reader(None, "scenes-boxes")

    assert isinstance(reader, Reader)
    assert not reader.needs_path
    with pytest.raises(DataError, match="no split 'test' but train, val"):
        read(None, "test", format="scenes-boxes")
