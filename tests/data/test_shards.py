"""What goes into shards comes out of them, and nothing half-written stays."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import webdataset
from PIL import Image
from webdataset.tariterators import group_by_keys, tar_file_iterator

from akitsu.data.formats import registry
from akitsu.data.sample import Sample
from akitsu.data.shards import write_shards, write_splits
from akitsu.errors import DataError, OutputError
from tests.data.formats.files import noise, write_image
from tests.data.formats.shard_files import KINDS, Listed, labelled, written


def assert_same(sample, other):
    assert sample.name == other.name
    assert sample.label == other.label
    for name in ("image", "boxes", "labels", "difficult", "mask"):
        one, two = getattr(sample, name), getattr(other, name)
        assert (one is None) == (two is None), name
        if one is not None:
            assert one.dtype == two.dtype, name
            np.testing.assert_array_equal(one, two, err_msg=name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_comes_out_as_it_went_in(tmp_path, kind):
    dataset = KINDS[kind](9)

    shards = registry.read(written(tmp_path / "set", dataset), "train")

    assert shards.classes == dataset.classes
    assert len(shards) == 9
    for number in (8, 0, 3, 4, 5, 6, 7, 1, 2, -1):
        assert_same(shards[number], dataset[number])
    with pytest.raises(IndexError):
        shards[9]


def test_grey_pictures_stay_grey(tmp_path):
    dataset = labelled(2, channels=1)

    shards = registry.read(written(tmp_path / "set", dataset), "train")

    assert_same(shards[1], dataset[1])


def test_pictures_in_files_keep_their_bytes(tmp_path):
    """JPEG is not coded anew, and a camera's EXIF turn stays with its picture."""
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("cat/a.JPG", "dog/b.jpg"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        Image.fromarray(noise()).save(tmp_path / "in" / name, format="JPEG", exif=exif)
    source = registry.read(tmp_path / "in", "all")

    shards = registry.read(written(tmp_path / "set", source), "train")
    again = registry.read(written(tmp_path / "anew", shards), "train")

    for copy in (shards, again):
        assert copy.encoded(0) == ("jpg", (tmp_path / "in/cat/a.JPG").read_bytes())
        assert_same(copy[0], source[0])
    assert shards[0].image.shape == (30, 20, 3)


def test_a_shard_is_closed_when_it_is_full_and_all_pictures_are_in_one(tmp_path):
    """Each picture has 590 KB or so: two fill a megabyte."""
    dataset = labelled(5, size_hw=(400, 500))

    description = write_shards(dataset, tmp_path / "set" / "train", shard_mb=1)

    assert [shard.pictures for shard in description.shards] == [2, 2, 1]
    shards = registry.read(tmp_path / "set", "train")
    assert shards.block == 2
    assert [shards[number].name for number in range(5)] == [f"{n}.png" for n in range(5)]


def test_the_same_set_is_written_to_the_same_bytes(tmp_path):
    contents = [
        [file.read_bytes() for file in sorted(written(tmp_path / name, labelled(3)).rglob("*.*"))]
        for name in ("one", "two")
    ]

    assert len(contents[0]) == 3
    assert contents[0] == contents[1]


def test_webdataset_itself_reads_the_shards(tmp_path):
    """An independent reader of the layout, which knows nothing of our index."""
    dataset = labelled(4)
    root = written(tmp_path / "set", dataset)

    with (root / "train/000000.tar").open("rb") as stream:
        files = ({"__url__": "", **file} for file in tar_file_iterator(stream))
        records = list(group_by_keys(files))

    assert [record["__key__"] for record in records] == [f"{n:09d}" for n in range(4)]
    assert [int(record["cls"]) for record in records] == [0, 1, 2, 0]
    for record, sample in zip(records, dataset.samples, strict=True):
        assert (np.array(Image.open(BytesIO(record["png"]))) == sample.image).all()


def test_difficult_boxes_do_not_count_among_those_to_train_on(tmp_path):
    description = write_shards(KINDS["boxes"](8), tmp_path / "set")

    assert description.most_boxes == 2


class Failing(Listed):
    def __getitem__(self, index):
        if index == 7:
            raise DataError("a broken picture", where="7.png", do="copy it again")
        return super().__getitem__(index)


@pytest.mark.parametrize("write", [write_shards, write_splits])
def test_a_broken_picture_leaves_nothing_behind(tmp_path, write):
    dataset = Failing(labelled(9).samples)

    with pytest.raises(DataError, match=r"7\.png: a broken picture"):
        write({"train": labelled(2), "val": dataset} if write is write_splits else dataset,
              tmp_path / "set")  # fmt: skip

    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_replaced_only_when_asked(tmp_path):
    write_shards(labelled(3), tmp_path / "set")

    with pytest.raises(OutputError, match="exists already and is not empty; add --force"):
        write_shards(labelled(2), tmp_path / "set")
    write_shards(labelled(2), tmp_path / "set", force=True)

    with tarfile.open(tmp_path / "set/000000.tar") as tar:
        assert len(tar.getnames()) == 6


def test_a_percent_sign_in_the_path_is_a_percent_sign(tmp_path):
    root = written(tmp_path / "100%d", labelled(1))

    assert registry.read(root, "train")[0].label == 0


def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch):
    def full(self, obj):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(webdataset.ShardWriter, "write", full)

    with pytest.raises(OutputError, match="no space left on device; make room or choose"):
        write_shards(labelled(1), tmp_path / "set")


def test_pictures_are_mixed_by_the_seed_with_all_that_is_theirs(tmp_path):
    for number in range(12):
        write_image(tmp_path / "in" / "ab"[number // 6] / f"{number:02d}.png", noise(seed=number))
    source = registry.read(tmp_path / "in", "all")
    names = {}
    for name, seed in (("kept", None), ("one", 1), ("again", 1), ("two", 2)):
        write_splits({"train": source}, tmp_path / name, seed=seed)
        shards = registry.read(tmp_path / name, "train")
        names[name] = [shards[number].name for number in range(12)]

    original = {sample.name: sample for sample in (source[number] for number in range(12))}
    for number in range(12):
        assert_same(shards[number], original[shards[number].name])
        path = tmp_path / "in" / shards[number].name
        assert shards.encoded(number) == ("png", path.read_bytes())
    assert names["kept"] == sorted(names["one"]) == sorted(names["two"])
    assert names["one"] == names["again"] != names["two"]
    assert names["one"] != names["kept"]


def test_nothing_to_write_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="no pictures; choose another split"):
        write_shards(Listed([]), tmp_path / "set")
    with pytest.raises(OutputError, match="shards of 0 MB; name 1 or more"):
        write_shards(labelled(1), tmp_path / "set", shard_mb=0)


def test_pictures_without_labels_are_a_sentence(tmp_path):
    """As those of a competition's test set; what could be learned from them?"""
    dataset = Listed([*labelled(2).samples, Sample(noise(), "test.csv:3")])

    with pytest.raises(DataError, match=r"test\.csv:3: a picture without a label; name the parts"):
        write_shards(dataset, tmp_path / "set")

    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_picture_by_picture(tmp_path):
    told = []

    write_shards(labelled(3), tmp_path / "set", progress=lambda n: (told.append(i) or i for i in n))

    assert told == [0, 1, 2]


def test_names_with_dots_and_folders_do_not_part_a_record(tmp_path):
    """In the layout everything after the first dot is an extension."""
    sample = Sample(noise(), "a.b/../c d.é.png", label=1)
    other = replace(sample, name="a.b/../c d.é.jpg")

    shards = registry.read(written(tmp_path / "set", Listed([sample, other])), "train")

    assert [shards[0].name, shards[1].name] == [sample.name, other.name]


def test_a_file_that_lies_about_its_kind_is_kept_with_its_suffix(tmp_path):
    for name in ("cat", "dog"):
        path = write_image(tmp_path / "in" / name / "a.png", noise())
        path.rename(path.with_suffix(".jpg"))
    source = registry.read(tmp_path / "in", "all")

    shards = registry.read(written(tmp_path / "set", source), "train")

    assert shards.encoded(0)[0] == "jpg"
    assert_same(shards[0], source[0])


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "split"), [("bccd", "val"), ("camvid", "val"), ("people/uav", "val")]
)
def test_real_sets_come_out_as_they_went_in(tmp_path, shared_data: Path, name, split):
    source = registry.read(shared_data / name, split)

    shards = registry.read(written(tmp_path / "set", source, split=split), split)

    assert len(shards) == len(source)
    for number in range(0, len(source), 7):
        assert_same(shards[number], source[number])
