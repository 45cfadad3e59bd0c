"""The order of an epoch: each picture once, and with blocks, few shards at a time."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.data.order import WINDOW, shuffled

SIZES = st.integers(0, 300)
SEEDS = st.integers(0, 2**63)
BLOCKS = st.one_of(st.none(), st.integers(1, 350))


@settings(max_examples=50, deadline=None)
@given(SIZES, SEEDS, st.integers(0, 1000), BLOCKS)
def test_every_picture_comes_exactly_once(n, seed, epoch, block):
    order = shuffled(n, seed=seed, epoch=epoch, block=block)

    assert order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(n))


@settings(max_examples=50, deadline=None)
@given(SIZES, SEEDS, st.integers(0, 1000), BLOCKS)
def test_the_order_follows_from_seed_and_epoch_alone(n, seed, epoch, block):
    first = shuffled(n, seed=seed, epoch=epoch, block=block)
    torch.rand(3)  # what the global generator does is of no account

    again = shuffled(n, seed=seed, epoch=epoch, block=block)

    assert first.tolist() == again.tolist()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 20), st.integers(1, 40), SEEDS)
def test_a_window_of_blocks_is_finished_before_the_next_is_touched(block, blocks, seed):
    order = shuffled(block * blocks, seed=seed, epoch=0, block=block)

    touched = [{index // block for index in part.tolist()} for part in order.split(WINDOW * block)]

    assert all(len(part) <= WINDOW for part in touched)
    assert sum(map(len, touched)) == blocks


def test_other_epochs_and_seeds_have_other_orders():
    """Also across: seed 1 in epoch 0 is not seed 0 in epoch 1."""
    orders = {
        tuple(shuffled(200, seed=seed, epoch=epoch, block=block).tolist())
        for seed in (0, 1)
        for epoch in (0, 1)
        for block in (None, 10)
    }

    assert len(orders) == 8


def test_blocks_and_the_pictures_within_are_both_mixed():
    order = shuffled(400, seed=0, epoch=0, block=10)

    firsts = [min(part.tolist()) // 10 for part in order.split(WINDOW * 10)]
    neighbours = (order[1:] == order[:-1] + 1).sum()

    assert firsts != sorted(firsts)
    assert neighbours < 40
