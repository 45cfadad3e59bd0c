"""Scikit-learn's handwritten digits as the two tables of a Kaggle competition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.data.generated.handwriting import all_handwriting
from akitsu.files import write_text

# Every ninth is for the test: every eighth of the rest is then for validation, and 1,398 train.
NINTH = 9


@dataclass(frozen=True)
class DigitsTable:
    """Where the tables lie, and what the competition would keep secret.

    Attributes:
        train: A table label,pixel0,...,pixel63 with eight ninths of the digits.
        test: A table pixel0,...,pixel63 with the rest.
        test_labels: (N,) int64: the labels of `test`, row by row.
    """

    train: Path
    test: Path
    test_labels: NDArray[np.int64]


def digits_table(folder: Path, *, force: bool = True) -> DigitsTable:
    """Write train.csv and test.csv: 8 x 8 pixels from 0 to 255.

    Args:
        folder: Where to; it is made.
        force: False refuses to replace files that stand there.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
        OutputError: If the folder cannot be written, or a file is there and `force` is False.
    """
    digits = all_handwriting()
    pixels = (digits.ink.reshape(len(digits.ink), -1) * 255).round().astype(np.uint8)
    is_test = np.arange(len(pixels)) % NINTH == NINTH - 1
    names = [f"pixel{number}" for number in range(pixels.shape[1])]
    labelled = np.column_stack([digits.labels[~is_test], pixels[~is_test]])
    train, test = folder / "train.csv", folder / "test.csv"
    write_text(train, _csv(["label", *names], labelled), force=force)
    write_text(test, _csv(names, pixels[is_test]), force=force)
    return DigitsTable(train, test, digits.labels[is_test])


def _csv(names: list[str], rows: NDArray[np.integer]) -> str:
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows.tolist())]
    return "\n".join(lines) + "\n"
