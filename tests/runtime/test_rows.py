from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import DataError
from akitsu.runtime.rows import encode_rows, input_names

TEXTS = ["blue", "green", "red"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.sampled_from(TEXTS)), min_size=1, max_size=9))
def test_what_was_encoded_can_be_read_back(rows):
    numbers, texts = zip(*rows, strict=True)
    columns = {"a": np.array(numbers), "b": np.array(texts, object)}

    encoded = encode_rows(columns, ["b", "a"], categories={"b": TEXTS}, where=str)

    assert encoded.shape == (len(rows), len(input_names(["b", "a"], {"b": TEXTS})))
    assert [TEXTS[place] for place in encoded[:, :3].argmax(1)] == list(texts)
    assert encoded[:, :3].sum(axis=1).tolist() == [1] * len(rows)
    assert encoded[:, 3].tolist() == list(numbers)


def test_a_column_of_numbers_may_hold_the_texts_of_training():
    """A table in which the few texts look like numbers is read as numbers."""
    encoded = encode_rows(
        {"b": np.array([2.0, 1.0])}, ["b"], categories={"b": ["1", "2", "many"]}, where=str
    )

    assert encoded.tolist() == [[0, 1, 0], [1, 0, 0]]


WRONG = {
    "no such column": ({"b": np.ones(2)}, "there is no column 'a'"),
    "a text": ({"a": np.array(["1", "x"], object)}, "row 1: 'x' in the column 'a', where a number"),
    "a missing number": ({"a": np.array([np.nan, 1])}, "row 0: no value in the column 'a'"),
    "endless": ({"a": np.array([1, -np.inf])}, "row 1: an infinite number"),
}


@pytest.mark.parametrize(("columns", "reason"), WRONG.values(), ids=WRONG)
def test_a_row_that_cannot_be_encoded_is_named(columns, reason):
    with pytest.raises(DataError, match=reason):
        encode_rows(columns, ["a"], categories={}, where=lambda row: f"row {row}")


def test_a_text_that_training_did_not_see_is_named_with_the_nearest():
    columns = {"b": np.array(["red", "gren"], object)}

    with pytest.raises(DataError, match=r"row 1: 'gren' in the column 'b'.*write green"):
        encode_rows(columns, ["b"], categories={"b": TEXTS}, where=lambda row: f"row {row}")
