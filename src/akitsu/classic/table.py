"""Tables of features: a CSV, read with nothing but Python, or a Parquet file, read with polars.

A CSV is read where models run too, and polars is not on the robot (docs/decisions/0004).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, nearest, require
from akitsu.runtime.rows import number_in

CSV = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
PARQUET = ".parquet"
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
"""What stands for a missing value, in any case of letters."""
BOOLEANS = frozenset({"true", "false"})
"""A column of these alone is written in small letters, as Parquet's booleans are."""
DELIMITERS = ",;\t"
LONGEST_CELL = 2**20
"""Letters; a longer cell is a quote that was never closed."""

Column = NDArray[Any]


@dataclass(frozen=True)
class Table:
    """Columns of one length, by name.

    Attributes:
        name: The file, for messages.
        columns: Each float64 with NaN for a missing value, or object: str, and None for a missing
            one. A column is of numbers if all that is in it are.
        lines: (N,) int64: where each row stands, the line of a CSV or the row of a Parquet file,
            from 1.
        unit: "line" or "row", what `lines` counts.
    """

    name: str
    columns: Mapping[str, Column]
    lines: NDArray[np.int64]
    unit: str = "line"

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """The place of a row (index from 0), for a message."""
        number = int(self.lines[row])
        return f"{self.name}:{number}" if self.unit == "line" else f"{self.name}, row {number}"

    def column(self, name: str) -> Column:
        """One column.

        Raises:
            DataError: If there is none of this name.
        """
        if name not in self.columns:
            raise DataError(
                f"there is no column {name!r}",
                where=self.name,
                do=nearest(name, self.columns, otherwise=f"choose one of {listed(self.columns)}"),
            )
        return self.columns[name]


def is_table(path: Path) -> bool:
    """Whether a file's name is that of a table."""
    return path.name.lower().endswith((*CSV, PARQUET))


def read_table(path: Path) -> Table:
    """Read a table whose first line names its columns.

    A CSV is UTF-8, separated by commas, semicolons or tabs; blank lines are passed over. A column
    without a name, as the index that pandas writes, is left out.

    Raises:
        DataError: If the file is missing, broken, empty, or no table.
        MissingExtraError: For a Parquet file, if polars is not installed.
    """
    if not is_table(path):
        kinds = ", ".join((*CSV, PARQUET))
        raise DataError("this is no table by its name", where=path, do=f"name a file of {kinds}")
    if not path.is_file():
        do = "check the path"
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise DataError(what, where=path, do=do)
    return _read_parquet(path) if path.name.lower().endswith(PARQUET) else _read_csv(path)


def listed(names: Mapping[str, Any] | Sequence[str], *, most: int = 12) -> str:
    """Names for a message, cut off where there are many.

    Example:
        >>> listed(["a", "b", "c"], most=2)
        'a, b, … (3 in all)'
    """
    shown = ", ".join(list(names)[:most])
    return shown if len(names) <= most else f"{shown}, … ({len(names)} in all)"


def _read_csv(path: Path) -> Table:
    with _broken_is_said(path), _opened(path) as file:
        first = file.readline(LONGEST_CELL)
        delimiter = max(DELIMITERS, key=first.count)
        file.seek(0)
        rows = list(_rows(file, delimiter=delimiter, path=path))
    if not rows:
        raise DataError("an empty file", where=path, do="copy it again")
    names = _names([name.strip() for name in rows[0][1]], path)
    if len(rows) == 1:
        raise DataError("a header and no row under it", where=path, do="add rows")
    lines = np.array([line for line, _ in rows[1:]], np.int64)
    cells = zip(*(row for _, row in rows[1:]), strict=True)
    columns = {name: column_of(column) for name, column in zip(names, cells, strict=True) if name}
    return Table(str(path), columns, lines)


def _rows(file: IO[str], *, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each row with its line; all have as many cells as the first."""
    width = 0
    usual = csv.field_size_limit(LONGEST_CELL)  # one limit for the whole process: put back below
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        start = 1
        for row in reader:
            line, start = start, reader.line_num + 1
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                what = f"{len(row)} values where the header names {width} columns"
                raise DataError(what, where=f"{path}:{line}", do="mend the line or delete it")
            yield line, row
    except csv.Error as error:
        what = f"no CSV ({error})"
        raise DataError(what, where=f"{path}:{reader.line_num}", do="mend the line") from error
    finally:
        csv.field_size_limit(usual)


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    if path.name.lower().endswith(".gz"):
        with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    else:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file


@contextmanager
def _broken_is_said(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except UnicodeDecodeError as error:
        what = f"not UTF-8 text (byte {error.start} of a part of it)"
        raise DataError(what, where=path, do="save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        what = f"cannot be read ({str(error).lower()})"
        raise DataError(what, where=path, do="copy it again") from error


def _names(names: list[str], path: Path) -> list[str]:
    named = [name for name in names if name]
    twice = sorted({name for name in named if named.count(name) > 1})
    if twice:
        raise DataError(f"two columns are called {twice[0]!r}", where=path, do="rename one")
    if not named:
        raise DataError("no column has a name", where=path, do="write names into the first line")
    return names


def column_of(cells: Sequence[str]) -> Column:
    """Numbers if all cells but the missing ones are, else texts.

    Example:
        >>> column_of(["1", " 2.5", "NA"])
        array([1. , 2.5, nan])
        >>> column_of(["red", "", "2"])
        array(['red', None, '2'], dtype=object)
    """
    stripped = [cell.strip() for cell in cells]
    gone = [cell.lower() in MISSING for cell in stripped]
    numbers = [number_in(cell) for cell in stripped]
    texts = [None if is_gone else cell for cell, is_gone in zip(stripped, gone, strict=True)]
    if all(number is not None or absent for number, absent in zip(numbers, gone, strict=True)):
        return np.array([np.nan if text is None else float(text) for text in texts], np.float64)
    if all(text is None or text.lower() in BOOLEANS for text in texts):
        texts = [None if text is None else text.lower() for text in texts]
    return np.array(texts, dtype=object)


def _read_parquet(path: Path) -> Table:
    require("polars", extra="train", purpose="a Parquet table")
    import polars

    try:
        frame = polars.read_parquet(path)
    except (Exception, polars.exceptions.PanicException) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        what = f"no Parquet file, or a broken one ({reason})"
        raise DataError(what, where=path, do="copy it again, or save it as CSV") from error
    names = _names([name.strip() for name in frame.columns], path)
    if not len(frame):
        raise DataError("a table without rows", where=path, do="add rows")
    columns = {
        name: _parquet_column(series)
        for name, series in zip(names, frame.get_columns(), strict=True)
        if name
    }
    return Table(str(path), columns, np.arange(1, len(frame) + 1), unit="row")


def _parquet_column(series: Any) -> Column:
    """As the same values would be read from a CSV; what is neither number nor text is its text."""
    if series.dtype.is_numeric():
        return np.array(series.cast(float).to_list(), np.float64)
    texts = [
        None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for value in series.to_list()
    ]
    return np.array(texts, dtype=object)
