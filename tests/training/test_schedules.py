from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from akitsu.training.schedules import (
    constant,
    cosine,
    exponential,
    inverse,
    linear,
    multistep,
    one_cycle,
    polynomial,
    step,
    warmed_up,
)

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


@pytest.mark.parametrize(
    ("schedule", "torch_s_own"),
    [
        (
            exponential(final=0.02),
            lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.02 ** (1 / STEPS)),
        ),
        (
            polynomial(power=0.9),
            lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=STEPS, power=0.9),
        ),
        (
            multistep(at=(0.3, 0.9), gamma=0.2),
            lambda o: torch.optim.lr_scheduler.MultiStepLR(o, milestones=[15, 45], gamma=0.2),
        ),
        (
            step(parts=5, gamma=0.5),
            lambda o: torch.optim.lr_scheduler.StepLR(o, step_size=STEPS // 5, gamma=0.5),
        ),
    ],
)
def test_a_schedule_is_that_of_pytorch(schedule, torch_s_own):
    expected = torch_factors(torch_s_own)

    assert [schedule(i / STEPS) for i in range(STEPS)] == pytest.approx(expected)


def test_inverse_is_that_of_chainer():
    """InverseShift: x0 (1 + gamma t) ** -power at iteration t."""
    schedule = inverse(gamma=0.2 * STEPS, power=0.75)

    expected = [(1 + 0.2 * t) ** -0.75 for t in range(STEPS)]
    assert [schedule(i / STEPS) for i in range(STEPS)] == pytest.approx(expected)


def test_after_its_warm_up_a_schedule_runs_through_the_rest():
    schedule = warmed_up(cosine(final=0.1), part=0.2)

    rising = [schedule(i / STEPS) for i in range(11)]
    assert rising == pytest.approx([0.04 + 0.96 * i / 10 for i in range(11)])
    falling = [schedule(0.2 + 0.8 * i / 10) for i in range(11)]
    assert falling == pytest.approx([cosine(final=0.1)(i / 10) for i in range(11)])


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.floats(0, 0.9))
def test_no_schedule_leaves_the_range_from_0_to_1(fraction, warmup):
    plain = [constant(), linear(), cosine(), exponential(), polynomial(), inverse(), multistep()]
    warm = [warmed_up(schedule, part=warmup) for schedule in plain]
    for schedule in (*plain, *warm, step(), one_cycle(warmup=warmup)):
        assert -1e-12 <= schedule(fraction) <= 1 + 1e-12


def test_a_cycle_without_warm_up_begins_at_the_top():
    assert one_cycle(warmup=0.0)(0.0) == 1.0
