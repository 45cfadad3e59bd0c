"""What a folder of shards says of itself: shards.json, and where in which shard each picture lies.

The index is mapped, not loaded: 20 bytes a picture on disk, and in memory only what is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError

DESCRIPTION, INDEX = "shards.json", "index.npy"
VERSION = 1

RECORD = np.dtype([("start", "<u8"), ("bytes", "<u8"), ("crc32", "<u4")])
"""Of one picture: where in its shard it begins, how long it is, and the CRC-32 of these bytes."""

# More than any labelled picture has. A batch has room for this many boxes a picture, so that a
# larger number would fill the memory before the first picture is read.
MOST_BOXES = 100_000


@dataclass(frozen=True)
class Shard:
    """One tar file: its name in the folder, its length, and how many pictures are in it."""

    file: str
    bytes: int
    pictures: int


@dataclass(frozen=True)
class Description:
    """The content of shards.json.

    Attributes:
        task: The question that the labels answer.
        classes: Class names by index.
        pictures: Pictures in all shards.
        most_boxes: The largest number of boxes to train on in one picture; 0 without boxes.
        shards: The tar files in the order of their pictures.
        version: Of this layout.
    """

    task: Literal["classification", "detection", "segmentation"]
    classes: list[str]
    pictures: int
    most_boxes: int
    shards: list[Shard]
    version: int = VERSION

    def firsts(self) -> list[int]:
        """The index of the first picture of each shard."""
        counts = (shard.pictures for shard in self.shards)
        return list(accumulate(counts, initial=0))[:-1]


def read_description(folder: Path) -> Description:
    """What shards.json says, checked.

    Raises:
        DataError: If it is missing, broken, of a later version, or contradicts itself.
    """
    from pydantic import ValidationError

    file = folder / DESCRIPTION
    advice = "copy the folder again, or write it anew with akitsu convert"
    try:
        description: Description = _adapter().validate_json(file.read_bytes())
    except OSError as error:
        what = (error.strerror or "cannot be read").lower()
        raise DataError(what, where=file, do=advice) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = f"{place or 'the file'}: {first['msg'].lower()}"
        raise DataError(what, where=file, do=advice) from error
    if description.version != VERSION:
        what = f"version {description.version} of the layout where {VERSION} is known"
        raise DataError(what, where=file, do="install a newer akitsu")
    contradiction = _contradiction(description)
    if contradiction:
        raise DataError(contradiction, where=file, do=advice)
    return description


def open_index(folder: Path, *, pictures: int) -> NDArray[np.void]:
    """The index as it lies on disk: (N,) of `RECORD`.

    Raises:
        DataError: If it is missing, broken, or not of `pictures` pictures.
    """
    file = folder / INDEX
    advice = "copy it again, or write the shards anew with akitsu convert"
    try:
        # np.load would open a ZIP and unpack pickles as well.
        index: NDArray[np.void] = np.lib.format.open_memmap(file, mode="r")
    # A broken header makes NumPy raise one of several, EOFError among them.
    except Exception as error:
        what = getattr(error, "strerror", None) or "this is no index of shards"
        raise DataError(str(what).lower(), where=file, do=advice) from error
    if index.dtype != RECORD or index.shape != (pictures,):
        what = f"{index.shape} of {index.dtype} where ({pictures},) of {RECORD} belong"
        raise DataError(what, where=file, do=advice)
    return index


def _contradiction(description: Description) -> str:
    names = [shard.file for shard in description.shards]
    counted = sum(shard.pictures for shard in description.shards)
    # A name with a folder in it would lead out of the set.
    strangers = [name for name in names if Path(name).name != name or not name.endswith(".tar")]
    if strangers:
        return f"{strangers[0]!r} is no name of a shard"
    if len(set(names)) < len(names):
        return "a shard is named twice"
    if any(shard.pictures < 1 or shard.bytes < 1 for shard in description.shards):
        return "a shard has no pictures"
    if counted != description.pictures:
        return f"its shards have {counted} pictures, and it speaks of {description.pictures}"
    if not 0 <= description.most_boxes <= MOST_BOXES:
        return f"{description.most_boxes} boxes in one picture"
    return "" if description.classes else "there are no classes"


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Description)
