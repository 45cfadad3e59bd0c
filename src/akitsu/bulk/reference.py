"""Where one picture's bytes lie: what goes to the workers in place of the picture itself."""

from __future__ import annotations

from typing import Literal, NamedTuple

from akitsu.errors import DataError

MAX_BYTES = 256 * 2**20
"""Longer files are not read into memory: 64 megapixels of RGB in a BMP are 192 MB."""


class Reference(NamedTuple):
    """A picture that has been listed and not been opened.

    Attributes:
        name: What its row is called; no two pictures of a run share one.
        kind: "file", "member" of a tar archive, or "row" of a Parquet file.
        filesystem: Index of the fsspec filesystem that holds `path`.
        path: The picture, the archive or the Parquet file, as its filesystem spells it.
        at: Byte offset of a member, or a row's number in the Parquet file; 0 for a file.
        size: Bytes of a file or a member; 0 for a row, whose size is not known before it is read.
    """

    name: str
    kind: Literal["file", "member", "row"]
    filesystem: int
    path: str
    at: int = 0
    size: int = 0


def check_size(size: int, *, name: str) -> None:
    """Raise rather than read what cannot be a picture.

    Raises:
        DataError: If it has more than `MAX_BYTES`.
    """
    if size > MAX_BYTES:
        what = f"{size:,} bytes where a picture has at most {MAX_BYTES:,}"
        raise DataError(what, where=name, do="shrink it first")
