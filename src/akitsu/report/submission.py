"""A table of pixels answered row by row: the file that Kaggle's Digit Recognizer asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from akitsu.data.formats.registry import ReaderOptions, read
from akitsu.errors import DataError, ModelFileError
from akitsu.files import write_text
from akitsu.runtime.recognizer import Recognizer


def write_submission(
    recognizer: Recognizer, table: Path, output: Path, *, force: bool = False
) -> int:
    """Recognise every row of a table and write `ImageId,Label`, ids from 1.

    Args:
        recognizer: A classifier.
        table: Pixels as in `pixel-csv`, with or without labels.
        output: The file to write.
        force: Replace what is there.

    Returns:
        The number of rows.

    Raises:
        ModelFileError: If the model is no classifier.
        DataError: If the pictures have another size than the model's input.
        FaultsError: If the table is broken.
        OutputError: If the file is there and `force` is False.
    """
    if recognizer.task != "classification":
        raise ModelFileError(
            f"a table of pixels is for classifiers, and this model does {recognizer.task}",
            where=table,
            do="name pictures or a folder of them",
        )
    options = ReaderOptions(classes=recognizer.classes)
    rows: Any = read(table, "all", format="pixel-csv", options=options)
    wanted = (*recognizer.card.input_hw, recognizer.card.channels)
    if rows.images.shape[1:] != wanted:
        raise DataError(
            f"pictures of {rows.images.shape[1]} x {rows.images.shape[2]} pixels where the model "
            f"wants {wanted[0]} x {wanted[1]}",
            where=table,
            do="use the table that belongs to the model's training data",
        )
    labels = recognizer.predict_inputs(rows.images)["probabilities"].argmax(1)
    names = [recognizer.classes[label] for label in labels]
    lines = [f"{number},{name}\n" for number, name in enumerate(names, 1)]
    write_text(output, "ImageId,Label\n" + "".join(lines), force=force)
    return len(lines)
