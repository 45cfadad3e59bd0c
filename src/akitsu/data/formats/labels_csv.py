"""Pictures listed in a table: labels.csv with a column of files and one of class names."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from akitsu.data.formats.class_names import (
    class_index,
    class_indices,
    class_names,
    examine_classes,
)
from akitsu.data.formats.findings import Finding
from akitsu.data.formats.picture_set import Entry, Examined, PictureSet, picture_set
from akitsu.data.formats.registry import Reader, ReaderOptions, register, require_split
from akitsu.data.formats.splits import EIGHTH_SPLITS, every_eighth, separate
from akitsu.errors import DataError, nearest

TABLE = "labels.csv"
FOLDER = "images"

FILES = ("file", "filename", "file_name", "path", "image", "picture")
NAMES = ("class", "class_name", "name", "label", "category")
SPLIT = "split"
"""The header's words, of which the first that is there counts; upper case is the same."""


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        where: File and line, for messages.
        file: As written.
        name: The class, as written.
        split: Its part of the set; "" where the table has no such column.
    """

    where: str
    file: str
    name: str
    split: str


@register
class LabelsCsv(Reader):
    """A table that names a picture and its class in every line."""

    name = "labels-csv"
    task = "classification"
    describe = (
        "a table labels.csv with the columns file and class, pictures beside it or in images/"
    )

    def detects(self, path: Path) -> bool:
        """Whether it is such a table, or a folder with one, by the header."""
        table = _table(path)
        if table.suffix.lower() != ".csv" or not table.is_file():
            return False
        try:
            header = _header(table)
        except DataError:
            return False
        return _column(header, FILES) is not None and _column(header, NAMES) is not None

    def splits(self, path: Path) -> list[str]:
        """What the column `split` names, or "train", "val" (every eighth line) and "all"."""
        lines = _read(_table(path))
        return sorted({line.split for line in lines if line.split}) or list(EIGHTH_SPLITS)

    def read(self, path: Path, split: str, options: ReaderOptions) -> PictureSet:
        """Pictures with the class of their line; classes in alphabetical order.

        Where class names are given, a label may differ from its class in case and underscores.

        Raises:
            DataError: If there is no such split, or no table of this kind.
            FaultsError: If a picture is missing or a class is none of those given.
        """
        require_split(split, self.splits(path), path=path)
        lines = _read(_table(path))
        classes = _classes(path, lines, options)
        examined = _examined(path, _part(lines, split), classes)
        return picture_set(path, split=split, classes=classes, examined=examined, options=options)

    def examine(self, path: Path, split: str | None, options: ReaderOptions) -> Iterator[Finding]:
        """Missing pictures, pictures listed twice, unknown classes, classes without pictures."""
        lines = _read(_table(path))
        classes = _classes(path, lines, options)
        for name in [split] if split else separate(self.splits(path)):
            require_split(name, self.splits(path), path=path)
            part = _part(lines, name)
            for one in _examined(path, part, classes):
                yield from one.findings
            if name == "train" or split:
                indices = class_indices(classes)
                found = [class_index(line.name, indices) for line in part]
                used = [classes[index] for index in found if index is not None]
                yield from examine_classes(classes, used=used, where=path, split=name)

    def pictures(self, path: Path, split: str) -> list[Path]:
        """The pictures of one split that are there, in the table's order."""
        table = _table(path)
        found = [_picture(table, line) for line in _part(_read(table), split)]
        return [picture for picture in found if picture is not None and picture.is_file()]


def _table(path: Path) -> Path:
    return path / TABLE if path.is_dir() else path


def _part(lines: Sequence[Line], split: str) -> list[Line]:
    if any(line.split for line in lines):
        return [line for line in lines if line.split == split]
    return every_eighth(lines, split)


def _classes(path: Path, lines: Sequence[Line], options: ReaderOptions) -> list[str]:
    folder = _table(path).parent
    return class_names(folder, given=options.classes, found=[line.name for line in lines])


def _examined(path: Path, lines: Sequence[Line], classes: list[str]) -> list[Examined]:
    table, indices = _table(path), class_indices(classes)
    times = Counter(line.file for line in lines)
    return [
        _examine(line, table, classes, indices, is_double=times[line.file] > 1) for line in lines
    ]


def _examine(
    line: Line, table: Path, classes: list[str], indices: dict[str, int], *, is_double: bool
) -> Examined:
    findings = []
    label, picture = class_index(line.name, indices), _picture(table, line)
    if label is None:
        advice = nearest(line.name, classes, otherwise="name it among the classes")
        what = f"class {line.name!r} is none of the {len(classes)}"
        findings.append(Finding("cls-unknown", "E", line.where, what, advice))
    if picture is None:
        what = f"{line.file!r} leads out of the set's folder"
        advice = "write the file's place within the folder"
        findings.append(Finding("path-outside", "E", line.where, what, advice))
    elif not picture.is_file():
        what = f"there is no picture {line.file!r} here or in {FOLDER}/"
        findings.append(Finding("img-missing", "E", line.where, what, "copy it or delete the line"))
    if is_double:
        what = f"{line.file!r} is listed more than once"
        findings.append(Finding("pair-double", "W", line.where, what, "akitsu counts each line"))
    if label is None or picture is None or not picture.is_file():
        return Examined(None, findings)
    return Examined(Entry(line.file, picture, label=label), findings)


def _picture(table: Path, line: Line) -> Path | None:
    """Where a picture should be; None if that is outside the table's folder."""
    written = PurePosixPath(line.file.replace("\\", "/"))
    if written.is_absolute() or ".." in written.parts or ":" in line.file or "\0" in line.file:
        return None
    beside = table.parent / written
    return beside if beside.is_file() else table.parent / FOLDER / written


def _header(table: Path) -> list[str]:
    return [cell.strip().casefold() for cell in next(iter(_rows(table)), (0, []))[1]]


def _column(header: Sequence[str], words: Sequence[str]) -> int | None:
    return next((header.index(word) for word in words if word in header), None)


def _read(table: Path) -> list[Line]:
    header = _header(table)
    file, name, split = (_column(header, words) for words in (FILES, NAMES, (SPLIT,)))
    if file is None or name is None:
        missing = f"a column {FILES[0]!r}" if file is None else f"a column {NAMES[0]!r}"
        what = f"the header has the columns {', '.join(header) or 'none'}, and {missing} is wanted"
        raise DataError(what, where=table, do="name it in the first line")
    lines = []
    for number, cells in list(_rows(table))[1:]:
        if not any(cells):
            continue
        where = f"{table}:{number}"
        if len(cells) != len(header):
            what = f"{len(cells)} cells where the header has {len(header)}"
            raise DataError(what, where=where, do="mend the line or put quotes around commas")
        part = cells[split].strip() if split is not None else ""
        lines.append(Line(where, cells[file].strip(), cells[name].strip(), part))
    return lines


def _rows(table: Path) -> Iterator[tuple[int, list[str]]]:
    """The table's lines with their numbers, from 1."""
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                yield reader.line_num, cells
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8 text", where=table, do="save it as UTF-8") from error
    except csv.Error as error:
        raise DataError(f"no table ({error})", where=table, do="save it as CSV") from error
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise DataError(reason, where=table, do=f"name a folder with a {TABLE}") from error
