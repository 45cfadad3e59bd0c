"""A Dataset in shards: it holds neither pictures nor labels, and reads one when asked for it."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding
from akitsu.data.formats.mask_values import IGNORE, with_ignore, wrong_value
from akitsu.data.formats.shard_index import Description, open_index
from akitsu.data.formats.shard_records import ADVICE, parts_of, picture_of, read_record, sample_of
from akitsu.data.sample import Sample
from akitsu.errors import DataError


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


def _translated(mask: NDArray[np.uint8], table: NDArray[np.int64] | None) -> NDArray[np.uint8]:
    if table is None:
        return mask
    values = np.full(256, IGNORE, np.uint8)
    values[: len(table)] = table
    return values[mask]
