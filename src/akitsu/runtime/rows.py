"""Rows of a table as a model file wants them: numbers, and a column of ones and noughts a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError, nearest

Columns = Mapping[str, NDArray[Any]]


def input_names(features: Sequence[str], categories: Mapping[str, Sequence[str]]) -> list[str]:
    """The names of the model's F inputs: a column of numbers is one, one of texts is one a text.

    Example:
        >>> input_names(["length", "colour"], {"colour": ["blue", "red"]})
        ['length', 'colour=blue', 'colour=red']
    """
    return [
        name if text is None else f"{name}={text}"
        for name in features
        for text in categories.get(name, (None,))
    ]


def encode_rows(
    columns: Columns,
    features: Sequence[str],
    *,
    categories: Mapping[str, Sequence[str]],
    where: Callable[[int], str],
    table: str = "",
) -> NDArray[np.float64]:
    """The model's inputs for every row.

    Args:
        columns: By name, each (N,) of numbers (NaN is missing) or of texts (None is missing); more
            than the features may be there.
        features: The columns that the model learnt from, in order.
        categories: Of each feature of texts, the texts that were seen in training.
        where: The place of a row, from its index, for messages.
        table: What the columns are from, for messages.

    Returns:
        (N, F) float64, all finite.

    Raises:
        DataError: If a column or a value is missing, a text stands where a number belongs, or a
            text was not seen in training.

    Example:
        >>> columns = {"a": np.array([1.0, 2.0]), "b": np.array(["x", "y"], dtype=object)}
        >>> encode_rows(columns, ["b", "a"], categories={"b": ["x", "y"]}, where=str)
        array([[1., 0., 1.],
               [0., 1., 2.]])
    """
    blocks = []
    for name in features:
        if name not in columns:
            do = f"name a table with the columns {', '.join(features)}"
            raise DataError(f"there is no column {name!r}", where=table, do=do)
        if name in categories:
            blocks.append(_ones(columns[name], name, texts=categories[name], where=where))
        else:
            blocks.append(_numbers(columns[name], name, where=where)[:, None])
    return np.concatenate(blocks, axis=1) if blocks else np.empty((0, 0))


def text_of(value: Any) -> str:
    """A value of a table as a name: 3.0 is "3", for a column of numbers may hold classes.

    Example:
        >>> text_of(3.0), text_of(0.5), text_of("red")
        ('3', '0.5', 'red')
    """
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return str(value)


def missing_rows(column: NDArray[Any]) -> NDArray[np.int64]:
    """The indices of the rows in which a column has no value."""
    if column.dtype == object:
        return np.flatnonzero([value is None for value in column])
    return np.flatnonzero(np.isnan(column))


def _require_values(column: NDArray[Any], name: str, *, where: Callable[[int], str]) -> None:
    gone = missing_rows(column)
    if len(gone):
        more = f", and in {len(gone) - 1} more rows" if len(gone) > 1 else ""
        raise DataError(
            f"no value in the column {name!r}{more}",
            where=where(int(gone[0])),
            do="fill it in, or delete the row",
        )


def _numbers(
    column: NDArray[Any], name: str, *, where: Callable[[int], str]
) -> NDArray[np.float64]:
    _require_values(column, name, where=where)
    if column.dtype == object:
        row = next(row for row, text in enumerate(column) if number_in(text) is None)
        what = f"{str(column[row])[:40]!r} in the column {name!r}, where a number belongs"
        raise DataError(what, where=where(row), do="correct it, or delete the row")
    endless = np.flatnonzero(~np.isfinite(column))
    if len(endless):
        what = f"an infinite number in the column {name!r}"
        raise DataError(what, where=where(int(endless[0])), do="correct it, or delete the row")
    numbers: NDArray[np.float64] = column.astype(np.float64)
    return numbers


def number_in(text: str) -> float | None:
    """The number that a text says, or None; Python's 1_000 is none.

    Example:
        >>> number_in("1e-3"), number_in("1_000"), number_in("3,5")
        (0.001, None, None)
    """
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _ones(
    column: NDArray[Any], name: str, *, texts: Sequence[str], where: Callable[[int], str]
) -> NDArray[np.float64]:
    _require_values(column, name, where=where)
    place = {text: index for index, text in enumerate(texts)}
    given = [text_of(value) for value in column]
    strange = next((row for row, text in enumerate(given) if text not in place), None)
    if strange is not None:
        what = f"{given[strange][:40]!r} in the column {name!r}, which training did not see"
        do = nearest(given[strange], texts, otherwise=f"choose one of {', '.join(texts)}")
        raise DataError(what, where=where(strange), do=do)
    return np.eye(len(texts))[[place[text] for text in given]]
