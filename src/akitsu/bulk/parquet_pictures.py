"""Encoded pictures in a column of a Parquet file, as Hugging Face and Ray write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from akitsu.bulk.reference import Reference
from akitsu.errors import DataError

NAMES = ("name", "path", "file_name", "filename", "image.path")
"""Columns that may name a picture; the first that is there counts."""

PICTURES = ("image.bytes", "image", "bytes", "picture", "content", "data")
"""Columns that may hold the encoded picture, where there is more than one column of bytes."""

ROWS_AT_ONCE = 16
"""Pictures of so many rows are in memory while a row group is read."""


def list_rows(filesystem: Any, path: str, *, index: int, name: str) -> list[Reference]:
    """The rows of a Parquet file, from its columns of names alone.

    Args:
        filesystem: The fsspec filesystem that holds the file.
        path: The file on it.
        index: The filesystem's number, for the references.
        name: The file's name; a row without a name of its own is called `name#number`.

    Raises:
        DataError: If the file is broken, or has no column of encoded pictures.
    """
    try:
        with filesystem.open(path, "rb") as opened:
            file = pq.ParquetFile(opened)
            picture_column(file, name=name)
            names = _names(file)
    except (OSError, ValueError) as error:  # Arrow's errors are of these two families
        if isinstance(error, DataError):
            raise
        what = f"not a Parquet file, or a broken one ({_first_line(error)})"
        raise DataError(what, where=name, do="write it again") from error
    return [
        Reference(own or f"{name}#{number}", "row", index, path, at=number)
        for number, own in enumerate(names)
    ]


def read_row_contents(filesystem: Any, rows: Sequence[Reference]) -> Iterator[bytes | None]:
    """The encoded pictures of rows of one file, in the order given; None where the row has none.

    Args:
        filesystem: The fsspec filesystem that holds the file.
        rows: References to rows of one file, by rising number.
    """
    wanted = {row.at for row in rows}
    with filesystem.open(rows[0].path, "rb") as opened:
        file = pq.ParquetFile(opened)
        column = picture_column(file, name=rows[0].path)
        groups, number = _groups(file, first=rows[0].at, last=rows[-1].at)
        for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=[column]):
            cells = _leaf(batch.column(0), column)
            for cell in cells:
                if number in wanted:
                    yield cell.as_py()
                number += 1
            if number > rows[-1].at:
                return


def picture_column(file: pq.ParquetFile, *, name: str) -> str:
    """The column that holds the pictures; a field of a struct is written `column.field`.

    Raises:
        DataError: If there is none, or several without a name that says which.
    """
    found = [path for path, kind in _columns(file.schema_arrow) if _holds_bytes(kind)]
    named = [path for path in PICTURES if path in found]
    if not named and len(found) != 1:
        seen = ", ".join(found) or "none"
        what = f"one column of encoded pictures belongs here, and there is {seen}"
        raise DataError(what, where=name, do=f"call it {PICTURES[1]}, with values of type binary")
    return named[0] if named else found[0]


def _names(file: pq.ParquetFile) -> list[str | None]:
    there = dict(_columns(file.schema_arrow))
    column = next((own for own in NAMES if own in there), None)
    if column is None:
        return [None] * file.metadata.num_rows
    cells = _leaf(file.read(columns=[column]).column(0).combine_chunks(), column)
    return [None if cell is None else str(cell) for cell in cells.to_pylist()]


def _groups(file: pq.ParquetFile, *, first: int, last: int) -> tuple[list[int], int]:
    """The row groups that hold rows `first` to `last`, and the number of their first row."""
    groups: list[int] = []
    start = end = 0
    for group in range(file.num_row_groups):
        begin, end = end, end + file.metadata.row_group(group).num_rows
        if end > first and begin <= last:
            start = start if groups else begin
            groups.append(group)
    return groups, start


def _columns(schema: pa.Schema) -> Iterator[tuple[str, pa.DataType]]:
    for field in schema:
        yield field.name, field.type
        if pa.types.is_struct(field.type):
            for inner in field.type:
                yield f"{field.name}.{inner.name}", inner.type


def _leaf(array: Any, column: str) -> Any:
    """The field of a struct that `column` names after its dot; a null struct has null fields."""
    if not pa.types.is_struct(array.type):
        return array
    return pc.struct_field(array, column.partition(".")[2])


def _holds_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(" .")
