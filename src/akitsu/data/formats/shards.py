"""Shards: many pictures in few tar files, read by their index; a set may be larger than memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.class_names import class_names
from akitsu.data.formats.findings import Finding, raise_if_broken
from akitsu.data.formats.folders import subfolders
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.shard_index import DESCRIPTION, read_description
from akitsu.data.formats.shard_records import ADVICE
from akitsu.data.formats.shard_set import ShardSet
from akitsu.errors import DataError, nearest


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
