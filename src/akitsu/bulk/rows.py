"""The rows of a table of predictions: one fixed Arrow schema by task, one row a picture."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from akitsu.errors import AkitsuError, DataError
from akitsu.runtime.results import Classification, Detections, Result

_SHARE = pa.struct([("class", pa.string()), ("share", pa.float32())])
_OBJECT = pa.struct(
    [("class", pa.string()), ("score", pa.float32()), ("box", pa.list_(pa.float32(), 4))]
)
_COLUMNS = {
    "classification": [("class", pa.string()), ("score", pa.float32())],
    "detection": [("objects", pa.list_(_OBJECT))],
    "segmentation": [("shares", pa.list_(_SHARE)), ("mask", pa.binary())],
}
SCHEMAS = {
    task: pa.schema([("name", pa.string()), ("task", pa.string()), *own, ("error", pa.string())])
    for task, own in _COLUMNS.items()
}
"""By task. Scores and shares lie from 0 to 1, boxes are XYXY in pixels of the picture, a mask is a
grey PNG of class indices. Where `error` is not null, the columns of the task are."""


def row_from_result(name: str, result: Result, *, masks: bool) -> dict[str, Any]:
    """The row of a picture that was recognised; `masks` keeps the mask beside its shares."""
    if isinstance(result, Classification):
        found = {"class": result.name, "score": result.score}
        return {"name": name, "task": "classification", **found}
    if isinstance(result, Detections):
        return {"name": name, "task": "detection", "objects": _objects(result)}
    shares = [{"class": own, "share": share} for own, share in result.shares().items()]
    mask = _png(result.mask) if masks else None
    return {"name": name, "task": "segmentation", "shares": shares, "mask": mask}


def row_from_error(name: str, error: AkitsuError, *, task: str) -> dict[str, Any]:
    """The row of a picture that could not be recognised: its error in place of its result."""
    return {"name": name, "task": task, "error": str(error)}


def table_from_rows(rows: list[dict[str, Any]], *, task: str) -> pa.Table:
    """Rows as a table, sorted by name; what a row does not say is null."""
    ordered = sorted(rows, key=lambda row: str(row["name"]))
    return pa.Table.from_pylist(ordered, schema=SCHEMAS[task])


def read_rows(output: str | Path) -> pa.Table:
    """The whole table of predictions that `akitsu predict … --output X.parquet` wrote.

    Args:
        output: The folder X.parquet; any reader of Parquet opens it as well.

    Returns:
        A row a picture, sorted by name whatever the order in which they were written.

    Raises:
        DataError: If there is no such table, or one of its files is broken.
    """
    files = part_files(Path(output))
    if not files:
        raise DataError("there are no predictions here", where=output, do="check the path")
    return pa.concat_tables([read_part(path) for path in files]).sort_by("name")


def part_files(output: Path) -> list[Path]:
    """The finished parts of a table, in the order of their names."""
    return sorted(output.glob("part-*.parquet"))


def read_part(path: Path, *, columns: list[str] | None = None) -> pa.Table:
    """One part of a table, or some columns of it.

    Raises:
        DataError: If it is broken.
    """
    try:
        return pq.ParquetFile(path).read(columns=columns)
    except (OSError, ValueError) as error:  # Arrow's errors are of these two families
        raise DataError(
            "this part cannot be read", where=path, do="delete it and run the command again"
        ) from error


def _objects(result: Detections) -> list[dict[str, Any]]:
    triples = zip(result.labels, result.scores, result.boxes, strict=True)
    return [
        {"class": result.classes[label], "score": float(score), "box": box.tolist()}
        for label, score, box in triples
    ]


def _png(mask: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, format="PNG")
    return buffer.getvalue()
