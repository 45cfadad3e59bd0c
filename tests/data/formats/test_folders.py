"""One folder per class, with and without splits."""

from __future__ import annotations

from pathlib import Path

import pytest

from akitsu.data.doctor import examine
from akitsu.data.formats.registry import ReaderOptions, find_reader, read
from akitsu.errors import DataError, FaultsError
from tests.data.formats.files import noise, write_image


def write(folder: Path, *names: str) -> Path:
    for seed, name in enumerate(names):
        write_image(folder / name, noise(seed=seed))
    return folder


def test_classes_are_the_folders_in_alphabetical_order(tmp_path):
    write(tmp_path, "train/dog/1.png", "train/cat/1.png", "train/cat/2.png", "val/dog/9.png")

    train, val = read(tmp_path, "train"), read(tmp_path, "val")

    assert train.classes == val.classes == ["cat", "dog"]
    assert [(s.name, s.label) for s in train] == [
        ("train/cat/1.png", 0),
        ("train/cat/2.png", 0),
        ("train/dog/1.png", 1),
    ]
    assert [s.label for s in val] == [1]


def test_without_splits_every_eighth_picture_is_for_validation(tmp_path):
    write(tmp_path, *(f"cat/{i}.png" for i in range(5)), *(f"dog/{i}.png" for i in range(5)))

    assert [sample.name for sample in read(tmp_path, "val")] == ["dog/2.png"]
    assert len(read(tmp_path, "train")) == 9
    assert len(read(tmp_path, "all")) == 10


def test_too_few_pictures_for_a_validation_are_told_so(tmp_path):
    write(tmp_path, "cat/1.png", "dog/1.png")

    with pytest.raises(DataError, match="no picture to read for 'val'; add some"):
        read(tmp_path, "val")


def test_what_unpacking_leaves_behind_is_no_class(tmp_path):
    write(tmp_path, "cat/1.png", "dog/1.png", ".cache/1.png", "__MACOSX/1.png")

    assert read(tmp_path, "all").classes == ["cat", "dog"]


def test_a_folder_that_is_no_class_is_an_error_with_the_nearest_name(tmp_path):
    write(tmp_path, "cat/1.png", "dgo/1.png")
    options = ReaderOptions(classes=("cat", "dog"))

    with pytest.raises(FaultsError, match="folder 'dgo' is none of the 2 classes; write dog"):
        read(tmp_path, "all", options=options)
    assert "cls-unknown" in {finding.code for finding in examine(tmp_path, options=options)}


def test_a_class_without_pictures_is_a_warning(tmp_path):
    write(tmp_path, "train/cat/1.png", "train/dog/1.png")
    (tmp_path / "train" / "emu").mkdir()

    assert [f.code for f in examine(tmp_path)] == ["cls-empty"]


def test_classes_that_differ_by_spelling_alone_are_a_warning(tmp_path):
    write(tmp_path, "train/Hot Dog/1.png", "train/hotdogs/1.png")

    assert [f.code for f in examine(tmp_path)] == ["cls-case"]


def test_one_folder_of_pictures_is_no_set_of_classes(tmp_path):
    write(tmp_path, "photos/1.png")

    with pytest.raises(DataError, match="none of the formats"):
        find_reader(tmp_path)


def test_a_table_forced_to_be_folders_is_told_so(tmp_path):
    table = tmp_path / "a.csv"
    table.write_text("label,pixel0\n1,2\n")

    with pytest.raises(DataError, match=r"a\.csv"):
        read(table, "train", format="folders")
