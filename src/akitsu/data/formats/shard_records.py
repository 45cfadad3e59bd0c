"""One picture of a shard: a few files of the same stem that stand side by side in a tar.

The layout is WebDataset's (Aizman et al., arXiv:2001.01858): `000000017.jpg` holds the picture,
`.cls` its label, `.mask.png` its mask and `.json` the rest.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from akitsu.data.sample import Sample
from akitsu.errors import DataError
from akitsu.runtime.pictures import PICTURE_SUFFIXES, decode_mask, decode_picture

LABEL, MASK, META = "cls", "mask.png", "json"

ADVICE = "copy the shard again, or leave such pictures out with --skip-broken"


@dataclass(frozen=True)
class Meta:
    """What stands in the `.json`; see `akitsu.data.sample.Sample`. `grey`: one channel."""

    name: str
    grey: bool = False
    boxes: list[tuple[float, float, float, float]] | None = None
    labels: list[int] | None = None
    difficult: list[bool] | None = None


def read_record(shard: Path, record: np.void, *, where: str) -> bytes:
    """The bytes of one picture, as they were written.

    Args:
        shard: The tar file.
        record: The line of the index.
        where: Shard and record, for messages.

    Raises:
        DataError: If the shard is missing or torn, or its bytes are not those that were written.
    """
    start, length = int(record["start"]), int(record["bytes"])
    try:
        with shard.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if start + length > size:
                what = f"the shard ends at byte {size:,}, and this picture at {start + length:,}"
                raise DataError(what, where=where, do=ADVICE)
            file.seek(start)
            content = file.read(length)
    except OSError as error:
        what = (error.strerror or "cannot be read").lower()
        raise DataError(what, where=where, do="copy the shard again") from error
    if crc32(content) != int(record["crc32"]):
        raise DataError("its bytes are not those that were written", where=where, do=ADVICE)
    return content


def parts_of(content: bytes, *, where: str) -> dict[str, bytes]:
    """The files of one record by what follows the first dot of their names.

    Raises:
        DataError: If this is no part of a tar file.
    """
    parts = {}
    try:
        with tarfile.open(fileobj=BytesIO(content), mode="r:") as tar:
            for member in tar:
                if member.isreg() and not member.issparse():
                    extension = member.name.rpartition("/")[2].partition(".")[2]
                    # A slice, so that a size that lies costs no memory.
                    parts[extension] = content[member.offset_data :][: member.size]
    # A header from a stranger makes tarfile raise more than its own errors.
    except Exception as error:
        what = f"no part of a tar file ({str(error).strip() or type(error).__name__})"
        raise DataError(what, where=where, do=ADVICE) from error
    return parts


def picture_of(parts: dict[str, bytes], *, where: str) -> tuple[str, bytes]:
    """The encoded picture with its extension.

    Raises:
        DataError: If the record has no picture.
    """
    for extension, content in parts.items():
        if f".{extension}" in PICTURE_SUFFIXES:
            return extension, content
    there = ", ".join(parts) or "nothing"
    raise DataError(f"{there} where a picture belongs", where=where, do=ADVICE)


def sample_of(parts: dict[str, bytes], *, task: str, where: str) -> Sample:
    """Decode one record; its classes are not checked.

    Raises:
        DataError: If a part is missing, broken, or contradicts another.
    """
    meta = _meta(_part(parts, META, where=where), where=where)
    encoded = picture_of(parts, where=where)[1]
    image = decode_picture(encoded, where=where, grey=meta.grey)
    if task == "classification":
        label = _label(_part(parts, LABEL, where=where), where=where)
        return Sample(image, meta.name, label=label)
    if task == "detection":
        return _with_boxes(image, meta, where=where)
    mask = decode_mask(_part(parts, MASK, where=where), where=where)
    if mask.shape != image.shape[:2]:
        what = f"a mask of {mask.shape} rows and columns for a picture of {image.shape[:2]}"
        raise DataError(what, where=where, do=ADVICE)
    return Sample(image, meta.name, mask=mask)


def _with_boxes(image: NDArray[np.uint8], meta: Meta, *, where: str) -> Sample:
    boxes = np.array(meta.boxes or (), np.float32).reshape(-1, 4)
    try:
        labels = np.array(meta.labels or (), np.int64)
    except OverflowError as error:
        what = "a class index of more than 64 bits"
        raise DataError(what, where=where, do=ADVICE) from error
    difficult = None if meta.difficult is None else np.array(meta.difficult, np.bool_)
    if len(labels) != len(boxes) or (difficult is not None and len(difficult) != len(boxes)):
        what = f"{len(labels)} labels for {len(boxes)} boxes"
        raise DataError(what, where=where, do=ADVICE)
    height, width = image.shape[:2]
    minima, maxima = boxes[:, :2], boxes[:, 2:]
    inside = (minima >= 0) & (minima <= maxima) & (maxima <= (width, height))
    if not inside.all():
        worst = boxes[~inside.all(1)][0].tolist()
        what = f"box {worst} in a picture of {width} x {height}"
        raise DataError(what, where=where, do=ADVICE)
    return Sample(image, meta.name, boxes=boxes, labels=labels, difficult=difficult)


def _part(parts: dict[str, bytes], extension: str, *, where: str) -> bytes:
    if extension not in parts:
        raise DataError(f"there is no .{extension} in it", where=where, do=ADVICE)
    return parts[extension]


def _label(content: bytes, *, where: str) -> int:
    try:
        return int(content)
    except ValueError as error:
        what = f"the label is {content[:20]!r}, and no number"
        raise DataError(what, where=where, do=ADVICE) from error


def _meta(content: bytes, *, where: str) -> Meta:
    from pydantic import ValidationError

    try:
        meta: Meta = _adapter().validate_json(content)
    except ValidationError as error:
        what = f"its .{META} cannot be read ({error.errors()[0]['msg'].lower()})"
        raise DataError(what, where=where, do=ADVICE) from error
    return meta


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Meta)
