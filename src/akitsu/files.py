"""Files written whole or not at all: a temporary neighbour, flushed to disk, then renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from akitsu.errors import OutputError

# What a disk says that takes no more, or takes nothing.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@contextmanager
def whole_file(path: Path, *, force: bool = True) -> Iterator[Path]:
    """Give a temporary path beside `path`, renamed onto it if the block ends well.

    Args:
        path: Where the finished file shall stand; its folder is made.
        force: False refuses to replace a file that stands there already.

    Raises:
        OutputError: If the file exists and `force` is False, or the place cannot be written, or is
            full.
    """
    require_absent(path, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
        os.close(handle)
    except OSError as error:
        reason = error.strerror or "cannot be written"
        raise OutputError(reason.lower(), where=path, do="choose another place") from error
    temporary = Path(name)
    try:
        with _full_disk_is_said(path):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def require_absent(*paths: Path, force: bool = False) -> None:
    """Refuse before any work what could only be written in the place of another file.

    Raises:
        OutputError: If one of `paths` exists and `force` is False.
    """
    for path in paths:
        if path.exists() and not force:
            raise OutputError(
                "this file exists already", where=path, do="add --force to replace it"
            )


@contextmanager
def _full_disk_is_said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in DISK:
            raise
        reason = (error.strerror or "cannot be written").lower()
        raise OutputError(reason, where=path, do="make room, or choose another place") from error


def append_text(path: Path, text: str) -> None:
    """Add `text` as UTF-8 to the end of a file; on a full disk a part of it may be there.

    Raises:
        OutputError: If the place is full.
    """
    with _full_disk_is_said(path), path.open("a", encoding="utf-8") as file:
        file.write(text)


def write_text(path: Path, text: str, *, force: bool = True) -> None:
    """Write `text` as UTF-8, whole or not at all."""
    with whole_file(path, force=force) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: Any, *, force: bool = True) -> None:
    """Write `document` as indented JSON, whole or not at all; NaN becomes null."""
    text = json.dumps(without_nan(document), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n", force=force)


def without_nan(document: Any) -> Any:
    """The same document with None where a float is not a number: JSON has no NaN."""
    if isinstance(document, dict):
        return {key: without_nan(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [without_nan(value) for value in document]
    if isinstance(document, float) and document != document:
        return None
    return document


@contextmanager
def whole_folder(path: Path, *, force: bool = False) -> Iterator[Path]:
    """Give a temporary folder beside `path`, renamed onto it if the block ends well.

    Raises:
        OutputError: If `path` exists and is not empty, and `force` is False.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())) and not force:
        raise OutputError(
            "this exists already and is not empty", where=path, do="add --force to replace it"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix="."))
    except OSError as error:
        reason = error.strerror or "cannot be written"
        raise OutputError(reason.lower(), where=path, do="choose another place") from error
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_json(path: Path) -> Any:
    """The document in a JSON file.

    Raises:
        OutputError: If there is none, or it is broken.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = "this file cannot be read as JSON"
        raise OutputError(what, where=path, do="write it anew") from error
