"""The work itself, the same in one process and in many: a part's pictures become its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from akitsu.bulk.parquet_pictures import read_row_contents
from akitsu.bulk.reference import Reference, check_size
from akitsu.bulk.rows import row_from_error, row_from_result, table_from_rows
from akitsu.bulk.tar_shards import read_member
from akitsu.errors import DataError
from akitsu.runtime.pictures import decode_picture
from akitsu.runtime.recognizer import Recognizer

BATCH = 16
"""Pictures in one run of the graph."""

BATCH_PIXELS = 64_000_000
"""A batch is closed early once its frames hold so many pixels, 192 MB as RGB."""

Frame = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What changes the rows beside the model and the pictures.

    Attributes:
        score_threshold: Detections below it are left out; None takes the model card's.
        masks: Keep each mask as a PNG beside its shares.
    """

    score_threshold: float | None = None
    masks: bool = False


class Worker:
    """A model file, opened once, that answers one part after the other."""

    def __init__(
        self, recognizer: Recognizer, filesystems: Sequence[Any], settings: Settings
    ) -> None:
        self._recognizer, self._filesystems = recognizer, filesystems
        self._settings = settings

    def __call__(self, references: Sequence[Reference]) -> pa.Table:
        """A row a reference, sorted by name; a broken picture is a row with its error.

        Where batches begin depends on the part alone, so that every engine computes the same sums.

        Raises:
            ModelFileError: If the graph fails, which is not the picture's fault.
        """
        task = self._recognizer.task
        rows: list[dict[str, Any]] = []
        names: list[str] = []
        frames: list[Frame] = []
        for name, frame in self._frames(references):
            if isinstance(frame, DataError):
                rows.append(row_from_error(name, frame, task=task))
                continue
            names.append(name)
            frames.append(frame)
            if len(frames) == BATCH or sum(f.size // 3 for f in frames) >= BATCH_PIXELS:
                rows += self._recognised(names, frames)
                names, frames = [], []
        rows += self._recognised(names, frames)
        return table_from_rows(rows, task=task)

    def _recognised(self, names: list[str], frames: list[Frame]) -> list[dict[str, Any]]:
        results = self._recognizer.batch(frames, score_threshold=self._settings.score_threshold)
        return [
            row_from_result(name, result, masks=self._settings.masks)
            for name, result in zip(names, results, strict=True)
        ]

    def _frames(self, references: Sequence[Reference]) -> Iterator[tuple[str, Frame | DataError]]:
        for name, content in _contents(references, self._filesystems):
            yield name, _decoded(content, name=name)


def _contents(
    references: Sequence[Reference], filesystems: Sequence[Any]
) -> Iterator[tuple[str, bytes | DataError]]:
    """Each picture's encoded bytes, or why they cannot be read."""
    places = groupby(references, key=lambda own: (own.kind, own.filesystem, own.path))
    for (kind, number, _), group in places:
        filesystem, members = filesystems[number], list(group)
        if kind == "row":
            yield from _row_contents(filesystem, members)
        else:
            yield from ((own.name, _content(filesystem, own)) for own in members)


def _content(filesystem: Any, reference: Reference) -> bytes | DataError:
    try:
        check_size(reference.size, name=reference.name)
        if reference.kind == "member":
            return read_member(filesystem, reference)
        content: bytes = filesystem.cat_file(reference.path)
        return content
    # Each filesystem has errors of its own, and one unreadable picture must not end the run.
    except Exception as error:
        return _unreadable(error, name=reference.name)


def _row_contents(
    filesystem: Any, rows: Sequence[Reference]
) -> Iterator[tuple[str, bytes | DataError]]:
    """As `_content` for rows of one Parquet file; where it breaks off, the rest is unreadable."""
    done = 0
    try:
        for row, content in zip(rows, read_row_contents(filesystem, rows), strict=True):
            done += 1
            yield row.name, content or b""
    except Exception as error:  # as above
        for row in rows[done:]:
            yield row.name, _unreadable(error, name=row.name)


def _decoded(content: bytes | DataError, *, name: str) -> Frame | DataError:
    if isinstance(content, DataError):
        return content
    try:
        check_size(len(content), name=name)
        return decode_picture(content, where=name)
    except DataError as error:
        return error


def _unreadable(error: Exception, *, name: str) -> DataError:
    if isinstance(error, DataError):
        return error
    reason = (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()
    what = f"cannot be read ({reason[0][:200].lower().rstrip(' .')})"
    return DataError(what, where=name, do="check the file, then run again with --retry-errors")
