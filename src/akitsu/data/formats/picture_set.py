"""A data set of files: labels are in memory, pictures and masks are read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding, errors_of, raise_if_broken
from akitsu.data.formats.mask_values import read_labelled_mask
from akitsu.data.formats.picture_faults import examine_picture
from akitsu.data.formats.pool import in_threads
from akitsu.data.formats.registry import ReaderOptions
from akitsu.data.sample import Sample
from akitsu.errors import DataError, ShapeError
from akitsu.runtime.pictures import read_picture


@dataclass(frozen=True)
class Entry:
    """One picture file and what is known of it; see `akitsu.data.sample.Sample`."""

    name: str
    picture: Path
    label: int | None = None
    boxes: NDArray[np.float32] | None = None
    labels: NDArray[np.int64] | None = None
    difficult: NDArray[np.bool_] | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class Examined:
    """What a reader made of one picture: an entry unless it is broken, and what it found."""

    entry: Entry | None
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class PictureSet:
    """A Dataset of picture files.

    Attributes:
        classes: Class names by index.
        entries: What is known of each picture, in the order of the split.
        ignore: One more mask value that reads as 255.
        skipped: A sentence for every fault that cost a picture its place.
    """

    classes: list[str]
    entries: list[Entry]
    ignore: int | None = None
    skipped: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        """Read one picture, and its mask where there is one.

        Raises:
            DataError: If the picture or mask is broken.
            ShapeError: If the mask is not as large as the picture.
        """
        entry = self.entries[index]
        image = read_picture(entry.picture)
        mask = None if entry.mask is None else self._mask(entry.mask, image.shape[:2])
        return Sample(
            image=image,
            name=entry.name,
            label=entry.label,
            boxes=entry.boxes,
            labels=entry.labels,
            difficult=entry.difficult,
            mask=mask,
        )

    def _mask(self, path: Path, size_hw: tuple[int, ...]) -> NDArray[np.uint8]:
        mask = read_labelled_mask(path, classes=len(self.classes), ignore=self.ignore)
        if mask.shape != size_hw:
            what = f"a mask of {mask.shape} rows and columns for a picture of {size_hw}"
            raise ShapeError(what, where=path, do="save both in the same size")
        return mask


def picture_set(
    path: Path,
    *,
    split: str,
    classes: list[str],
    examined: Iterable[Examined],
    options: ReaderOptions,
) -> PictureSet:
    """The set of all sound pictures; broken ones raise, or are left out and recorded.

    Args:
        path: The data set, for messages.
        split: Its part, for messages.
        classes: Class names by index.
        examined: The reader's view of every picture of the split.
        options: With `skip_broken`, every picture is decoded once, so that later reading is safe.

    Raises:
        FaultsError: If something is broken and `options.skip_broken` is False.
        DataError: If nothing is left.
    """
    examined = list(examined)
    if options.skip_broken:
        entries, skipped = _sound(examined)
    else:
        raise_if_broken((f for one in examined for f in one.findings), path)
        entries, skipped = [one.entry for one in examined if one.entry is not None], []
    if not entries:
        advice = "add some; where nothing else is said, every eighth is for val"
        if skipped:
            advice = 'see "akitsu doctor" for what is wrong with them'
        raise DataError(f"no picture to read for {split!r}", where=path, do=advice)
    return PictureSet(classes, entries, options.ignore, skipped)


def _sound(examined: Sequence[Examined]) -> tuple[list[Entry], list[str]]:
    entries, skipped = [], []
    for one, decoding in zip(examined, in_threads(_decoding_faults, examined), strict=True):
        faults = errors_of([*one.findings, *decoding])
        skipped += [str(fault) for fault in faults]
        if one.entry is not None and not faults:
            entries.append(one.entry)
    return entries, skipped


def _decoding_faults(one: Examined) -> list[Finding]:
    return [] if one.entry is None else examine_picture(one.entry.picture)
