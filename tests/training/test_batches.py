from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import DataError, TrainingError
from akitsu.training.batches import ShuffledBatches

sizes = st.integers(1, 30)


def indices_of(n: int, batch_size: int, *, seed: int = 3, drop_last: bool = True):
    """Batches that are nothing but the indices, and a number from the augmentation's chance."""

    def fetch(indices, generator):
        return [*indices.tolist(), float(torch.rand((), generator=generator))]

    return ShuffledBatches(n, batch_size, seed=seed, fetch=fetch, drop_last=drop_last)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes)
def test_every_picture_comes_once_an_epoch_if_the_rest_is_kept(n, batch_size):
    batches = indices_of(n, batch_size, drop_last=False)

    for _ in range(2):
        epoch = [i for _ in range(batches.batches_per_epoch) for i in next(batches)[:-1]]

        assert sorted(epoch) == list(range(n))


@settings(max_examples=50, deadline=None)
@given(sizes, sizes)
def test_all_batches_are_full_if_the_rest_is_dropped(n, batch_size):
    batches = indices_of(n, batch_size)

    epoch = [next(batches)[:-1] for _ in range(batches.batches_per_epoch)]

    assert {len(batch) for batch in epoch} == {min(batch_size, n)}
    assert len({i for batch in epoch for i in batch}) == len(epoch) * min(batch_size, n)


@settings(max_examples=50, deadline=None)
@given(sizes, sizes, st.integers(0, 40), st.booleans())
def test_the_same_batches_follow_from_any_saved_place(n, batch_size, place, drop_last):
    unbroken = indices_of(n, batch_size, drop_last=drop_last)
    for _ in range(place):
        next(unbroken)
    resumed = indices_of(n, batch_size, seed=999, drop_last=drop_last)

    resumed.load_state_dict(unbroken.state_dict())

    assert (resumed.epoch, resumed.is_new_epoch) == (unbroken.epoch, unbroken.is_new_epoch)
    assert [next(resumed) for _ in range(20)] == [next(unbroken) for _ in range(20)]


def test_two_epochs_have_different_orders():
    batches = indices_of(20, 20)

    assert next(batches)[:-1] != next(batches)[:-1]


def test_what_augmentation_draws_does_not_change_the_order():
    def fetch_and_draw_more(indices, generator):
        torch.rand(7, generator=generator)
        return indices.tolist()

    plain = indices_of(20, 5)
    other = ShuffledBatches(20, 5, seed=3, fetch=fetch_and_draw_more)

    assert [next(plain)[:-1] for _ in range(9)] == [next(other) for _ in range(9)]


def test_epochs_are_counted_at_their_last_batch():
    batches = indices_of(6, 2)
    seen = []
    for _ in range(4):
        next(batches)
        seen.append((batches.epoch, batches.is_new_epoch, round(batches.epoch_detail, 2)))

    assert seen == [(0, False, 0.33), (0, False, 0.67), (1, True, 1.0), (1, False, 1.33)]


def test_an_empty_set_is_refused():
    with pytest.raises(DataError, match="no picture to train on"):
        indices_of(0, 4)


@pytest.mark.parametrize(("n", "batch_size", "what"), [(21, 4, "n = 20"), (20, 5, "size = 4")])
def test_a_snapshot_of_another_set_is_refused(n, batch_size, what):
    state = indices_of(20, 4).state_dict()

    with pytest.raises(TrainingError, match=what):
        indices_of(n, batch_size).load_state_dict(state)
