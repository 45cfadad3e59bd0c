"""A table's bytes as pieces of whole lines, gunzipped on the way if need be."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from akitsu.errors import DataError

# Large enough that NumPy's calls cost nothing, small enough to stay in a core's second cache.
PIECE_BYTES = 1 << 18

# Deflate makes at most 1032 bytes of one: no piece unpacks to more than 33 MiB.
PACKED_BYTES = 1 << 15

# One line of a picture of 1024 x 1024 pixels has at most 4 MiB; a header's a few times that.
MAX_LINE_BYTES = 1 << 24

# A few kilobytes of gzip can hold a terabyte of line ends.
MAX_TABLE_BYTES = 1 << 36

GZIP_MAGIC = b"\x1f\x8b"


def whole_lines(path: Path) -> Iterator[bytes]:
    """Pieces of a text file, each of whole lines; the last may lack its line end.

    Raises:
        DataError: If the file cannot be read, is a broken gzip, or has a line above 16 MiB. What
            came before a break has been handed out by then.
    """
    rest = b""
    total = 0
    for piece in _unpacked(path):
        total += len(piece)
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
        if len(rest) > MAX_LINE_BYTES:
            what = f"a line of more than {MAX_LINE_BYTES:,} bytes"
            raise DataError(what, where=path, do="see that this is a table of pixels")
        if total > MAX_TABLE_BYTES:
            what = f"more than {MAX_TABLE_BYTES:,} bytes once unpacked"
            raise DataError(what, where=path, do="split it into several tables")
    if rest:
        yield rest


def _unpacked(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            yield from (
                _gunzipped(file, path) if packed else iter(lambda: file.read(PIECE_BYTES), b"")
            )
    except OSError as error:
        reason = (error.strerror or "cannot be read").lower()
        raise DataError(reason, where=path, do="check the path and its rights") from error


def _gunzipped(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """The members of a gzip file one after the other (RFC 1952, section 2.2)."""
    unpacker = _member()
    data, started = b"", False
    while data or (data := file.read(PACKED_BYTES)):
        started = True
        try:
            piece = unpacker.decompress(data)
        except zlib.error as error:
            what = f"a broken gzip file ({str(error).rpartition(': ')[2]})"
            raise DataError(what, where=path, do="copy it again") from error
        data = b""
        if unpacker.eof:
            # Zeros may fill up the last block of a tape (gzip manual, chapter 7).
            data = unpacker.unused_data.lstrip(b"\x00")
            unpacker, started = _member(), False
        if piece:
            yield piece
    if started:
        raise DataError("a gzip file that is cut off", where=path, do="copy it again")


def _member() -> zlib._Decompress:
    return zlib.decompressobj(wbits=31)
