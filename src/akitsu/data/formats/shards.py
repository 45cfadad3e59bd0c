"""Shards: many pictures in few tar files, read by their index; a set may be larger than memory."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.class_names import class_names
from akitsu.data.formats.findings import Finding, raise_if_broken
from akitsu.data.formats.folders import subfolders
from akitsu.data.formats.mask_values import IGNORE, with_ignore, wrong_value
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.shard_index import DESCRIPTION, Description, open_index, read_description
from akitsu.data.formats.shard_records import ADVICE, parts_of, picture_of, read_record, sample_of
from akitsu.data.sample import Sample
from akitsu.errors import DataError, nearest


@dataclass(frozen=True)
class ShardSet:
    """A Dataset in shards. It holds no picture and no label, and is small when pickled.

    Attributes:
        classes: Class names by index.
        folder: The folder of one split.
        description: What its shards.json says.
        ignore: One more mask value that reads as 255.
        table: (K,) the index among `classes` of each class of the shards; None: the same.
        kept: Indices of the sound pictures, where broken ones are left out.
        skipped: A sentence for every fault that cost a picture its place.
    """

    classes: list[str]
    folder: Path
    description: Description
    ignore: int | None = None
    table: NDArray[np.int64] | None = None
    kept: NDArray[np.int64] | None = None
    skipped: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return self.description.pictures if self.kept is None else len(self.kept)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture with what is known of it.

        Raises:
            DataError: If its shard is torn or its record broken, naming both.
        """
        parts, where = self._parts(index)
        sample = sample_of(parts, task=self.description.task, where=where)
        return self._in_classes(sample, where=where)

    def encoded(self, index: int) -> tuple[str, bytes]:
        """The picture as it was in its own file, with its extension ("jpg").

        Raises:
            DataError: As indexing.
        """
        parts, where = self._parts(index)
        return picture_of(parts, where=where)

    @property
    def most_boxes(self) -> int | None:
        """The largest number of boxes to train on in one picture; None for other tasks."""
        return self.description.most_boxes if self.description.task == "detection" else None

    @property
    def block(self) -> int:
        """Pictures in a shard, on the average: `akitsu.data.order.shuffled` keeps them together."""
        return max(1, round(self.description.pictures / len(self.description.shards)))

    @cached_property
    def index(self) -> NDArray[np.void]:
        """Where each picture lies: (N,) of `shard_index.RECORD`, mapped from disk."""
        return open_index(self.folder, pictures=self.description.pictures)

    def __getstate__(self) -> dict[str, Any]:
        # A pickle of the mapped index would be a copy of it; the other process maps it anew.
        return {key: value for key, value in self.__dict__.items() if key != "index"}

    def examine(self, number: int) -> Finding | None:
        """What is wrong with the bytes of the picture `number`, counted without `kept`."""
        shard, where = self._place(number)
        try:
            read_record(shard, self.index[number], where=where)
        except DataError as error:
            return Finding.from_error(error, code="shard-record")
        return None

    def _parts(self, index: int) -> tuple[dict[str, bytes], str]:
        """The files of one record, and its place for messages."""
        index = range(len(self))[index]
        number = index if self.kept is None else int(self.kept[index])
        shard, where = self._place(number)
        return parts_of(read_record(shard, self.index[number], where=where), where=where), where

    def _place(self, number: int) -> tuple[Path, str]:
        """The shard of a picture, and the same with the record's number in it, from 0."""
        shard = bisect_right(self._firsts, number) - 1
        path = self.folder / self.description.shards[shard].file
        return path, f"{path}, record {number - self._firsts[shard]}"

    @cached_property
    def _firsts(self) -> list[int]:
        return self.description.firsts()

    def _in_classes(self, sample: Sample, *, where: str) -> Sample:
        classes = len(self.description.classes)
        if sample.mask is not None:
            mask = with_ignore(sample.mask, ignore=self.ignore)
            wrong = wrong_value(mask, classes=classes, where=Path(where))
            if wrong is not None:
                raise DataError(wrong.what, where=wrong.where, do=wrong.do)
            return replace(sample, mask=_translated(mask, self.table))
        labels = np.array([sample.label]) if sample.labels is None else sample.labels
        if ((labels < 0) | (labels >= classes)).any():
            what = f"class {labels[(labels < 0) | (labels >= classes)][0]} of {classes}"
            raise DataError(what, where=where, do=ADVICE)
        if self.table is None:
            return sample
        if sample.labels is None:
            return replace(sample, label=int(self.table[sample.label]))
        return replace(sample, labels=self.table[sample.labels])


class Shards(Reader):
    """What the three tasks share: one folder of shards per split."""

    def detects(self, path: Path) -> bool:
        """Whether there are shards of this task; the first split decides."""
        splits = self.splits(path) if path.is_dir() else []
        return bool(splits) and read_description(path / splits[0]).task == self.task

    def splits(self, path: Path) -> list[str]:
        """The folders that hold a shards.json."""
        return [folder.name for folder in subfolders(path) if (folder / DESCRIPTION).is_file()]

    def read(self, path: Path, split: str, options: ReaderOptions) -> ShardSet:
        """One split; nothing but its description is read until a picture is asked for.

        Raises:
            DataError: If there is no such split, or it holds another task or other classes.
            FaultsError: If a shard is missing or torn.
        """
        dataset = self._open(path, split, options)
        if options.skip_broken:
            return _sound(dataset, path, split)
        raise_if_broken(_shard_faults(dataset), path)
        return dataset

    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Missing and torn shards, and every picture whose bytes have changed: all are read."""
        for name in [split] if split else self.splits(path):
            try:
                dataset = self._open(path, name, options)
                numbers = range(len(dataset.index))
            except DataError as error:
                yield Finding.from_error(error, code="shard-index")
                continue
            faults = list(_shard_faults(dataset))
            yield from faults
            missing = {fault.where for fault in faults if fault.code == "shard-missing"}
            for finding in in_threads(dataset.examine, numbers):
                if finding is not None and finding.where.rpartition(", ")[0] not in missing:
                    yield finding

    def _open(self, path: Path, split: str, options: ReaderOptions) -> ShardSet:
        require_split(split, self.splits(path), path=path)
        description = read_description(path / split)
        if description.task != self.task:
            what = f"shards for {description.task}, read as {self.name}, which is for {self.task}"
            raise DataError(what, where=path / split, do="leave --format out")
        if options.classes is None:
            return ShardSet(description.classes, path / split, description, options.ignore)
        classes = class_names(path, given=options.classes)
        table = _table(description.classes, classes, where=path / split / DESCRIPTION)
        return ShardSet(classes, path / split, description, options.ignore, table)


@register
class LabelShards(Shards):
    """Pictures with one label each."""

    name = "shards-labels"
    task = "classification"
    describe: ClassVar[str] = (
        "SPLIT/shards.json with SPLIT/000000.tar …, as akitsu convert --to shards writes them"
    )


@register
class BoxShards(Shards):
    """Pictures with boxes."""

    name = "shards-boxes"
    task = "detection"
    describe: ClassVar[str] = "the same, of pictures with boxes"


@register
class MaskShards(Shards):
    """Pictures with masks."""

    name = "shards-masks"
    task = "segmentation"
    describe: ClassVar[str] = "the same, of pictures with masks"


def _table(written: list[str], wanted: list[str], *, where: Path) -> NDArray[np.int64] | None:
    """From the classes of the shards to those asked for, which may stand in another order."""
    if written == wanted:
        return None
    for name in written:
        if name not in wanted:
            advice = nearest(name, wanted, otherwise="name it among the classes")
            raise DataError(f"class {name!r} is none of those asked for", where=where, do=advice)
    return np.array([wanted.index(name) for name in written], np.int64)


def _translated(mask: NDArray[np.uint8], table: NDArray[np.int64] | None) -> NDArray[np.uint8]:
    if table is None:
        return mask
    values = np.full(256, IGNORE, np.uint8)
    values[: len(table)] = table
    return values[mask]


def _shard_faults(dataset: ShardSet) -> Iterator[Finding]:
    """Shards that are missing or have another length than they were written with."""
    for shard in dataset.description.shards:
        file = dataset.folder / shard.file
        if not file.is_file():
            what = f"this shard of {shard.pictures} pictures is missing"
            yield Finding("shard-missing", "E", str(file), what, ADVICE)
        elif file.stat().st_size != shard.bytes:
            what = f"{file.stat().st_size:,} bytes where {shard.bytes:,} were written"
            yield Finding("shard-torn", "E", str(file), what, ADVICE)


def _sound(dataset: ShardSet, path: Path, split: str) -> ShardSet:
    """The set without its broken pictures; each is decoded once, so that later reading is safe."""

    def fault(number: int) -> str | None:
        try:
            dataset[number]
        except DataError as error:
            return str(error)
        return None

    faults = list(in_threads(fault, range(len(dataset))))
    kept = np.array([number for number, fault in enumerate(faults) if fault is None], np.int64)
    if not len(kept):
        advice = 'see "akitsu doctor" for what is wrong with them'
        raise DataError(f"no picture to read for {split!r}", where=path, do=advice)
    skipped = [fault for fault in faults if fault is not None]
    return replace(dataset, kept=kept if skipped else None, skipped=skipped)
