"""Pictures in uncompressed tar archives: found once, then read by their place.

Shards of akitsu and other WebDatasets (Aizman et al., arXiv:2001.01858) are such archives.
"""

from __future__ import annotations

import tarfile
from pathlib import PurePosixPath
from typing import Any

from akitsu.bulk.reference import Reference
from akitsu.errors import DataError
from akitsu.runtime.pictures import PICTURE_SUFFIXES

MASK_SUFFIX = ".mask.png"
"""A label that is a picture itself: what a shard of akitsu calls the mask beside its picture."""


def list_members(filesystem: Any, path: str, *, index: int, name: str) -> list[Reference]:
    """The pictures of an archive in the order in which they lie; labels beside them are passed by.

    Args:
        filesystem: The fsspec filesystem that holds the archive.
        path: The archive on it.
        index: The filesystem's number, for the references.
        name: The archive's name; a picture is called `name/member`.

    Raises:
        DataError: If it is no uncompressed tar archive, or a torn one.
    """
    try:
        with filesystem.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            members = [own for own in archive if own.isreg() and not own.issparse()]
            # tarfile takes a torn end, or a damaged header, for the end; that is two blocks of 0.
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError(f"no end mark at byte {archive.offset:,}")
    # A hostile header makes tarfile raise more than its own family (ValueError, OverflowError, …).
    except Exception as error:
        raise DataError(
            f"not an uncompressed tar archive, or a torn one ({error})",
            where=name,
            do="unpack it, or pack it again without compression",
        ) from error
    return [
        Reference(
            name=f"{name}/{printable(member.name)}",
            kind="member",
            filesystem=index,
            path=path,
            at=member.offset_data,
            size=member.size,
        )
        for member in members
        if _is_picture(member.name)
    ]


def read_member(filesystem: Any, reference: Reference) -> bytes:
    """The bytes of one member; an archive that was cut since it was listed gives fewer."""
    with filesystem.open(reference.path, "rb") as file:
        file.seek(reference.at)
        content: bytes = file.read(reference.size)
        return content


def printable(name: str) -> str:
    """A file's name as valid Unicode: bytes that are none are written as \\xNN."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    is_label = path.name.lower().endswith(MASK_SUFFIX)
    is_hidden = path.name.startswith(".")
    return path.suffix.lower() in PICTURE_SUFFIXES and not is_label and not is_hidden
