"""The digits as a competition's tables."""

from __future__ import annotations

import numpy as np
import pytest

from akitsu.data.formats.registry import read
from akitsu.data.generated.digits_table import digits_table
from akitsu.data.generated.handwriting import all_handwriting
from akitsu.errors import OutputError


def test_the_tables_hold_every_digit_once_and_as_it_was(tmp_path):
    tables = digits_table(tmp_path)
    train, test = read(tables.train, "all"), read(tables.test, "all")

    images = np.concatenate([train.images, test.images])[..., 0] / 255
    labels = np.concatenate([train.labels, tables.test_labels])
    is_test = np.arange(1797) % 9 == 8
    order = np.argsort(is_test, kind="stable")
    assert test.labels is None
    np.testing.assert_allclose(images, all_handwriting().ink[order], atol=1 / 255)
    np.testing.assert_array_equal(labels, all_handwriting().labels[order])


def test_tables_that_stand_there_are_not_replaced_unasked(tmp_path):
    digits_table(tmp_path)

    with pytest.raises(OutputError, match="--force"):
        digits_table(tmp_path, force=False)
