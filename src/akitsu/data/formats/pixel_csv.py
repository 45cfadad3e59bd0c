"""Tables of pixels as in Kaggle's "Digit Recognizer": one line a picture, perhaps gzipped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.class_names import class_names, examine_classes
from akitsu.data.formats.findings import Finding, errors_of, raise_if_broken
from akitsu.data.formats.pixel_table import LABEL, Table, read_header, read_table
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.splits import EIGHTH, EIGHTH_SPLITS
from akitsu.data.sample import Sample
from akitsu.errors import DataError

SUFFIXES = (".csv", ".csv.gz")
TRAIN_TABLES = ("train.csv", "train.csv.gz")
TEST_TABLES = ("test.csv", "test.csv.gz")
"""What Kaggle's folder of such tables holds, the first labelled, the second not."""

TEST = "test"


@dataclass(frozen=True)
class PixelTable:
    """A Dataset that is one array.

    Attributes:
        classes: Class names by index; empty where nothing is labelled or named.
        images: (N, H, W, 1) uint8, H = W.
        labels: (N,) int64 class indices, or None.
        rows: (N,) int64: each picture's row in the file, from 1, the header not counted.
        skipped: A sentence for every line that was left out.
    """

    classes: list[str]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    rows: NDArray[np.int64]
    skipped: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        label = None if self.labels is None else int(self.labels[index])
        return Sample(self.images[index], f"row {self.rows[index]}", label=label)


@register
class PixelCsv(Reader):
    """A label and the pixels of one square grey picture in every line."""

    name = "pixel-csv"
    task = "classification"
    describe = (
        "a .csv or .csv.gz whose header is label,pixel0,pixel1,... (or pixel0,... without labels) "
        "and whose lines are square grey pictures, 0 to 255"
    )

    def detects(self, path: Path) -> bool:
        """Whether it is a CSV (or a folder with train.csv) that is not plainly something else."""
        tables = _tables(path)
        if not tables:
            return False
        try:
            columns = read_header(tables[0])
        except DataError:
            return True  # a broken table is best told by its reader
        return any(name.startswith("pixel") for name in columns)

    def splits(self, path: Path) -> list[str]:
        """ "train", "val" (every eighth row) and "all"; only "all" where there are no labels.

        A folder's second table, test.csv, is "test".
        """
        table, test = _table(path), _first(path, TEST_TABLES)
        if table == test:
            return [TEST]
        splits = list(EIGHTH_SPLITS) if LABEL in read_header(table) else ["all"]
        return splits if test is None else [*splits, TEST]

    def read(self, path: Path, split: str, options: ReaderOptions) -> PixelTable:
        """Rows whose index % 8 is 7 are "val", the others "train"; the index counts from 0.

        Raises:
            DataError: If the header is no such table's, there is no such split, or no row.
            FaultsError: If lines are faulty and `options.skip_broken` is False.
        """
        require_split(split, self.splits(path), path=path)
        file = _table(path, split)
        table = read_table(file)
        classes = _classes(table, file, options)
        findings = [*table.findings, *_unknown(table, file, classes)]
        if not options.skip_broken:
            raise_if_broken(findings, file)
        known = _known(table, classes) & _in_split(table, split)
        if not known.any():
            raise DataError(f"no row for {split!r}", where=file, do="add rows")
        size = math.isqrt(table.pixels.shape[1])
        labels = None if table.labels is None else table.labels[known].astype(np.int64)
        return PixelTable(
            classes,
            _where(table.pixels, known).reshape(-1, size, size, 1),
            labels,
            table.lines[known] - 1,
            [str(finding) for finding in errors_of(findings)],
        )

    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Every faulty line of the table, or of both tables of a folder."""
        for file in [_table(path, split)] if split else _tables(path):
            try:
                table = read_table(file)
                classes = _classes(table, file, options)
            except DataError as error:
                code = "text-enc" if "UTF-8" in error.what else "csv-ragged"
                yield Finding.from_error(error, code=code)
                continue
            yield from table.findings
            yield from _unknown(table, file, classes)
            if table.labels is not None and len(table.labels):
                chosen = _known(table, classes) & _in_split(table, split or "all")
                used = [classes[label] for label in table.labels[chosen]]
                yield from examine_classes(
                    classes, used=used, where=file, split=split or "the table"
                )


def _tables(path: Path) -> list[Path]:
    if path.is_dir():
        found = (_first(path, TRAIN_TABLES), _first(path, TEST_TABLES))
        return [file for file in found if file is not None]
    return [path] if path.name.lower().endswith(SUFFIXES) else []


def _first(folder: Path, names: Sequence[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _table(path: Path, split: str = "") -> Path:
    """The file that holds a split."""
    tables = _tables(path)
    if not tables:
        what = "no table of pixels, which ends in .csv or .csv.gz"
        raise DataError(what, where=path, do="name such a file or a folder with train.csv")
    return tables[-1] if split == TEST else tables[0]


def _classes(table: Table, file: Path, options: ReaderOptions) -> list[str]:
    highest = -1 if table.labels is None or not len(table.labels) else int(table.labels.max())
    given = class_names(file.parent, given=options.classes)
    return given or [str(label) for label in range(highest + 1)]


def _known(table: Table, classes: Sequence[str]) -> NDArray[np.bool_]:
    if table.labels is None:
        return np.ones(len(table.pixels), np.bool_)
    return np.asarray(table.labels < len(classes), np.bool_)


def _in_split(table: Table, split: str) -> NDArray[np.bool_]:
    # By the line in the file, so that leaving a broken line out moves no other row to the other
    # split. Line 1 is the header.
    if split not in ("train", "val"):
        return np.ones(len(table.lines), np.bool_)
    is_val = (table.lines - 2) % EIGHTH == EIGHTH - 1
    return np.asarray(is_val == (split == "val"), np.bool_)


def _where(pixels: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return pixels if chosen.all() else pixels[chosen]


def _unknown(table: Table, file: Path, classes: Sequence[str]) -> list[Finding]:
    if table.labels is None:
        return []
    wrong = np.flatnonzero(~_known(table, classes))
    advice = f"write 0 to {len(classes) - 1}, or name more classes"
    return [
        Finding("cls-unknown", "E", f"{file}:{table.lines[i]}",
                f"label {table.labels[i]} of a set with {len(classes)} classes", advice)
        for i in wrong
    ]  # fmt: skip
