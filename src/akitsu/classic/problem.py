"""What a comparison is about: rows of numbers, their classes, and which rows are for the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.table import Column, Table, listed
from akitsu.errors import DataError
from akitsu.runtime.rows import encode_rows, input_names, missing_rows, number_in, text_of

PETALS = ("petal length (cm)", "petal width (cm)")
"""The two features of iris that the seed compares its classifiers on."""
SPECIES = "species"
TEST_SHARE = 0.3
MOST_TEXTS = 20
"""A column of more different texts is a name or a number of something, and no feature."""
MOST_VALUES = 20
"""A target of more different values, if they are also a fifth of the rows, is a quantity."""
FEWEST_ROWS = 10


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A table made ready for classifiers.

    Attributes:
        name: Of the table: "iris", or the file's.
        target: The column with the classes.
        features: The columns that are learnt from.
        categories: Of each feature of texts, its texts in alphabetical order.
        inputs: (N, F) float64, not scaled; a feature of texts is a 0 or 1 for each of its texts.
        labels: (N,) class indices.
        classes: K names.
        train: Indices of the rows that are not for the test, in the order of the split: the
            perceptron and the forest come to something else in another order.
        stratified: Whether the test has of each class as large a share as the table.
    """

    name: str
    target: str
    features: tuple[str, ...]
    categories: Mapping[str, list[str]]
    inputs: NDArray[np.float64]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    train: NDArray[np.int64]
    stratified: bool

    @property
    def title(self) -> str:
        """The table's name without its folders."""
        return Path(self.name).name

    @property
    def test(self) -> NDArray[np.bool_]:
        """(N,) True for the rows that are kept for the test."""
        test = np.ones(len(self.labels), bool)
        test[self.train] = False
        return test

    @property
    def input_names(self) -> list[str]:
        """What each column of `inputs` is."""
        return input_names(self.features, self.categories)


def iris_table() -> Table:
    """Fisher's 150 irises as scikit-learn has them, with the column `species`.

    Scikit-learn corrected two rows in 0.20; the seed was written before (docs/guides/classic.md).
    """
    from sklearn.datasets import load_iris

    iris = load_iris()
    columns = {
        name: np.asarray(iris.data[:, i], np.float64) for i, name in enumerate(iris.feature_names)
    }
    columns[SPECIES] = np.array([iris.target_names[label] for label in iris.target], dtype=object)
    return Table("iris", columns, np.arange(1, len(iris.target) + 1), unit="row")


def iris_problem(
    *,
    features: Sequence[str] | None = None,
    without: Sequence[str] = (),
    folds: int = 10,
    seed: int = 0,
) -> Problem:
    """The seed's problem: two petal features, and its split, which is not stratified."""
    return make_problem(
        iris_table(),
        target=SPECIES,
        features=features or PETALS,
        without=without,
        folds=folds,
        seed=seed,
        stratified=False,
    )


def make_problem(
    table: Table,
    *,
    target: str,
    features: Sequence[str] | None = None,
    without: Sequence[str] = (),
    folds: int = 10,
    seed: int = 0,
    stratified: bool = True,
) -> Problem:
    """Choose the columns of a table, encode its texts and set rows aside for the test.

    Args:
        table: As read.
        target: The column with the classes, texts or numbers.
        features: The columns to learn from; None takes all others.
        without: Columns to leave out of these.
        folds: Each class needs as many rows.
        seed: Chooses the rows for the test.
        stratified: Keep the classes' shares in the test.

    Raises:
        DataError: If a column is missing or unfit, a value is missing or infinite, there is one
            class alone, or too few rows.
    """
    named = table.column(target)  # a misspelt target before a misspelt feature
    chosen = _features(table, target=target, features=features, without=without)
    labels, classes = _classes(table, target, named)
    _check_counts(table, labels, classes=classes, target=target, folds=folds)
    categories = {
        name: _texts(table, name) for name in chosen if table.column(name).dtype == object
    }
    inputs = encode_rows(
        table.columns, chosen, categories=categories, where=table.where, table=table.name
    )
    return Problem(
        name=table.name,
        target=target,
        features=tuple(chosen),
        categories=categories,
        inputs=inputs,
        labels=labels,
        classes=classes,
        train=_split(table, labels, seed=seed, stratified=stratified),
        stratified=stratified,
    )


def labels_in(table: Table, target: str, classes: Sequence[str]) -> NDArray[np.int64]:
    """The class indices of a labelled table, for classes that are known already.

    Raises:
        DataError: If there is no such column, a value is missing, or one is no class.
    """
    column = table.column(target)
    _require_labels(table, target, column)
    place = {name: index for index, name in enumerate(classes)}
    for row, value in enumerate(column):
        if text_of(value) not in place:
            raise DataError(
                f"the class {text_of(value)[:40]!r} in the column {target!r}, which the model does "
                "not know",
                where=table.where(row),
                do=f"correct it to one of {listed(classes)}, or delete the row",
            )
    return np.array([place[text_of(value)] for value in column], np.int64)


def _features(
    table: Table, *, target: str, features: Sequence[str] | None, without: Sequence[str]
) -> list[str]:
    chosen = [name for name in table.columns if name != target] if features is None else features
    for name in without:
        table.column(name)
    chosen = [name for name in chosen if name not in without]
    if target in chosen:
        do = "leave it out of --features"
        raise DataError(f"the target {target!r} is among the features", where=table.name, do=do)
    if not chosen:
        what = f"no column is left beside the target {target!r}"
        raise DataError(what, where=table.name, do="add a column of features")
    for name in chosen:
        table.column(name)
    return list(dict.fromkeys(chosen))


def _classes(
    table: Table, target: str, column: Column
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    _require_labels(table, target, column)
    values, labels = np.unique(column, return_inverse=True)
    if len(values) > max(MOST_VALUES, len(column) / 5):
        kind = "texts" if column.dtype == object else "numbers"
        raise DataError(
            f"the target {target!r} holds {len(values)} different {kind} in {len(column)} rows, "
            "which are no classes",
            where=table.name,
            do="name a column of classes with --target",
        )
    return labels.reshape(-1).astype(np.int64), tuple(text_of(value) for value in values)


def _require_labels(table: Table, target: str, column: Column) -> None:
    gone = missing_rows(column)
    if len(gone):
        more = f", and in {len(gone) - 1} more rows" if len(gone) > 1 else ""
        raise DataError(
            f"no class in the column {target!r}{more}",
            where=table.where(int(gone[0])),
            do="fill it in, or delete the row",
        )


def _check_counts(
    table: Table, labels: NDArray[np.int64], *, classes: Sequence[str], target: str, folds: int
) -> None:
    if len(classes) == 1:
        raise DataError(
            f"all rows are of the class {classes[0]!r} in the column {target!r}",
            where=table.name,
            do="name a column with two classes or more",
        )
    if len(labels) < FEWEST_ROWS:
        what = f"{len(labels)} rows, where a comparison needs {FEWEST_ROWS}"
        raise DataError(what, where=table.name, do="add rows")
    counts = np.bincount(labels)
    fewest = int(counts.argmin())
    if counts[fewest] < folds:
        have = int(counts[fewest])
        advice = f"run with --folds {have}, or add rows" if have > 1 else "add rows, or delete it"
        raise DataError(
            f"the class {classes[fewest]!r} has {have} row{'s' if have > 1 else ''}, where "
            f"{folds} folds need {folds}",
            where=table.name,
            do=advice,
        )


def _texts(table: Table, name: str) -> list[str]:
    """The texts of a feature; a few mistakes in a column of numbers are not taken for texts."""
    column = table.column(name)
    given = [text for text in column if text is not None]
    numbers = [number_in(text) is not None for text in given]
    if 2 * sum(numbers) > len(given):
        row = next(i for i, text in enumerate(column) if text and number_in(text) is None)
        what = f"{column[row][:40]!r} in the column {name!r}, where a number belongs"
        do = "correct it, delete the row, or leave the column out with --without"
        raise DataError(what, where=table.where(row), do=do)
    texts = sorted(set(given))
    if len(texts) > MOST_TEXTS:
        raise DataError(
            f"the column {name!r} holds {len(texts)} different texts, and {MOST_TEXTS} at most "
            "make a feature",
            where=table.name,
            do=f'leave it out with --without "{name}"',
        )
    return texts


def _split(
    table: Table, labels: NDArray[np.int64], *, seed: int, stratified: bool
) -> NDArray[np.int64]:
    from sklearn.model_selection import train_test_split

    rows = np.arange(len(labels))
    if stratified and round(TEST_SHARE * len(rows)) < labels.max() + 1:
        what = f"{len(rows)} rows for {labels.max() + 1} classes"
        raise DataError(what, where=table.name, do="add rows, or join classes")
    train, _ = train_test_split(
        rows, test_size=TEST_SHARE, random_state=seed, stratify=labels if stratified else None
    )
    chosen: NDArray[np.int64] = train
    return chosen
