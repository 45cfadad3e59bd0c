"""A whole table of pixels: header, rows, and every line that cannot be read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding
from akitsu.data.formats.pixel_lines import Rows, parse_lines
from akitsu.data.formats.pixel_stream import whole_lines
from akitsu.data.formats.pool import in_threads
from akitsu.errors import DataError

LABEL = "label"
NUMBERED = ("id", "imageid")

# A table with so many faults is another kind of file; listing them all helps nobody.
MOST_FAULTS = 10_000


@dataclass(frozen=True)
class Table:
    """What one file holds.

    Attributes:
        pixels: (N, P) uint8, row by row of each picture.
        labels: (N,) uint8, or None without a label column.
        lines: (N,) int64: each row's line in the file; the header is line 1.
        findings: The faulty lines, which are not among the rows.
    """

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None
    lines: NDArray[np.int64]
    findings: list[Finding]


def read_header(path: Path) -> list[str]:
    """The column names of a table, in lower case and without quotes.

    Raises:
        DataError: If the file cannot be read, is empty, or its first line is not UTF-8.
    """
    for piece in whole_lines(path):
        return _names(piece.partition(b"\n")[0], path)
    raise DataError("an empty file", where=path, do="copy it again")


def read_table(path: Path) -> Table:
    """Read a table with several threads; faulty lines are findings, not errors.

    The newest table is kept, since examining a table and reading its splits are three readings of
    one file; nobody may write into what is returned.

    Raises:
        DataError: If the header is not one of a table of pixels, there is no row under it, or
            more than 10,000 lines are faulty.
    """
    try:
        state = path.stat()
    except OSError:
        return _read(path)  # which says what is wrong
    return _read_once(path.absolute(), path, state.st_mtime_ns, state.st_size, state.st_ino)


@lru_cache(maxsize=1)
def _read_once(place: Path, path: Path, *state: int) -> Table:
    del place, state  # what the file was when it was read
    return _read(path)


def _read(path: Path) -> Table:
    findings: list[Finding] = []
    columns = read_header(path)
    _check_columns(columns, path)
    pieces = _below_header(_until_broken(path, findings))
    rows: list[Rows] = []
    line = 2
    lines = []
    for parsed in in_threads(partial(parse_lines, columns=columns), pieces):
        rows.append(parsed)
        lines.append(parsed.lines + line)
        findings += [_finding(f"{path}:{line + f.line}", f.what) for f in parsed.faults]
        if len(findings) > MOST_FAULTS:
            what = f"more than {MOST_FAULTS:,} faulty lines"
            raise DataError(what, where=path, do="see that this is a table of pixels")
        line += parsed.count
    if line == 2 and not findings:
        raise DataError("a header and no row under it", where=path, do="add rows")
    return _table(rows, lines, columns=columns, findings=findings)


def _table(
    rows: Sequence[Rows],
    lines: Sequence[NDArray[np.int64]],
    *,
    columns: Sequence[str],
    findings: list[Finding],
) -> Table:
    labelled = columns[0] == LABEL
    width = len(columns) - labelled
    none = np.empty((0, width), np.uint8)
    pixels = np.concatenate([none, *(part.values[:, labelled:] for part in rows)])
    labels = np.concatenate([none[:, 0], *(part.values[:, 0] for part in rows)])
    numbers = np.concatenate([np.empty(0, np.int64), *lines])
    return Table(pixels, labels if labelled else None, numbers, findings)


def _until_broken(path: Path, findings: list[Finding]) -> Iterator[bytes]:
    """All that can be unpacked; what stops it becomes one more finding."""
    try:
        yield from whole_lines(path)
    except DataError as error:
        findings.append(Finding.from_error(error, code="csv-ragged"))


def _below_header(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        below = piece if number else piece.partition(b"\n")[2]
        if below:
            yield below


def _finding(where: str, what: str) -> Finding:
    return Finding(
        "csv-ragged", "E", where, what, "delete the line or run again with --skip-broken"
    )


def _names(line: bytes, path: Path) -> list[str]:
    try:
        text = line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"not UTF-8 text (byte {error.start} of the header)"
        raise DataError(what, where=f"{path}:1", do="save it as UTF-8") from error
    return [name.strip().strip('"').lower() for name in text.strip("\r").split(",")]


def _check_columns(columns: Sequence[str], path: Path) -> None:
    """Refuse a header that is not label,pixel0,... or pixel0,... in order."""
    where = f"{path}:1"
    numbered = [name for name in columns if name in NUMBERED]
    if numbered:
        advice = f"delete the column {numbered[0]}; rows count by their place"
        raise DataError(f"a column {numbered[0]!r} beside pixels", where=where, do=advice)
    pixels = columns[1:] if columns[0] == LABEL else columns
    first = 1 if pixels and pixels[0] == "pixel1" else 0
    for number, name in enumerate(pixels, first):
        if name != f"pixel{number}":
            what = f"column {name[:40]!r} where pixel{number} belongs"
            advice = "write label,pixel0,pixel1,... (or pixel0,... without labels) into line 1"
            raise DataError(what, where=where, do=advice)
    if not pixels or math.isqrt(len(pixels)) ** 2 != len(pixels):
        what = f"{len(pixels)} pixels a row, which make no square picture"
        raise DataError(what, where=where, do="write a square number of pixels, as 784 for 28 x 28")
