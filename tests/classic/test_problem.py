from __future__ import annotations

import numpy as np
import pytest

from akitsu.classic.problem import PETALS, iris_problem, labels_in, make_problem
from akitsu.classic.table import Table
from akitsu.errors import DataError


def table(rows=40, **columns):
    """A table with a number, a colour and two classes of equal size; `columns` replace or add."""
    every = {
        "length": [float(i % 7) for i in range(rows)],
        "colour": ["red" if i % 3 else "blue" for i in range(rows)],
        "kind": ["a" if i % 2 else "b" for i in range(rows)],
    } | columns
    arrays = {
        name: np.array(values, dtype=object if str in map(type, values) else np.float64)
        for name, values in every.items()
    }
    return Table("t.csv", arrays, np.arange(2, rows + 2))


def test_iris_is_the_seeds_split_of_two_petal_features():
    problem = iris_problem()

    assert problem.features == PETALS
    assert problem.inputs.shape == (150, 2)
    assert problem.test.sum() == 45
    assert not problem.stratified
    assert np.bincount(problem.labels[problem.test]).tolist() == [16, 18, 11]
    assert problem.train[:5].tolist() == [60, 116, 144, 119, 108]


def test_texts_become_a_nought_or_one_for_each():
    problem = make_problem(table(), target="kind", features=["colour", "length"])

    assert problem.input_names == ["colour=blue", "colour=red", "length"]
    assert problem.inputs[:3].tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 2]]


def test_a_column_may_be_left_out():
    problem = make_problem(table(), target="kind", without=["colour"])

    assert problem.features == ("length",)
    with pytest.raises(DataError, match="write colour"):
        make_problem(table(), target="kind", without=["color"])


def test_the_test_has_the_classes_shares_of_the_table():
    kinds = ["a" if i < 10 else "b" for i in range(100)]

    problem = make_problem(table(100, kind=kinds), target="kind")

    assert np.bincount(problem.labels[problem.test]).tolist() == [3, 27]
    assert sorted([*problem.train, *np.flatnonzero(problem.test)]) == list(range(100))


def test_classes_that_are_numbers_are_named_without_a_point():
    problem = make_problem(table(kind=[float(i % 2) + 9 for i in range(40)]), target="kind")

    assert problem.classes == ("9", "10")


def wrong(**changes):
    return lambda: table(**changes)


NAN = float("nan")
HOSTILE = {
    "a misspelt target": (table, {"target": "kindd"}, "write kind"),
    "a misspelt feature": (table, {"features": ["lengt"]}, "write length"),
    "the target as a feature": (table, {"features": ["kind"]}, "is among the features"),
    "a missing number": (wrong(length=[NAN, *[1.0] * 39]), {}, "t.csv:2: no value in the column"),
    "two missing": (wrong(length=[NAN, NAN, *[1.0] * 38]), {}, "and in 1 more rows"),
    "an infinite number": (wrong(length=[float("inf"), *[1.0] * 39]), {}, "an infinite number"),
    "a missing class": (wrong(kind=[None, *["a", "b"] * 19, "a"]), {}, "t.csv:2: no class"),
    "one class": (wrong(kind=["a"] * 40), {}, "all rows are of the class 'a'"),
    "a rare class": (wrong(kind=["c", "c", *["a", "b"] * 19]), {}, "run with --folds 2"),
    "a class of one row": (wrong(kind=["c", *["a", "b"] * 19, "a"]), {}, "has 1 row, where"),
    "a quantity": (wrong(kind=[i / 7 for i in range(40)]), {}, "40 different numbers in 40 rows"),
    "names": (wrong(kind=[f"n{i}" for i in range(40)]), {}, "40 different texts in 40 rows"),
    "a mistake among numbers": (
        wrong(length=["1o", *["1"] * 39]),
        {},
        "t.csv:2: '1o' in the column 'length', where a number belongs",
    ),
    "a text that is a name": (
        wrong(colour=[f"n{i}" for i in range(40)]),
        {},
        'leave it out with --without "colour"',
    ),
    "few rows": (lambda: table(8), {"folds": 2}, "8 rows, where a comparison needs 10"),
}


@pytest.mark.parametrize(("make", "options", "reason"), HOSTILE.values(), ids=HOSTILE)
def test_a_table_that_cannot_be_compared_is_a_sentence(make, options, reason):
    with pytest.raises(DataError) as caught:
        make_problem(make(), **{"target": "kind", **options})

    assert str(caught.value).startswith("t.csv")
    assert reason in str(caught.value)


def test_a_target_alone_is_a_sentence():
    alone = Table("t.csv", {"kind": np.array(["a", "b"] * 9, object)}, np.arange(18))

    with pytest.raises(DataError, match="no column is left beside the target"):
        make_problem(alone, target="kind", folds=2)


def test_labels_of_another_table_are_those_of_the_model():
    assert labels_in(table(4), "kind", ["b", "a"]).tolist() == [0, 1, 0, 1]
    with pytest.raises(DataError, match=r"t.csv:3: the class 'a' .* does not know"):
        labels_in(table(4), "kind", ["b", "c"])
