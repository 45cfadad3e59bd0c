"""Pairs of picture and mask in both layouts, and CamVid's own names."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from akitsu.data.doctor import examine
from akitsu.data.formats.registry import ReaderOptions, find_reader, read
from akitsu.errors import AkitsuError, DataError, FaultsError
from tests.data.formats.files import noise, write_image, write_pairs

TWO = ReaderOptions(classes=("floor", "wall"))
MASK = np.array([[0, 1, 1], [255, 0, 1]], np.uint8)


def codes(path, options=TWO):
    return [(finding.code, finding.level) for finding in examine(path, options=options)]


def test_a_mask_comes_back_as_it_was_written(tmp_path):
    write_pairs(tmp_path, {"a": MASK})

    sample = read(tmp_path, "train", options=TWO)[0]

    np.testing.assert_array_equal(sample.mask, MASK)
    np.testing.assert_array_equal(sample.image, noise((2, 3)))


def test_a_palette_mask_gives_its_indices_and_not_its_colours(tmp_path):
    write_pairs(tmp_path, {"a": MASK})
    image = Image.fromarray(MASK, mode=None).convert("P")
    image.putdata(MASK.ravel().tolist())
    image.putpalette([0, 0, 0, 128, 0, 0] + [7] * 762)
    image.save(tmp_path / "train" / "masks" / "a.png")

    np.testing.assert_array_equal(read(tmp_path, "train", options=TWO)[0].mask, MASK)


def test_the_layout_of_segnet_is_read_too(tmp_path):
    write_image(tmp_path / "val" / "a.png", noise((2, 3)))
    write_image(tmp_path / "valannot" / "a.png", MASK)
    (tmp_path / "classes.txt").write_text("floor\nwall\n")

    dataset = read(tmp_path, "val")

    assert dataset.classes == ["floor", "wall"]
    np.testing.assert_array_equal(dataset[0].mask, MASK)


def test_one_more_value_can_stand_for_ignore(tmp_path):
    write_pairs(tmp_path, {"a": np.array([[0, 9]], np.uint8)})
    options = ReaderOptions(classes=("floor", "wall"), ignore=9)

    assert read(tmp_path, "train", options=options)[0].mask.tolist() == [[0, 255]]
    assert examine(tmp_path, options=options) == []


def test_classes_without_names_are_asked_for(tmp_path):
    write_pairs(tmp_path, {"a": MASK})

    with pytest.raises(DataError, match=r"no names; write one name a line into classes\.txt"):
        read(tmp_path, "train")


def test_a_value_beyond_the_classes_is_told_with_its_pixels_and_place(tmp_path):
    write_pairs(tmp_path, {"a": np.array([[0, 1, 1], [1, 7, 7]], np.uint8)})

    with pytest.raises(DataError) as caught:
        _ = read(tmp_path, "train", options=TWO)[0]

    assert "a.png, row 1, column 1: class 7 of a set with 2 classes, at 2 pixels" in str(
        caught.value
    )
    assert codes(tmp_path) == [("mask-value", "E")]


def test_a_mask_of_another_size_is_refused_and_never_resized(tmp_path):
    write_pairs(tmp_path, {"a": MASK})
    write_image(tmp_path / "train" / "images" / "a.png", noise((4, 6)))

    with pytest.raises(FaultsError, match="a mask of 3 x 2 pixels for a picture of 6 x 4"):
        read(tmp_path, "train", options=TWO)
    assert codes(tmp_path) == [("mask-size", "E")]


def test_a_coloured_mask_is_refused(tmp_path):
    write_pairs(tmp_path, {"a": MASK})
    write_image(tmp_path / "train" / "masks" / "a.png", noise((2, 3)))

    with pytest.raises(DataError, match="colour"):
        _ = read(tmp_path, "train", options=TWO)[0]
    assert codes(tmp_path) == [("mask-kind", "E")]


def test_a_mask_stored_as_jpeg_is_refused(tmp_path):
    write_pairs(tmp_path, {"a": MASK})
    Image.fromarray(MASK).save(tmp_path / "train" / "masks" / "a.png", format="JPEG")

    with pytest.raises(FaultsError, match="JPEG"):
        read(tmp_path, "train", options=TWO)
    assert codes(tmp_path) == [("mask-jpeg", "E")]


@pytest.mark.parametrize("folder", ["images", "masks"])
def test_half_a_pair_is_an_error(tmp_path, folder):
    write_pairs(tmp_path, {"a": MASK, "b": MASK})
    (tmp_path / "train" / folder / "b.png").unlink()

    with pytest.raises(FaultsError, match=r"b\.png: this (mask|picture) has no"):
        read(tmp_path, "train", options=TWO)
    assert codes(tmp_path) == [("pair-missing", "E")]


def test_a_mask_of_ignored_pixels_only_is_a_warning(tmp_path):
    write_pairs(tmp_path, {"a": np.full((2, 3), 255, np.uint8)})

    assert codes(tmp_path) == [("mask-void", "W")]


def test_skip_broken_keeps_the_sound_pairs_and_records_the_others(tmp_path):
    wrong = np.full((2, 3), 9, np.uint8)
    write_pairs(tmp_path, {"a": MASK, "b": wrong, "c": MASK, "d": MASK})
    (tmp_path / "train" / "images" / "c.png").write_bytes(b"")
    options = ReaderOptions(classes=("floor", "wall"), skip_broken=True)

    dataset = read(tmp_path, "train", options=options)

    assert [sample.name for sample in dataset] == ["a.png", "d.png"]
    assert len(dataset.skipped) == 2


def test_a_set_of_broken_pairs_only_is_an_error_even_when_skipping(tmp_path):
    write_pairs(tmp_path, {"a": np.full((2, 3), 9, np.uint8)})
    options = ReaderOptions(classes=("floor", "wall"), skip_broken=True)

    with pytest.raises(DataError, match="no picture to read"):
        read(tmp_path, "train", options=options)


def test_camvid_is_known_by_its_size_and_its_void_class(tmp_path):
    write_pairs(tmp_path, {"a": np.full((360, 480), 11, np.uint8)})

    assert find_reader(tmp_path).name == "camvid"


def test_camvid_is_known_by_its_folder(tmp_path):
    write_pairs(tmp_path / "CamVid", {"a": MASK})

    assert find_reader(tmp_path / "CamVid").name == "camvid"


def test_other_masks_of_that_size_are_not_taken_for_camvid(tmp_path):
    write_pairs(tmp_path, {"a": np.full((360, 480), 10, np.uint8)})

    assert find_reader(tmp_path).name == "masks"


def test_camvid_reads_eleven_as_ignore(tmp_path):
    write_pairs(tmp_path / "camvid", {"a": np.array([[11, 3, 255]], np.uint8)})

    dataset = read(tmp_path / "camvid", "train")

    assert dataset.classes[3] == "Road"
    assert dataset[0].mask.tolist() == [[255, 3, 255]]


@pytest.mark.parametrize("damage", [b"", b"<html>", b"\x89PNG\r\n\x1a\n", b"\xff" * 99])
def test_a_hostile_mask_file_raises_only_our_errors(tmp_path, damage):
    write_pairs(tmp_path, {"a": MASK})
    (tmp_path / "train" / "masks" / "a.png").write_bytes(damage)

    with pytest.raises(AkitsuError, match=r"a\.png"):
        _ = read(tmp_path, "train", options=TWO)[0]
    assert [level for _, level in codes(tmp_path)] == ["E"]


@pytest.mark.shared
def test_the_real_camvid_has_its_known_pixels(shared_data):
    """Pixel counts of the SegNet copy's validation masks, class by class."""
    known = [1601620, 4531180, 98499, 5053176, 1521751, 2851125, 155724, 537197, 304716, 113531,
             387010]  # fmt: skip
    dataset = read(shared_data / "camvid", "val")

    counts = sum(np.bincount(sample.mask.ravel(), minlength=256) for sample in dataset)

    assert counts[:11].tolist() == known
    assert counts[255] == 297271


@pytest.mark.shared
def test_a_known_camvid_mask_has_its_known_pixels(shared_data):
    dataset = read(shared_data / "camvid", "train")
    sample = next(s for s in dataset if s.name == "0001TP_006690.jpg")

    assert (sample.mask[0, 0], sample.mask[180, 240], sample.mask[359, 479]) == (1, 0, 255)
