"""The doctor as a whole: all faults at once, duplicates, progress."""

from __future__ import annotations

import shutil

import pytest

from akitsu.data.doctor import Finding, count_pictures, examine, raise_if_broken
from akitsu.errors import DataError, FaultsError
from tests.data.formats.files import noise, write_image, write_lists, write_voc

DOG = ("dog", (5, 6, 15, 16))


def codes(path, **options):
    return sorted((f.code, f.level) for f in examine(path, **options))


def test_no_fault_hides_another(tmp_path):
    faulty = [("dog", (15, 6, 5, 16)), ("dog", (5, 6, 99, 16)), ("dog", (5, 6, 5, 6))]
    write_voc(tmp_path, {"a": faulty, "b": "<annotation>", "c": [DOG], "d": [DOG]})
    (tmp_path / "JPEGImages" / "c.png").write_bytes(b"")
    (tmp_path / "JPEGImages" / "d.png").unlink()
    write_lists(tmp_path, train="a b c d", val="c")

    assert codes(tmp_path) == [
        ("box-empty", "W"),
        ("box-outside", "E"),
        ("box-swapped", "E"),
        ("img-empty", "E"),
        ("pair-missing", "E"),
        ("split-overlap", "E"),
        ("xml-broken", "E"),
    ]


def test_equal_pictures_are_a_warning_and_across_splits_a_leak(tmp_path):
    for name in ("train/cat/1", "train/dog/1", "val/cat/1", "val/dog/1"):
        write_image(tmp_path / f"{name}.png", noise(seed=hash(name) % 1000))
    shutil.copy(tmp_path / "train/cat/1.png", tmp_path / "train/cat/2.png")
    shutil.copy(tmp_path / "train/dog/1.png", tmp_path / "val/dog/9.png")

    findings = examine(tmp_path)

    assert [(f.code, f.level) for f in findings] == [("dup-exact", "W"), ("leak", "W")]
    assert findings[1].what == "the same bytes as 1.png of train"


def test_a_set_without_fault_has_no_finding(tmp_path):
    write_voc(tmp_path, {"a": [DOG], "b": [DOG]})
    write_lists(tmp_path, train="a", val="b", trainval="a b")

    assert examine(tmp_path) == []
    assert count_pictures(tmp_path) == 2


def test_one_split_can_be_examined_alone(tmp_path):
    write_voc(tmp_path, {"a": [DOG], "b": "<annotation>"})
    write_lists(tmp_path, train="a", val="b")

    assert codes(tmp_path, split="train") == []
    assert ("xml-broken", "E") in codes(tmp_path, split="val")
    with pytest.raises(DataError, match="no split 'test' but train, val"):
        examine(tmp_path, split="test")


def test_progress_is_told_picture_by_picture(tmp_path):
    write_voc(tmp_path, {"a": [DOG], "b": [DOG], "c": [DOG]})
    told = []

    examine(tmp_path, progress=lambda done, total: told.append((done, total)))

    assert told == [(1, 3), (2, 3), (3, 3)]


def test_only_errors_stop_a_reader(tmp_path):
    warning = Finding("box-tiny", "W", "a.xml", "small", "look")
    error = Finding("box-swapped", "E", "b.xml, object 1", "xmax 1 lies before xmin 2", "swap")

    raise_if_broken([warning], tmp_path)
    with pytest.raises(FaultsError) as caught:
        raise_if_broken([warning, error, error], tmp_path)

    assert caught.value.faults == ["b.xml, object 1: xmax 1 lies before xmin 2; swap."] * 2


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "known"),
    [("bccd", {"box-empty": 2}), ("people/uav", {}), ("camvid", {}), ("digits", {}),
     ("coco256", {"box-tiny": 3, "cls-empty": 9})],
)  # fmt: skip
def test_the_real_sets_have_exactly_these_findings(shared_data, name, known):
    """Looked at by eye: the two boxes of BCCD are clicks beside a cell, COCO's are a far ball."""
    found = [finding.code for finding in examine(shared_data / name)]

    assert {code: found.count(code) for code in found} == known
