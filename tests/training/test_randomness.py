from __future__ import annotations

import contextlib
import random

import numpy as np
import torch

from akitsu.training.randomness import random_state, set_random_state, untouched_randomness


def draw() -> tuple[float, float, float, float]:
    return random.random(), np.random.normal(), np.random.rand(), float(torch.rand(()))


def test_the_same_numbers_follow_from_a_saved_state():
    np.random.normal()  # leaves the second of a pair of normal numbers in the state
    state = random_state()
    first = draw()

    set_random_state(state)

    assert draw() == first


def test_a_block_that_draws_and_fails_changes_nothing():
    state = random_state()
    expected = draw()
    set_random_state(state)

    with contextlib.suppress(ValueError), untouched_randomness():
        draw()
        raise ValueError("planted")

    assert draw() == expected
