"""Streamed pictures are the same pictures, in memory that does not grow with the set."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest
import torch
from torch.utils.data import DataLoader

from akitsu.data import memory
from akitsu.data.formats.registry import read
from akitsu.data.streamed import StreamedPictures
from akitsu.errors import DataError
from akitsu.tasks.segmentation import Segmentation
from tests.data.formats.shard_files import KINDS, Listed, boxed, labelled, masked, written

FIT = {"size_hw": (24, 32), "channels": 3, "pad_value": 114}


def assert_equal(batch, other):
    for name in ("images", "labels", "boxes", "masks"):
        one, two = getattr(batch, name), getattr(other, name)
        assert (one is None) == (two is None), name
        if one is not None:
            assert one.dtype == two.dtype, name
            assert one.stride() == two.stride(), name
            assert torch.equal(one, two), name


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_from_shards_is_that_from_memory_bit_by_bit(tmp_path, kind, channels):
    """Also in the places for boxes: the shards know how many the fullest picture of all needs."""
    source = KINDS[kind](10)
    shards = read(written(tmp_path / "set", source), "train")
    fit = {**FIT, "channels": channels}
    held = memory.load(source, **fit)

    streamed = StreamedPictures(shards, **fit)

    assert streamed.classes == held.classes
    assert (len(streamed), streamed.size_hw) == (len(held), held.size_hw)
    for indices in ([0], [9, 1, 4], [3, 3], list(range(10))):
        assert_equal(streamed.batch(torch.tensor(indices)), held.batch(torch.tensor(indices)))


def test_any_other_set_leaves_out_places_that_no_picture_of_the_batch_fills():
    source = boxed(8)
    held = memory.load(source, **FIT)

    batch = StreamedPictures(source, **FIT).batch(torch.tensor([1, 5]))

    assert batch.boxes.shape == (2, 1, 4)
    assert torch.equal(batch.images, held.images[[1, 5]])
    assert torch.equal(batch.boxes, held.boxes[[1, 5], :1])
    assert torch.equal(batch.labels, held.labels[[1, 5], :1])
    assert (held.labels[[1, 5], 1:] == -1).all()


@pytest.mark.parametrize("count", [1, 12, 1003])
def test_the_statistics_are_those_of_memory(count):
    """1003 are read by every second; both take the same ones."""
    source = labelled(count, size_hw=(4, 6))
    fit = {**FIT, "size_hw": (4, 6)}

    statistics = StreamedPictures(source, **fit).channel_statistics()

    assert statistics == memory.load(source, **fit).channel_statistics()


def test_a_few_pictures_are_read_for_the_statistics():
    read_so_far = []

    class Counted(Listed):
        def __getitem__(self, index):
            read_so_far.append(index)
            return self.samples[index % 3]

        def __len__(self):
            return 5000

    StreamedPictures(Counted(labelled(3).samples), **FIT).channel_statistics()

    assert read_so_far == list(range(0, 5000, 10))


def test_class_weights_are_those_of_memory():
    source = masked(5)
    tasks = Segmentation(), Segmentation()

    tasks[0].prepare(memory.load(source, **FIT))
    tasks[1].prepare(StreamedPictures(source, **FIT))

    assert tasks[0].weights is not None
    assert torch.equal(tasks[0].weights, tasks[1].weights)


class Indices(torch.utils.data.Dataset):
    """What a worker process is given."""

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return 3

    def __getitem__(self, number):
        return self.pictures.batch(torch.arange(number, number + 3))


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_worker_processes_make_the_same_batches(tmp_path, start):
    shards = read(written(tmp_path / "set", boxed(6)), "train")
    pictures = StreamedPictures(shards, **FIT)
    before = [pictures.batch(torch.arange(n, n + 3)) for n in range(3)]

    loader = DataLoader(
        Indices(pictures), batch_size=None, num_workers=2, multiprocessing_context=start,
        collate_fn=vars,
    )  # fmt: skip
    batches = [memory.Batch(**fields) for fields in loader]

    assert len(batches) == 3
    for one, other in zip(batches, before, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.boxes, other.boxes)


def test_what_a_worker_is_sent_does_not_grow_with_the_set(tmp_path):
    sizes = []
    for count in (3, 90):
        pictures = StreamedPictures(read(written(tmp_path / str(count), masked(count)), "train"),
                                    **FIT)  # fmt: skip
        pictures.batch(torch.tensor([0]))
        sizes.append(len(pickle.dumps(pictures)))

    assert abs(sizes[1] - sizes[0]) < 20


def test_a_broken_picture_is_told_from_within_a_batch(tmp_path):
    root = written(tmp_path / "set", labelled(4))
    pictures = StreamedPictures(read(root, "train"), **FIT)
    shard = root / "train/000000.tar"
    shard.write_bytes(shard.read_bytes()[:9000])

    with pytest.raises(DataError, match=r"000000\.tar, record 3: the shard ends"):
        pictures.batch(torch.tensor([0, 3]))


def test_a_set_without_pictures_is_a_sentence():
    with pytest.raises(DataError, match="no pictures; choose another split"):
        StreamedPictures(Listed([]), **FIT)


def test_the_block_is_that_of_the_shards(tmp_path):
    shards = read(written(tmp_path / "set", labelled(4)), "train")

    assert StreamedPictures(shards, **FIT).block == 4
    assert StreamedPictures(labelled(4), **FIT).block is None


READ_ALL = """
import sys
from pathlib import Path
import torch
from akitsu.data.formats.registry import read
from akitsu.data.order import shuffled
from akitsu.data.streamed import StreamedPictures

def peak_kb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

for root in sys.argv[1:]:
    pictures = StreamedPictures(read(root, "train"), size_hw=(128, 256), channels=3, pad_value=0)
    for epoch in range(2):
        order = shuffled(len(pictures), seed=0, epoch=epoch, block=pictures.block)
        for indices in order.split(8):
            pictures.batch(indices)
    print(peak_kb())
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process its peak")
def test_memory_does_not_grow_with_the_set(tmp_path):
    """The same process reads 4 MB, and then twenty times as much; its peak may rise by 6 MB."""
    ten = labelled(10, size_hw=(256, 512))
    few = written(tmp_path / "few", ten)
    many = written(tmp_path / "many", Listed(ten.samples * 20))
    sizes = [sum(file.stat().st_size for file in root.rglob("*.tar")) for root in (few, many)]

    told = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(few), str(many)],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert sizes[0] > 3.9e6
    assert sizes[1] > 19 * sizes[0]
    few_kb, many_kb = map(int, told.split())
    assert many_kb - few_kb < 6 * 1024
