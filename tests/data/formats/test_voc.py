"""Pascal VOC boxes: where they land, and how every fault is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from akitsu.data.doctor import examine
from akitsu.data.formats.registry import ReaderOptions, read, readers
from akitsu.data.formats.voc_labels import read_label
from akitsu.errors import DataError, FaultsError
from tests.data.formats.files import noise, write_image, write_lists, write_voc, xml

DOG = ("dog", (5, 6, 15, 16))


def codes(path: Path, **options: object) -> set[str]:
    return {finding.code for finding in examine(path, **options)}


def test_corners_counted_from_one_become_half_open_edges(tmp_path):
    write_voc(tmp_path, {"a": [("dog", (1, 1, 30, 20)), ("cat", ("5.5", 6, 15, "16.25"))]})

    sample = read(tmp_path, "all")[0]

    np.testing.assert_array_equal(sample.boxes, [[0, 0, 30, 20], [4.5, 5, 15, 16.25]])


def test_a_set_with_a_box_at_pixel_zero_counts_from_zero_in_all_its_splits(tmp_path):
    write_voc(tmp_path, {"a": [("dog", (5, 6, 15, 16))], "b": [("dog", (0, 3, 9, 9))]})
    write_lists(tmp_path, train="a", val="b")

    sample = read(tmp_path, "train")[0]

    np.testing.assert_array_equal(sample.boxes, [[5, 6, 15, 16]])
    assert "box-origin" in codes(tmp_path)


def test_a_box_covers_the_pixels_that_it_was_drawn_around(tmp_path):
    """The axis test: one bright patch, rows 4 to 7 and columns 20 to 28, counted from 1."""
    write_voc(tmp_path, {"a": [("dog", (20, 4, 28, 7))]})
    image = np.zeros((20, 30, 3), np.uint8)
    image[3:7, 19:28] = 255
    write_image(tmp_path / "JPEGImages" / "a.png", image)

    sample = read(tmp_path, "all")[0]
    x0, y0, x1, y1 = sample.boxes[0].astype(int)

    assert sample.image[y0:y1, x0:x1].min() == 255
    assert sample.image.sum() == sample.image[y0:y1, x0:x1].sum()


def test_the_picture_is_found_by_the_stem_and_not_by_what_the_label_says(tmp_path):
    text = xml([DOG]).replace("<annotation>", "<annotation><filename>b.png</filename>")
    write_voc(tmp_path, {"a": text, "b": []})

    dataset = read(tmp_path, "all")

    assert [(s.name, len(s.boxes)) for s in dataset] == [("a.png", 1), ("b.png", 0)]


def test_difficult_objects_are_kept_and_marked(tmp_path):
    text = xml([DOG]).replace("<difficult>0", "<difficult>1")
    write_voc(tmp_path, {"a": text})

    assert read(tmp_path, "all")[0].difficult.tolist() == [True]


def test_without_lists_every_eighth_picture_is_for_validation(tmp_path):
    write_voc(tmp_path, {f"{i:02}": [] for i in range(17)})

    names = [sample.name for sample in read(tmp_path, "val", options=ReaderOptions(("dog",)))]

    assert names == ["07.png", "15.png"]


def test_lists_of_one_class_are_no_splits(tmp_path):
    write_voc(tmp_path, {"a": [], "b": []})
    write_lists(tmp_path, train="a", val="b")
    (tmp_path / "ImageSets/Main/dog_train.txt").write_text("a  1\nb -1\n")

    assert readers()["voc"].splits(tmp_path) == ["train", "val"]


def test_classes_stand_in_the_order_of_classes_txt(tmp_path):
    write_voc(tmp_path, {"a": [("dog", (5, 6, 15, 16)), ("cat", (1, 2, 3, 4))]})
    (tmp_path / "classes.txt").write_text("horse\ndog\ncat\n")

    dataset = read(tmp_path, "all")

    assert dataset.classes == ["horse", "dog", "cat"]
    assert dataset[0].labels.tolist() == [1, 2]


def test_an_object_labelled_twice_counts_once(tmp_path):
    write_voc(tmp_path, {"a": [DOG, DOG, ("cat", DOG[1])]})

    assert read(tmp_path, "all")[0].labels.tolist() == [1, 0]
    assert "box-dup" in codes(tmp_path)


@pytest.mark.parametrize(
    ("corners", "kept"),
    [
        ((5, 6, 32, 16), [4, 5, 30, 16]),  # two pixels outside
        ((5, 6, 30.2, 20.1), [4, 5, 30, 20]),  # less than a hundredth of the side
        ((-1, 6, 15, 16), [0, 5, 15, 16]),
    ],
)
def test_a_box_a_little_outside_is_clipped(tmp_path, corners, kept):
    write_voc(tmp_path, {"a": [("dog", corners)]})

    np.testing.assert_allclose(read(tmp_path, "all")[0].boxes, [kept])
    assert [(f.code, f.level) for f in examine(tmp_path)] == [("box-outside", "W")]


FAULTY = {
    "far outside": ("box-outside", [("dog", (5, 6, 33, 16))], "xmax 33 lies 3 pixels outside"),
    "swapped": ("box-swapped", [("dog", (15, 6, 5, 16))], "xmax 5 lies before xmin 15"),
    "a word": ("box-corners", [("dog", (5, "six", 15, 16))], "ymin is 'six'"),
    "not a number": ("box-corners", [("dog", ("nan", 6, 15, 16))], "xmin is 'nan'"),
    "endless": ("box-corners", [("dog", ("1e999", 6, 15, 16))], "xmin is '1e999'"),
    "misspelt": ("cls-unknown", [("dgo", (5, 6, 15, 16))], "write dog"),
}


@pytest.mark.parametrize(("code", "objects", "told"), FAULTY.values(), ids=FAULTY)
def test_a_faulty_object_is_named_with_file_and_number(tmp_path, code, objects, told):
    write_voc(tmp_path, {"a": [DOG, *objects], "b": [DOG]})
    options = ReaderOptions(classes=("cat", "dog"))

    with pytest.raises(FaultsError) as caught:
        read(tmp_path, "all", options=options)

    assert "a.xml, object 2" in str(caught.value)
    assert told in str(caught.value)
    assert code in codes(tmp_path, options=options)


@pytest.mark.parametrize(("code", "objects", "told"), FAULTY.values(), ids=FAULTY)
def test_skip_broken_leaves_out_exactly_the_faulty_picture(tmp_path, code, objects, told):
    write_voc(tmp_path, {"a": objects, "b": [DOG]})
    options = ReaderOptions(classes=("cat", "dog"), skip_broken=True)

    dataset = read(tmp_path, "all", options=options)

    assert [sample.name for sample in dataset] == ["b.png"]
    assert len(dataset.skipped) == 1
    assert told in dataset.skipped[0]


HOSTILE = {
    "cut off": ("xml-broken", b"<annotation><object><name>dog"),
    "entity bomb": (
        "xml-bomb",
        b'<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;">]><annotation>&y;</annotation>',
    ),
    "another file's content": (
        "xml-bomb",
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><annotation>&x;</annotation>',
    ),
    "no box": ("box-corners", b"<annotation><object><name>dog</name></object></annotation>"),
    "no corners": (
        "box-corners",
        b"<annotation><object><name>dog</name><bndbox/></object></annotation>",
    ),
    "no name": ("cls-unknown", b"<annotation><object/></annotation>"),
    "empty": ("xml-broken", b""),
    "a web page": ("xml-broken", b"<html></html>"),
    "Shift-JIS": ("text-enc", "<annotation>\u72ac</annotation>".encode("cp932")),
    "an unknown encoding": ("text-enc", b'<?xml version="1.0" encoding="klingon"?><annotation/>'),
}


@pytest.mark.parametrize(("code", "content"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_label_file_is_named_and_explained(tmp_path, code, content):
    write_voc(tmp_path, {"0031": [], "0032": [DOG]})
    (tmp_path / "Annotations" / "0031.xml").write_bytes(content)

    with pytest.raises(DataError, match=r"0031\.xml"):
        read(tmp_path, "all")

    assert code in codes(tmp_path)


def test_broken_xml_is_told_with_its_line(tmp_path):
    (tmp_path / "a.xml").write_text("<annotation>\n<object>\n</objekt>")

    assert str(read_label(tmp_path / "a.xml").findings[0]).startswith(f"{tmp_path}/a.xml:3: ")


def test_a_label_of_many_megabytes_is_not_read(tmp_path):
    with (tmp_path / "a.xml").open("wb") as file:
        file.truncate(2**30)

    assert "1,073,741,824 bytes" in read_label(tmp_path / "a.xml").findings[0].what


@given(st.binary(max_size=200), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_no_damage_to_a_label_escapes_as_another_error(tmp_path_factory, damage, at):
    whole = xml([DOG, DOG]).encode()
    file = tmp_path_factory.mktemp("voc") / "a.xml"
    file.write_bytes(whole[:at] + damage + whole[at + len(damage) :])

    label = read_label(file)

    assert all("a.xml" in finding.where for finding in label.findings)


def test_a_picture_without_label_is_background_and_a_warning(tmp_path):
    write_voc(tmp_path, {"a": [DOG]})
    write_image(tmp_path / "JPEGImages" / "b.png", noise(seed=7))

    assert len(read(tmp_path, "all")[1].boxes) == 0
    assert [(f.code, f.level) for f in examine(tmp_path)] == [("pair-missing", "W")]


def test_a_label_without_picture_is_an_error_that_names_the_likely_file(tmp_path):
    write_voc(tmp_path, {"a": [DOG], "b": [DOG]})
    (tmp_path / "JPEGImages" / "b.png").rename(tmp_path / "JPEGImages" / "B.png")

    (finding,) = (f for f in examine(tmp_path) if f.level == "E")

    assert finding.code == "pair-missing"
    assert "did you mean B.png" in finding.do


def test_lists_that_name_nothing_or_share_a_picture_are_errors(tmp_path):
    write_voc(tmp_path, {"a": [DOG], "b": [DOG]})
    write_lists(tmp_path, train="a b ghost", val="b")

    assert {"split-name", "split-overlap"} <= codes(tmp_path)


def test_a_stated_size_that_lies_is_a_warning_while_the_boxes_fit(tmp_path):
    write_voc(tmp_path, {"a": xml([DOG], size_wh=(300, 200)), "b": xml([DOG], size_wh=(0, 0))})

    assert [(f.code, f.level) for f in examine(tmp_path)] == [("size-lie", "W")]


def test_boxes_drawn_before_the_exif_rotation_are_refused(tmp_path):
    write_voc(tmp_path, {"a": [DOG]})
    image = Image.fromarray(noise())
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "JPEGImages" / "a.png", exif=exif)
    levels = {finding.code: finding.level for finding in examine(tmp_path)}

    assert levels == {"size-lie": "E", "img-exif": "W"}


def test_corners_that_are_shares_of_the_side_are_told_once(tmp_path):
    box = ("dog", (0.1, 0.1, 0.5, 0.5))
    write_voc(tmp_path, {"a": [box], "b": [box]})

    assert [f.code for f in examine(tmp_path)].count("box-unit") == 1


def test_an_unknown_split_is_refused_with_those_that_there_are(tmp_path):
    write_voc(tmp_path, {"a": [DOG]})
    write_lists(tmp_path, train="a", val="a")

    with pytest.raises(DataError, match="no split 'vall' but train, val; write val"):
        read(tmp_path, "vall")


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "pictures", "objects"),
    [("bccd", (205, 87), 3941), ("people/uav", (67, 19), 238), ("coco256", (128, 77), 1520)],
)
def test_real_sets_have_their_known_numbers(shared_data, name, pictures, objects):
    """BCCD has 3943 objects, two of which have no area."""
    train, val = (read(shared_data / name, split) for split in ("train", "val"))

    assert (len(train), len(val)) == pictures
    assert sum(len(e.boxes) for part in (train, val) for e in part.entries) == objects


@pytest.mark.shared
def test_the_first_blood_cell_lies_where_its_label_says(shared_data):
    sample = read(shared_data / "bccd", "val")[0]

    assert sample.name == "BloodImage_00000.jpg"
    np.testing.assert_array_equal(sample.boxes[0], [259, 176, 491, 376])
