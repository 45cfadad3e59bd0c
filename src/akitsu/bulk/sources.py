"""Where pictures come from: paths and addresses become references to single pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from akitsu.bulk.parquet_pictures import list_rows
from akitsu.bulk.reference import Reference
from akitsu.bulk.tar_shards import list_members, printable
from akitsu.errors import DataError
from akitsu.runtime.pictures import PICTURE_SUFFIXES
from akitsu.runtime.urls import is_url, masked

LISTS = {".tar": list_members, ".parquet": list_rows}
"""Files that hold many pictures, and who lists them."""


@dataclass(frozen=True)
class Pictures:
    """Every picture of a run, listed and not opened.

    Attributes:
        filesystems: What the references' `filesystem` counts in; they can be pickled.
        references: In the order in which they are stored; no name comes twice.
    """

    filesystems: list[Any]
    references: list[Reference]

    @property
    def is_shareable(self) -> bool:
        """Whether another process can read them: what is in memory it cannot."""
        return not any("memory" in _protocols(own) for own in self.filesystems)


def list_all(inputs: Sequence[str]) -> Pictures:
    """List the pictures in folders, tar archives and Parquet files, and those named themselves.

    Args:
        inputs: Paths, or addresses that fsspec knows (`s3://…`, `file://…`), with `*` if need be.
            Of one folder the names are relative to it; of several inputs they begin with the input.

    Raises:
        DataError: If an input is not there, cannot be listed, holds no pictures, or two pictures
            have the same name.
    """
    filesystems: list[Any] = []
    references: list[Reference] = []
    for text in inputs:
        filesystem, root = _opened(text)
        if filesystem not in filesystems:
            filesystems.append(filesystem)
        index = filesystems.index(filesystem)
        prefix = masked(text) if len(inputs) > 1 else ""
        found = _listed(filesystem, root, text=text, index=index, prefix=prefix)
        if not found:
            raise DataError(
                "there are no pictures here", where=masked(text), do="name another folder"
            )
        references += found
    _require_unique(references)
    return Pictures(filesystems, references)


def identity(text: str) -> str:
    """An input as it is remembered: an address without its secrets, or the absolute path."""
    return masked(text) if is_url(text) else str(Path(text).absolute())


def _opened(text: str) -> tuple[Any, str]:
    try:
        if not is_url(text):
            # Not through fsspec's own parser, which takes "a::b" in a file's name for a chain.
            return fsspec.filesystem("file"), str(Path(text).absolute())
        filesystem, path = url_to_fs(text)
    # Each filesystem has errors of its own: an unknown kind, a package that is missing, a network.
    except Exception as error:
        raise _unlistable(text, error) from error
    return filesystem, str(path)


def _listed(filesystem: Any, root: str, *, text: str, index: int, prefix: str) -> list[Reference]:
    try:
        base, sizes = _files(filesystem, root)
    except Exception as error:  # as above
        raise _unlistable(text, error) from error
    references: list[Reference] = []
    for path in sorted(sizes):
        relative = printable(path[len(base) :].lstrip("/"))
        name = "/".join(part for part in (prefix, relative) if part) or printable(text)
        lister = LISTS.get(PurePosixPath(path).suffix.lower())
        if lister is None:
            references.append(Reference(name, "file", index, path, size=sizes[path]))
        else:
            references += lister(filesystem, path, index=index, name=name)
    return references


def _files(filesystem: Any, root: str) -> tuple[str, dict[str, int]]:
    """The folder that names are relative to, and each file that may be a source, with its size."""
    if "*" in root and not filesystem.exists(root):
        found = filesystem.glob(root, detail=True)
        base = root.partition("*")[0].rpartition("/")[0]
        return base, _sizes(found.values())
    info = filesystem.info(root)
    if info["type"] != "directory":
        # Named by a person: its content decides whether it is a picture, not its suffix.
        return root.rpartition("/")[0], {root: int(info.get("size") or 0)}
    found = filesystem.find(root, detail=True)
    base = str(filesystem._strip_protocol(root)).rstrip("/")
    inside = [own for own in found.values() if _is_source(own["name"][len(base) :])]
    return base, _sizes(inside)


def _sizes(infos: Any) -> dict[str, int]:
    return {own["name"]: int(own.get("size") or 0) for own in infos if own["type"] != "directory"}


def _is_source(relative: str) -> bool:
    parts = PurePosixPath(relative).parts
    suffix = PurePosixPath(relative).suffix.lower()
    is_known = suffix in PICTURE_SUFFIXES or suffix in LISTS
    return is_known and not any(part.startswith(".") for part in parts)


def _require_unique(references: Sequence[Reference]) -> None:
    counts = Counter(reference.name for reference in references)
    name, count = counts.most_common(1)[0]
    if count > 1:
        raise DataError(
            f"{count} pictures are called this", where=name, do="name the pictures apart"
        )


def _unlistable(text: str, error: Exception) -> DataError:
    where = masked(text)
    if isinstance(error, DataError):
        return error
    if isinstance(error, FileNotFoundError):
        return DataError("there is no such file or folder", where=where, do="check the path")
    reason = str(error).replace(text, where).splitlines() or [type(error).__name__]
    what = f"cannot be listed ({reason[0][:200].rstrip(' .')})"
    return DataError(what, where=where, do="check the address, and what fsspec needs for it")


def _protocols(filesystem: Any) -> tuple[str, ...]:
    protocol = filesystem.protocol
    return (protocol,) if isinstance(protocol, str) else tuple(protocol)
