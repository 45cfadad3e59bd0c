from __future__ import annotations

import os
import signal
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.errors import DataError, RecipeError, TrainingError
from akitsu.training.batches import ShuffledBatches

sizes = st.integers(1, 30)


def indices_and_chance(plan):
    """A batch that is nothing but the indices, and a number from the augmentation's chance."""
    return [*plan.indices.tolist(), float(torch.rand((), generator=plan.generator()))]


def indices_of(n: int, batch_size: int, *, seed: int = 3, **options):
    return ShuffledBatches(n, batch_size, seed=seed, fetch=indices_and_chance, **options)


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
    resumed = indices_of(n, batch_size, drop_last=drop_last)

    resumed.load_state_dict(unbroken.state_dict())

    assert (resumed.epoch, resumed.is_new_epoch) == (unbroken.epoch, unbroken.is_new_epoch)
    assert [next(resumed) for _ in range(20)] == [next(unbroken) for _ in range(20)]


def test_two_epochs_have_different_orders():
    batches = indices_of(20, 20)

    assert next(batches)[:-1] != next(batches)[:-1]


def test_what_augmentation_draws_does_not_change_the_order():
    def fetch_and_draw_more(plan):
        torch.rand(7, generator=plan.generator())
        return plan.indices.tolist()

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


@pytest.mark.parametrize(
    ("n", "batch_size", "seed", "what"),
    [(21, 4, 3, "n = 20"), (20, 5, 3, "size = 4"), (20, 4, 2, "seed = 3")],
)
def test_a_snapshot_of_another_set_is_refused(n, batch_size, seed, what):
    state = indices_of(20, 4).state_dict()

    with pytest.raises(TrainingError, match=what):
        indices_of(n, batch_size, seed=seed).load_state_dict(state)


def test_the_chance_of_a_batch_is_that_of_its_iteration_alone():
    """Worker processes make batches out of turn; a resumed run begins in the middle."""
    batches = indices_of(20, 5)
    in_turn = [next(batches) for _ in range(9)]

    out_of_turn = {i: indices_and_chance(batches.plan(i)) for i in (8, 0, 5, 3)}

    assert out_of_turn == {i: in_turn[i] for i in (8, 0, 5, 3)}
    assert len({batch[-1] for batch in in_turn}) == 9


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 12))
def test_processes_that_share_a_batch_have_each_picture_once(size, processes, iteration):
    def plan(number, of):
        options = {"seed": 3, "fetch": indices_and_chance, "share": (number, of)}
        return ShuffledBatches(40, size * processes, **options).plan(iteration)

    whole, parts = plan(0, 1), [plan(number, processes) for number in range(processes)]

    assert torch.equal(torch.cat([part.indices for part in parts]), whole.indices)
    rows = [row for part in parts for row in range(*part.rows.indices(100))]
    assert rows == list(range(size * processes))
    draws = [torch.rand(3, generator=each.generator()) for each in (whole, *parts)]
    assert all(torch.equal(draw, draws[0]) for draw in draws)
    assert {part.batch_size for part in parts} == {whole.batch_size}


@pytest.mark.parametrize(("n", "batch_size", "drop_last"), [(20, 5, True), (22, 4, False)])
def test_a_batch_that_two_processes_cannot_share_evenly_is_refused(n, batch_size, drop_last):
    if not drop_last:
        n += 1

    with pytest.raises(RecipeError, match=r"cannot be shared evenly by 2 processes; make it a mul"):
        indices_of(n, batch_size, drop_last=drop_last, share=(0, 2))


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_fetch_the_batches_that_one_process_would(workers):
    alone, helped = indices_of(22, 4), indices_of(22, 4, workers=workers)

    assert [next(helped) for _ in range(13)] == [next(alone) for _ in range(13)]


def test_workers_go_on_from_a_saved_place():
    alone, helped = indices_of(22, 4), indices_of(22, 4, workers=2)
    for _ in range(7):
        next(alone)
        next(helped)
    resumed = indices_of(22, 4, workers=2)

    resumed.load_state_dict(helped.state_dict())

    assert [next(resumed) for _ in range(6)] == [next(alone) for _ in range(6)]


def test_workers_leave_the_global_chance_as_it_was():
    helped = indices_of(22, 4, workers=1)
    torch.manual_seed(0)

    next(helped)

    drawn = torch.rand(())
    torch.manual_seed(0)
    assert drawn == torch.rand(())


def broken(plan):
    if 7 in plan.indices:
        raise DataError("this picture is torn", where="7.jpg", do="delete it")
    return plan.indices.tolist()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_picture_is_the_same_sentence_from_a_worker(workers):
    batches = ShuffledBatches(22, 4, seed=3, fetch=broken, workers=workers)

    with pytest.raises(DataError) as caught:
        list(islice(batches, 6))

    assert str(caught.value) == "7.jpg: this picture is torn; delete it."


def fatal(plan):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_a_sentence():
    batches = ShuffledBatches(22, 4, seed=3, fetch=fatal, workers=1)

    with pytest.raises(TrainingError, match=r"worker process was killed .* newest snapshot"):
        next(batches)


def test_a_fault_in_a_worker_is_no_mistake_of_the_user():
    batches = ShuffledBatches(22, 4, seed=3, fetch=lambda plan: 1 / 0, workers=1)

    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_a_size_stays_for_some_iterations_and_all_sizes_come():
    batches = indices_of(6, 2)
    drawn = [batches.plan(iteration).one_of(5, every=10) for iteration in range(1000)]

    assert all(len(set(drawn[first : first + 10])) == 1 for first in range(0, 1000, 10))
    assert min(drawn.count(size) for size in range(5)) > 100
    assert drawn != [indices_of(6, 2, seed=4).plan(i).one_of(5, every=10) for i in range(1000)]
