from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.training.schedules import constant, cosine, linear, one_cycle

STEPS = 50


def torch_factors(make) -> list[float]:
    """The learning rates of a scheduler of PyTorch, over one of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer)
    factors = []
    for _ in range(STEPS):
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return factors


def test_one_cycle_is_that_of_pytorch():
    """PyTorch goes up for total_steps * pct_start - 1 steps: here 9 of the 50 that follow."""
    expected = torch_factors(
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=1.0,
            total_steps=STEPS + 1,
            pct_start=10 / (STEPS + 1),
            final_div_factor=1e12,
            cycle_momentum=False,
        )
    )
    schedule = one_cycle(warmup=9 / STEPS)

    assert [schedule(i / STEPS) for i in range(STEPS)] == pytest.approx(expected)


def test_cosine_is_that_of_pytorch():
    expected = torch_factors(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.1)
    )
    schedule = cosine(final=0.1)

    assert [schedule(i / STEPS) for i in range(STEPS)] == pytest.approx(expected)


def test_linear_is_that_of_pytorch():
    expected = torch_factors(
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=1.0, end_factor=0.2, total_iters=STEPS
        )
    )
    schedule = linear(final=0.2)

    assert [schedule(i / STEPS) for i in range(STEPS)] == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.9))
def test_no_schedule_leaves_the_range_from_0_to_1(fraction, warmup):
    for schedule in (constant(), linear(), cosine(), one_cycle(warmup=warmup)):
        assert -1e-12 <= schedule(fraction) <= 1 + 1e-12


def test_a_cycle_without_warm_up_begins_at_the_top():
    assert one_cycle(warmup=0.0)(0.0) == 1.0
