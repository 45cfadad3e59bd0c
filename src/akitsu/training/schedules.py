"""Learning-rate schedules: pure functions from the part of the training done to a factor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, pi

# From the part of the training that is done, 0 to 1, to what the learning rate is multiplied by.
Schedule = Callable[[float], float]

# Where a warm-up begins, as a part of the highest rate: fastai's and PyTorch's `div_factor` of 25.
START = 1 / 25


def constant() -> Schedule:
    """The learning rate as it is."""
    return lambda fraction: 1.0  # noqa: ARG005


def linear(*, final: float = 0.0) -> Schedule:
    """Straight down from 1 to `final`.

    Example:
        >>> linear()(0.25)
        0.75
    """
    return lambda fraction: 1.0 + fraction * (final - 1.0)


def cosine(*, final: float = 0.0) -> Schedule:
    """Half a cosine from 1 down to `final` (arXiv:1608.03983, equation 5, without restarts).

    Example:
        >>> round(cosine()(0.5), 3)
        0.5
    """
    return lambda fraction: _half_cosine(1.0, final, fraction)


def exponential(*, final: float = 0.01) -> Schedule:
    """By the same factor in every iteration, from 1 down to `final`, which is above 0.

    Example:
        >>> exponential(final=0.01)(0.5)
        0.1
    """
    return lambda fraction: final**fraction


def polynomial(*, power: float = 0.9, final: float = 0.0) -> Schedule:
    """From 1 down to `final` along a power of what is left ("poly", arXiv:1606.00915, section 4.1).

    Example:
        >>> polynomial(power=2)(0.5)
        0.25
    """
    return lambda fraction: final + (1.0 - final) * (1.0 - fraction) ** power


def inverse(*, gamma: float = 10.0, power: float = 0.75) -> Schedule:
    """(1 + gamma · fraction) to the power of -`power` ("inv" of Caffe, Chainer's InverseShift).

    Example:
        >>> inverse(gamma=3, power=0.5)(1.0)
        0.5
    """
    return lambda fraction: (1.0 + gamma * fraction) ** -power


def multistep(*, at: Sequence[float] = (0.5, 0.75), gamma: float = 0.1) -> Schedule:
    """Multiplied by `gamma` at each part of the training in `at`: 0.5 is half-way.

    Example:
        >>> [multistep(gamma=0.5)(fraction) for fraction in (0.0, 0.5, 0.75)]
        [1.0, 0.5, 0.25]
    """
    return lambda fraction: gamma ** sum(fraction >= moment for moment in at)


def step(*, parts: int = 3, gamma: float = 0.1) -> Schedule:
    """Multiplied by `gamma` whenever one of `parts` equal parts of the training is done.

    Example:
        >>> [step(parts=2, gamma=0.5)(fraction) for fraction in (0.0, 0.5)]
        [1.0, 0.5]
    """
    return multistep(at=[part / parts for part in range(1, parts)], gamma=gamma)


def warmed_up(schedule: Schedule, *, part: float) -> Schedule:
    """Straight up from 1/25 to 1 in the first `part` (0 to below 1), then `schedule` in the rest.

    Example:
        >>> [round(warmed_up(linear(), part=0.2)(fraction), 3) for fraction in (0.0, 0.2, 0.6)]
        [0.04, 1.0, 0.5]
    """

    def factor(fraction: float) -> float:
        if fraction < part:
            return START + (1.0 - START) * fraction / part
        return schedule((fraction - part) / (1 - part))

    return factor


def one_cycle(*, warmup: float = 0.1, final: float = 0.0) -> Schedule:
    """Up from 1/25 to 1 in the first `warmup` part, then down to `final`, both half cosines.

    The one-cycle policy of arXiv:1708.07120 in the two-phase form that fastai and PyTorch use.

    Args:
        warmup: Part of the training that goes up, 0 to below 1.
        final: Factor at the very end.

    Example:
        >>> [round(one_cycle(warmup=0.2)(fraction), 3) for fraction in (0.0, 0.2, 0.6, 1.0)]
        [0.04, 1.0, 0.5, 0.0]
    """

    def factor(fraction: float) -> float:
        if fraction < warmup:
            return _half_cosine(START, 1.0, fraction / warmup)
        return _half_cosine(1.0, final, (fraction - warmup) / (1 - warmup))

    return factor


def _half_cosine(start: float, end: float, fraction: float) -> float:
    return end + (start - end) * (1 + cos(pi * fraction)) / 2
