"""Shards that copying tore, that a disk flipped, or that a stranger made."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.data.doctor import count_pictures, examine
from akitsu.data.formats.registry import ReaderOptions, find_reader, read
from akitsu.data.formats.shard_index import RECORD, open_index
from akitsu.data.formats.shard_records import parts_of, sample_of
from akitsu.data.shards import write_shards
from akitsu.errors import DataError, FaultsError
from tests.data.formats.files import noise
from tests.data.formats.shard_files import KINDS, labelled, masked, record, shard_of, written


def png(image=None):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(noise() if image is None else image).save(buffer, format="PNG")
    return buffer.getvalue()


def tear(root, *, number=1, leave=700_000):
    """Cut a shard as a copy that broke off does."""
    shard = root / "train" / f"{number:06d}.tar"
    shard.write_bytes(shard.read_bytes()[:leave])
    return shard


def flip(root, *, shard, at):
    path = root / "train" / f"{shard:06d}.tar"
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    return path


@pytest.fixture
def three_shards(tmp_path):
    """Six pictures, two a shard."""
    return written(tmp_path / "set", labelled(6, size_hw=(400, 500)))


@pytest.mark.parametrize(
    ("kind", "task"),
    [("labels", "classification"), ("boxes", "detection"), ("masks", "segmentation")],
)
def test_the_format_is_found_by_looking(tmp_path, kind, task):
    root = written(tmp_path / "set", KINDS[kind](2), split="val")

    reader = find_reader(root)

    assert (reader.name, reader.task, reader.splits(root)) == (f"shards-{kind}", task, ["val"])
    assert examine(root) == []
    assert count_pictures(root) == 2


def test_a_torn_shard_is_named_with_the_record(three_shards):
    dataset = read(three_shards, "train")
    shard = tear(three_shards)

    assert dataset[2].label == 2
    with pytest.raises(DataError) as caught:
        dataset[3]

    assert str(caught.value).startswith(f"{shard}, record 1: the shard ends at byte 700,000, and")
    assert str(caught.value).endswith("leave such pictures out with --skip-broken.")


def test_a_torn_shard_stops_reading_at_once(three_shards):
    shard = tear(three_shards)

    with pytest.raises(FaultsError) as caught:
        read(three_shards, "train")

    assert caught.value.faults[0].startswith(f"{shard}: 700,000 bytes where 1,2")


def test_one_flipped_bit_is_named(three_shards):
    """Wherever it is: a JPEG or PNG would often decode, to another picture."""
    shard = flip(three_shards, shard=2, at=90_000)

    for index in (4, -2):
        with pytest.raises(DataError, match="its bytes are not those that were") as caught:
            read(three_shards, "train")[index]

        assert caught.value.where == f"{shard}, record 0"


def test_the_doctor_lists_every_broken_shard_and_record(three_shards):
    """No fault hides another: the first record of the torn shard is flipped as well."""
    (three_shards / "train/000000.tar").unlink()
    flip(three_shards, shard=1, at=90_000)
    tear(three_shards)
    flip(three_shards, shard=2, at=90_000)

    found = [
        (finding.code, finding.level, finding.where.rpartition("train/")[2])
        for finding in examine(three_shards)
    ]

    assert found == [
        ("shard-missing", "E", "000000.tar"),
        ("shard-torn", "E", "000001.tar"),
        ("shard-record", "E", "000001.tar, record 0"),
        ("shard-record", "E", "000001.tar, record 1"),
        ("shard-record", "E", "000002.tar, record 0"),
    ]


def test_broken_records_are_left_out_on_demand(three_shards):
    (three_shards / "train/000000.tar").unlink()
    tear(three_shards)

    dataset = read(three_shards, "train", options=ReaderOptions(skip_broken=True))

    assert [dataset[number].name for number in range(len(dataset))] == ["2.png", "4.png", "5.png"]
    assert [line.partition(": ")[0].rpartition("/")[2] for line in dataset.skipped] == [
        "000000.tar, record 0", "000000.tar, record 1", "000001.tar, record 1"
    ]  # fmt: skip


def test_shards_of_which_nothing_is_left_are_a_sentence(tmp_path):
    root = written(tmp_path / "set", labelled(1))
    tear(root, number=0, leave=10)

    with pytest.raises(DataError, match=r"no picture to read for 'train'; see \"akitsu doctor\""):
        read(root, "train", options=ReaderOptions(skip_broken=True))


def test_classes_may_stand_in_another_order(tmp_path):
    """As when a model that was trained on the folder is scored on the shards."""
    options = ReaderOptions(classes=("owl", "cat", "emu", "dog"))
    new = np.array([1, 3, 0])
    labels = read(written(tmp_path / "l", labelled(3)), "train", options=options)
    boxes = read(written(tmp_path / "b", KINDS["boxes"](4)), "train", options=options)
    masks = read(written(tmp_path / "m", masked(1)), "train", options=options)

    assert labels.classes == list(options.classes)
    assert [labels[i].label for i in range(3)] == new.tolist()
    assert boxes[3].labels.tolist() == new.tolist()
    before = masked(1)[0].mask
    expected = np.where(before == 255, 255, new[np.minimum(before, 2)])
    assert (masks[0].mask == expected).all()


def test_a_class_that_is_not_asked_for_is_a_sentence(tmp_path):
    root = written(tmp_path / "set", labelled(3))

    with pytest.raises(DataError, match="class 'owl' is none of those asked for; write owls"):
        read(root, "train", options=ReaderOptions(classes=("cat", "dog", "owls")))


def test_one_more_value_may_be_ignored(tmp_path):
    root = written(tmp_path / "set", masked(1))

    mask = read(root, "train", options=ReaderOptions(ignore=1))[0].mask

    assert (mask == np.where(masked(1)[0].mask == 1, 255, masked(1)[0].mask)).all()


def test_a_pickle_holds_no_picture_and_no_index(tmp_path):
    """What goes to a worker process does not grow with the set."""
    sizes = []
    for count in (2, 60):
        dataset = read(written(tmp_path / str(count), labelled(count)), "train")
        before = dataset[1].image
        sizes.append(len(pickle.dumps(dataset)))

        again = pickle.loads(pickle.dumps(dataset))

        assert (again[1].image == before).all()
    assert abs(sizes[1] - sizes[0]) < 20


def test_shards_of_another_task_are_a_sentence(tmp_path):
    root = written(tmp_path / "set", labelled(1))

    with pytest.raises(DataError, match="shards for classification, read as shards-boxes"):
        read(root, "train", format="shards-boxes")


HOSTILE_DESCRIPTIONS = {
    "cut off": '{"task": "classi',
    "a list": "[]",
    "a stranger's task": '{"task": "poetry"}',
    "not UTF-8": b"\xff\xfe{",
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("content", HOSTILE_DESCRIPTIONS.values(), ids=HOSTILE_DESCRIPTIONS)
def test_a_hostile_description_is_named_and_explained(tmp_path, content):
    root = written(tmp_path / "set", labelled(1))
    file = root / "train/shards.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(DataError) as caught:
        read(root, "train")

    assert caught.value.where == str(file)
    assert "write it anew with akitsu convert" in caught.value.do


LIES = {
    "../000000.tar": {"shards": [{"file": "../000000.tar", "bytes": 9, "pictures": 1}]},
    "/etc/passwd": {"shards": [{"file": "/etc/passwd", "bytes": 9, "pictures": 1}]},
    "its shards have 1 pictures": {"pictures": 2},
    "a shard has no pictures": {"shards": [{"file": "0.tar", "bytes": 9, "pictures": -1}]},
    "named twice": {"shards": [{"file": "0.tar", "bytes": 9, "pictures": 1}] * 2, "pictures": 2},
    "1000000000 boxes": {"most_boxes": 10**9},
    "there are no classes": {"classes": []},
    "version 2 of the layout": {"version": 2},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_description_that_lies_is_found_out(tmp_path, lie):
    root = shard_of(tmp_path / "set", record(cls=b"0"), task="classification", **LIES[lie])

    with pytest.raises(DataError) as caught:
        read(root, "train", format="shards-labels")

    assert lie in caught.value.what


def broken_index(kind, sound):
    if kind == "no NumPy file":
        return b"PK\x03\x04 something else"
    if kind == "a pickle":
        return b"\x93NUMPY\x01\x00\x46\x00" + (
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(69) + b"\n"
        ) + pickle.dumps([print])  # fmt: skip
    return {"empty": b"", "cut off": sound[:-3], "no header": sound[:20]}[kind]


@pytest.mark.parametrize("kind", ["no NumPy file", "a pickle", "empty", "cut off", "no header"])
def test_a_hostile_index_is_named_and_explained(tmp_path, kind):
    root = written(tmp_path / "set", labelled(2))
    file = root / "train/index.npy"
    file.write_bytes(broken_index(kind, file.read_bytes()))

    with pytest.raises(DataError) as caught:
        read(root, "train")[0]

    assert caught.value.where == str(file)
    assert [finding.code for finding in examine(root)] == ["shard-index"]


def test_an_index_of_other_shards_is_refused(tmp_path):
    np.save(tmp_path / "index.npy", np.zeros(3, RECORD))

    with pytest.raises(DataError, match=r"\(3,\) of .* where \(2,\) of .* belong"):
        open_index(tmp_path, pictures=2)


def test_an_index_that_points_beyond_the_shard_costs_no_memory(tmp_path):
    root = shard_of(tmp_path / "set", record(cls=b"0"), task="classification")
    np.save(root / "train/index.npy", np.array([(0, 2**62, 0)], RECORD))

    with pytest.raises(DataError, match="the shard ends at byte"):
        read(root, "train")[0]


META = b'{"name": "a", "boxes": [[0, 0, 9, 9]], "labels": [1]}'


def boxes(text):
    return record(png=png(), json=b'{"name": "a", ' + text + b"}")


HOSTILE_RECORDS = {
    "no tar at all": (b"\0\1\2" * 700, "detection", "no part of a tar file"),
    "an empty one": (b"\0" * 1024, "detection", "there is no .json in it"),
    "no picture": (record(json=META), "detection", "json where a picture belongs"),
    "no meta": (record(png=png()), "detection", "there is no .json in it"),
    "meta is no JSON": (record(png=png(), json=b"{"), "detection", "its .json cannot be read"),
    "meta is a list": (record(png=png(), json=b"[]"), "detection", "its .json cannot be read"),
    "a broken picture": (record(png=png()[:-30], json=META), "detection", "a broken picture"),
    "no label": (record(png=png(), json=META), "classification", "there is no .cls in it"),
    "a word for a label": (
        record(png=png(), json=META, cls=b"cat"), "classification", "the label is b'cat'"),
    "a label too large": (
        record(png=png(), json=META, cls=b"3"), "classification", "class 3 of 3"),
    "a negative label": (
        record(png=png(), json=META, cls=b"-1"), "classification", "class -1 of 3"),
    "a giant label": (
        record(png=png(), json=META, cls=b"9" * 5000), "classification", "the label is b'999"),
    "no mask": (record(png=png(), json=META), "segmentation", "there is no .mask.png in it"),
    "a mask of another size": (
        record(png=png(), json=META, mask_png=png(np.zeros((4, 5), np.uint8))),
        "segmentation", "a mask of (4, 5) rows and columns"),
    "a mask value too large": (
        record(png=png(), json=META, mask_png=png(np.full((20, 30), 3, np.uint8))),
        "segmentation", "class 3 of a set with 3 classes"),
    "a colour mask": (
        record(png=png(), json=META, mask_png=png()), "segmentation", "a colour picture"),
    "a box outside": (boxes(b'"boxes": [[0,0,31,9]], "labels": [0]'), "detection", "31.0, 9.0]"),
    "a box of NaN": (boxes(b'"boxes": [[0,0,NaN,9]], "labels": [0]'), "detection", "nan, 9.0]"),
    "a swapped box": (boxes(b'"boxes": [[9,0,3,9]], "labels": [0]'), "detection", "box [9.0"),
    "a label too few": (boxes(b'"boxes": [[0,0,3,9]]'), "detection", "0 labels for 1 boxes"),
    "difficult too many": (
        boxes(b'"boxes": [[0,0,3,9]], "labels": [0], "difficult": [true, false]'),
        "detection", "1 labels for 1 boxes"),
    "a class too large": (
        boxes(b'"boxes": [[0,0,3,9]], "labels": [5]'), "detection", "class 5 of 3"),
    "a giant class": (
        boxes(b'"boxes": [[0,0,3,9]], "labels": [99999999999999999999]'),
        "detection", "a class index of more than 64 bits"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE_RECORDS)
def test_a_hostile_record_is_named_and_explained(tmp_path, kind):
    content, task, what = HOSTILE_RECORDS[kind]
    root = shard_of(tmp_path / "set", content, task=task)

    with pytest.raises(DataError) as caught:
        read(root, "train")[0]

    assert what in caught.value.what
    assert "000000.tar, record 0" in caught.value.where


SOUND = record(png=png(), json=META, cls=b"1")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=8))
def test_whatever_a_record_holds_it_is_read_or_refused(changes):
    """A checksum tells what has changed, and not what a stranger wrote to begin with."""
    content = bytearray(SOUND)
    for at, value in changes:
        content[at] = value

    try:
        sample = sample_of(parts_of(bytes(content), where="a"), task="detection", where="a")
    except DataError:
        return

    assert sample.image.ndim == 3


def test_a_split_that_is_not_there_is_a_sentence(tmp_path):
    write_shards(labelled(1), tmp_path / "set" / "train")

    with pytest.raises(DataError, match="no split 'tran' but train; write train"):
        read(tmp_path / "set", "tran")
