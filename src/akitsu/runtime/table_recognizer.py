"""A model file of a table at work: rows of numbers in, the probabilities of their classes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from akitsu.errors import ModelFileError, ShapeError
from akitsu.runtime.card import OUTPUTS, ROWS_INPUT, ModelCard
from akitsu.runtime.model_file import OpenModel, first_line, open_model
from akitsu.runtime.results import Classification
from akitsu.runtime.rows import Columns, encode_rows, input_names
from akitsu.runtime.threads import available_threads


class TableRecognizer:
    """A model file that answers rows of a table: call it with a row.

    Attributes:
        card: What the model file says of itself.
        threads: CPU threads that one call may use.
    """

    def __init__(
        self, path: str | Path, *, threads: int | None = None, opened: OpenModel | None = None
    ) -> None:
        """Open a model file.

        Args:
            path: A `.onnx` file that `akitsu compare` wrote.
            threads: CPU threads; None takes `available_threads()`.
            opened: The file, where it is open already.

        Raises:
            ModelFileError: If the file is missing, broken, not made by akitsu, keeps weights in
                other files, its graph does not fit its card, or it is for pictures.
        """
        self._path = Path(path)
        self.threads = available_threads() if threads is None else threads
        opened = opened or open_model(self._path, threads=self.threads)
        self.card = opened.card
        if self.card.task != "table":
            raise ModelFileError(
                f"this model does {self.card.task} of pictures, and answers no rows of a table",
                where=self._path,
                do="name pictures, or a model file that akitsu compare wrote",
            )
        self._session, self._largest_batch = opened.session, opened.largest_batch

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.card.classes

    @property
    def task(self) -> str:
        """Always "table"."""
        return self.card.task

    @property
    def inputs(self) -> list[str]:
        """What the F numbers of a row are; of a feature of texts, one for each text."""
        return input_names(self.card.features, self.card.categories)

    @overload
    def __call__(self, row: Mapping[str, float | str]) -> Classification: ...
    @overload
    def __call__(self, row: ArrayLike) -> Classification | list[Classification]: ...
    def __call__(
        self, row: ArrayLike | Mapping[str, float | str]
    ) -> Classification | list[Classification]:
        """Classify one row.

        Args:
            row: F numbers in the order of `inputs`, or the row by the names of its columns, with
                its texts as they are. (B, F) numbers are B rows, as with `batch`.

        Raises:
            ShapeError: If there are not F numbers, or one is not finite.
            DataError: If a column or a value is missing or not what training saw.
        """
        if isinstance(row, Mapping):
            columns = {name: _column_of(value) for name, value in row.items()}
            return self.batch(self.encode(columns, where=lambda _: "the row"))[0]
        values = np.asarray(row)
        return self.batch(values) if values.ndim == 2 else self.batch(values[None])[0]

    def batch(self, rows: ArrayLike) -> list[Classification]:
        """Classify (B, F) numbers, one answer a row; B may be 0."""
        probabilities = self.predict_inputs(np.asarray(rows))["probabilities"]
        return [Classification(self.classes, row) for row in probabilities]

    def encode(
        self, columns: Columns, *, where: Callable[[int], str], table: str = ""
    ) -> NDArray[np.float64]:
        """Columns of a table as (B, F) numbers; see `akitsu.runtime.rows.encode_rows`."""
        card = self.card
        return encode_rows(
            columns, card.features, categories=card.categories, where=where, table=table
        )

    def predict_inputs(self, rows: NDArray[Any]) -> dict[str, NDArray[np.float32]]:
        """Run the graph on rows of numbers.

        Args:
            rows: (B, F), whole or real numbers; B may be 0.

        Returns:
            `probabilities`, (B, K) float32.

        Raises:
            ShapeError: If the rows are no such array, or a number is not finite.
        """
        _check(rows, width=len(self.inputs), card=self.card, path=self._path)
        values = rows.astype(np.float64)
        parts = [np.empty((0, len(self.classes)), np.float32)]
        for start in range(0, len(values), self._largest_batch):
            parts.append(self._run(values[start : start + self._largest_batch]))
        return {"probabilities": np.concatenate(parts)}

    def _run(self, rows: NDArray[np.float64]) -> NDArray[np.float32]:
        try:
            (found,) = self._session.run(list(OUTPUTS["table"]), {ROWS_INPUT: rows})
        except Exception as error:  # onnxruntime's own family has no common ancestor
            raise self._unfit(f"the graph fails ({first_line(error)})") from error
        probabilities: NDArray[np.float32] = found
        if probabilities.shape != (len(rows), len(self.classes)):
            raise self._unfit(
                f"the model answers with {probabilities.shape[-1]} classes where its card names "
                f"{len(self.classes)}"
            )
        return probabilities

    def _unfit(self, what: str) -> ModelFileError:
        return ModelFileError(what, where=self._path, do="export it again with akitsu")


def _check(rows: NDArray[Any], *, width: int, card: ModelCard, path: Path) -> None:
    is_of_numbers = np.issubdtype(rows.dtype, np.integer) or np.issubdtype(rows.dtype, np.floating)
    if rows.ndim != 2 or rows.shape[1] != width or not is_of_numbers:
        names = input_names(card.features, card.categories)
        raise ShapeError(
            f"rows are {rows.dtype} of shape {rows.shape}",
            where=path,
            do=f"pass numbers of shape (B, {width}): {_few(names)}",
        )
    if not np.isfinite(rows).all():
        row, column = np.argwhere(~np.isfinite(rows))[0]
        raise ShapeError(
            f"row {row}, number {column} is {rows[row, column]}",
            where=path,
            do="fill it in, or leave the row out",
        )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _column_of(value: float | str) -> NDArray[Any]:
    if isinstance(value, str):
        return np.array([value], dtype=object)
    return np.array([value], dtype=np.float64)
