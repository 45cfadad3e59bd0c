"""Masks of class indices: what they may hold, and how a wrong value is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.formats.findings import Finding
from akitsu.errors import DataError
from akitsu.runtime.pictures import read_mask

IGNORE = 255
"""The mask value of a pixel that has no class."""


def read_labelled_mask(path: Path, *, classes: int, ignore: int | None) -> NDArray[np.uint8]:
    """Read a mask whose every value is a class or 255.

    Args:
        path: A grey or palette picture of class indices.
        classes: Number of classes; 0 if it is not known, and any value passes.
        ignore: One more value that is read as 255.

    Returns:
        (H, W) uint8 class indices, 255 = ignore.

    Raises:
        DataError: If the mask cannot be read or holds another value.
    """
    mask = with_ignore(read_mask(path), ignore=ignore)
    wrong = wrong_value(mask, classes=classes, where=path)
    if wrong is not None:
        raise DataError(wrong.what, where=wrong.where, do=wrong.do)
    return mask


def with_ignore(mask: NDArray[np.uint8], *, ignore: int | None) -> NDArray[np.uint8]:
    """The mask with the value `ignore` written as 255."""
    if ignore is None:
        return mask
    table = np.arange(256, dtype=np.uint8)
    table[ignore] = IGNORE
    return table[mask]


def wrong_value(mask: NDArray[np.uint8], *, classes: int, where: Path) -> Finding | None:
    """The first value that is neither a class nor 255, with its pixel count and place.

    Example:
        >>> mask = np.array([[0, 1], [7, 255]], np.uint8)
        >>> wrong_value(mask, classes=2, where=Path("a.png")).where
        'a.png, row 1, column 0'
    """
    wrong = (mask >= classes) & (mask != IGNORE)
    if classes == 0 or not wrong.any():
        return None
    row, column = (int(i) for i in np.argwhere(wrong)[0])
    value = int(mask[row, column])
    what = f"class {value} of a set with {classes} classes, at {int((mask == value).sum())} pixels"
    return Finding(
        "mask-value",
        "E",
        f"{where}, row {row}, column {column}",
        what,
        f"map it to 255 with data.ignore: {value}, or name it among the classes",
    )
