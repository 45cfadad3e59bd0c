"""Write a data set as shards: few large tar files instead of many small ones.

The tar files are WebDataset's, written by its own library, and any reader of that layout takes
them; index.npy and shards.json beside them are what akitsu reads a picture out of the middle by.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from akitsu.data.formats.picture_set import PictureSet
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import Task
from akitsu.data.formats.shard_index import DESCRIPTION, INDEX, RECORD, Description, Shard
from akitsu.data.formats.shard_records import LABEL, MASK, META
from akitsu.data.formats.shard_set import ShardSet
from akitsu.data.sample import Dataset, Sample
from akitsu.errors import DataError, OutputError, require
from akitsu.files import whole_folder, write_json
from akitsu.runtime.pictures import PICTURE_SUFFIXES

Progress = Callable[[Iterable[int]], Iterable[int]]

# Large enough that a disk reads it in one go, small enough to copy anew when it is torn.
SHARD_MB = 64


def write_shards(
    dataset: Dataset,
    folder: Path,
    *,
    shard_mb: int = SHARD_MB,
    seed: int | None = None,
    force: bool = False,
    progress: Progress = iter,
) -> Description:
    """Write one split, whole or not at all.

    Pictures that lie in files keep their bytes; others, and all masks, become PNG. Each is decoded
    once on the way, so that no broken one gets in.

    Args:
        dataset: Any data set; it is read by several threads, a few pictures at a time.
        folder: The folder of the split, as in `people/train`.
        shard_mb: Megabytes (2**20) after which the next shard is begun.
        seed: Of an order in which the pictures are mixed: an epoch mixes only few shards with one
            another, and a set sorted by class would come in batches of one class. None keeps the
            order.
        force: Replace what is in the folder.
        progress: Wraps the indices, to show how far it is.

    Returns:
        What was written.

    Raises:
        DataError: If the set is empty, or one of its pictures is broken or has no label.
        OutputError: If the folder is not empty and `force` is False, or cannot be written.
        MissingExtraError: If the extra `shards` is not installed.
    """
    require("webdataset", extra="shards", purpose="writing shards")
    if len(dataset) == 0:
        raise DataError("this set has no pictures", do="choose another split or folder")
    if shard_mb < 1:
        raise OutputError(f"shards of {shard_mb} MB", where="--shard-mb", do="name 1 or more")
    with whole_folder(folder, force=force) as temporary:
        try:
            order = _order(len(dataset), seed)
            shard_bytes = shard_mb * 2**20
            return _write(dataset, temporary, order, shard_bytes=shard_bytes, progress=progress)
        except OutputError:
            raise
        except OSError as error:
            what = (error.strerror or "cannot be written").lower()
            raise OutputError(what, where=folder, do="make room or choose another place") from error


def write_splits(
    splits: Mapping[str, Dataset],
    folder: Path,
    *,
    shard_mb: int = SHARD_MB,
    seed: int | None = None,
    force: bool = False,
    progress: Progress = iter,
) -> dict[str, Description]:
    """Write a whole data set, one folder of shards per split; all of it or nothing.

    Raises:
        DataError, OutputError, MissingExtraError: As `write_shards`.
    """
    with whole_folder(folder, force=force) as temporary:
        return {
            name: write_shards(
                dataset, temporary / name, shard_mb=shard_mb, seed=seed, progress=progress
            )
            for name, dataset in splits.items()
        }


class _Shards:
    """The shards written so far, and the index of their pictures."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[Shard] = []
        self.index: list[NDArray[np.void]] = []
        self._file: BinaryIO | None = None

    def open(self, name: str) -> BinaryIO:
        """Begin a shard; the library itself would take a % in the path for its own."""
        self._file = (self.folder / name).open("wb")
        return self._file

    def close(self, name: str) -> None:
        """Index a shard from what really stands on disk."""
        assert self._file is not None
        self._file.close()
        records = index_of((self.folder / name).read_bytes())
        if len(records):
            size = (self.folder / name).stat().st_size
            self.shards.append(Shard(name, size, len(records)))
            self.index.append(records)


def _write(
    dataset: Dataset,
    folder: Path,
    order: NDArray[np.int64],
    *,
    shard_bytes: int,
    progress: Progress,
) -> Description:
    from webdataset import ShardWriter

    done, most_boxes = _Shards(folder), 0
    tasks: set[Task] = set()
    with ShardWriter(
        "%06d.tar", maxcount=len(dataset), maxsize=shard_bytes, opener=done.open, post=done.close,
        verbose=0, encoder=False, mtime=0, user="", group="",
    ) as writer:  # fmt: skip
        samples = in_threads(
            lambda number: dataset[int(order[number])], progress(range(len(order)))
        )
        for number, sample in enumerate(samples):
            tasks.add(_task(sample))
            parts = _parts(sample, *_encoded(dataset, int(order[number]), sample))
            writer.write({"__key__": f"{number:09d}", **parts})
            most_boxes = max(most_boxes, _boxes_to_train_on(sample))
    (task,) = tasks
    classes, pictures = list(dataset.classes), len(dataset)
    description = Description(task, classes, pictures, most_boxes, done.shards)
    np.save(folder / INDEX, np.concatenate(done.index))
    write_json(folder / DESCRIPTION, asdict(description))
    return description


def _order(n: int, seed: int | None) -> NDArray[np.int64]:
    return np.arange(n) if seed is None else np.random.default_rng(seed).permutation(n)


def index_of(tar: bytes) -> NDArray[np.void]:
    """Where each record of a shard lies: (N,) of `RECORD`.

    Args:
        tar: A shard; the files of one picture share their stem and stand side by side.
    """
    begins: dict[str, int] = {}
    end = 0
    with tarfile.open(fileobj=BytesIO(tar), mode="r:") as file:
        for member in file:
            begins.setdefault(member.name.partition(".")[0], member.offset)
            end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    starts = [*begins.values(), end]
    records = [(a, b - a, crc32(tar[a:b])) for a, b in pairwise(starts)]
    return np.array(records, RECORD)


def _parts(sample: Sample, extension: str, picture: bytes) -> dict[str, bytes]:
    """The files of one record by extension."""
    meta: dict[str, object] = {"name": sample.name}
    if sample.image.shape[2] == 1:
        meta["grey"] = True
    if sample.boxes is not None and sample.labels is not None:
        meta |= {"boxes": sample.boxes.tolist(), "labels": sample.labels.tolist()}
    if sample.difficult is not None:
        meta["difficult"] = sample.difficult.tolist()
    parts = {extension: picture, META: json.dumps(meta).encode()}
    if sample.label is not None:
        parts[LABEL] = str(sample.label).encode()
    if sample.mask is not None:
        parts[MASK] = _png(sample.mask)
    return parts


def _encoded(dataset: Dataset, index: int, sample: Sample) -> tuple[str, bytes]:
    """The picture's own bytes where there is a file of them, else a PNG."""
    if isinstance(dataset, ShardSet):
        return dataset.encoded(index)
    if isinstance(dataset, PictureSet):
        path = dataset.entries[index].picture
        if path.suffix.lower() in PICTURE_SUFFIXES:
            return path.suffix.lower()[1:], path.read_bytes()
    return "png", _png(sample.image)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(flat)).save(buffer, format="PNG")
    return buffer.getvalue()


def _boxes_to_train_on(sample: Sample) -> int:
    if sample.boxes is None:
        return 0
    return len(sample.boxes) - (0 if sample.difficult is None else int(sample.difficult.sum()))


def _task(sample: Sample) -> Task:
    if sample.mask is not None:
        return "segmentation"
    if sample.boxes is not None:
        return "detection"
    if sample.label is not None:
        return "classification"
    advice = "name the parts that have labels, as in --split train --split val"
    raise DataError("a picture without a label", where=sample.name, do=advice)
