"""Batches of several sources in turns."""

from __future__ import annotations

from itertools import islice

import pytest

from akitsu.errors import DataError, TrainingError
from akitsu.training.batches import ShuffledBatches
from akitsu.training.interleaved import Interleaved


def source(name, n):
    def fetch(plan):
        return name, plan.indices.tolist()

    return ShuffledBatches(n, 2, seed=3, fetch=fetch)


def two():
    return Interleaved({"a": source("a", 6), "b": source("b", 2)})


def test_the_sources_come_in_turns_and_an_epoch_is_that_of_the_longest():
    batches = two()

    assert batches.batches_per_epoch == 6
    epochs, given = [], []
    for batch in islice(batches, 12):
        given.append(batch)
        epochs.append((batches.epoch, batches.is_new_epoch))
    assert [name for name, _ in given] == ["a", "b"] * 6
    assert epochs == [(0, False)] * 5 + [(1, True)] + [(1, False)] * 5 + [(2, True)]
    first = [index for name, indices in given[:6] if name == "a" for index in indices]
    assert sorted(first) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("at", [0, 1, 5, 6, 9])
def test_they_go_on_where_a_snapshot_was_taken(at):
    whole, cut, resumed = list(islice(two(), 14)), two(), two()
    list(islice(cut, at))

    resumed.load_state_dict(cut.state_dict())

    assert list(islice(resumed, 14 - at)) == whole[at:]
    assert resumed.epoch_detail == 14 / 6


def test_other_sources_than_those_of_the_snapshot_are_refused():
    other = Interleaved({"b": source("b", 2), "a": source("a", 6)})

    with pytest.raises(TrainingError, match="sources a, b, and now they are b, a"):
        other.load_state_dict(two().state_dict())


def test_no_source_is_refused():
    with pytest.raises(DataError, match="no source"):
        Interleaved({})
