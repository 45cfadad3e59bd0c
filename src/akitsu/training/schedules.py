"""Learning-rate schedules: pure functions from the part of the training done to a factor."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi

# From the part of the training that is done, 0 to 1, to what the learning rate is multiplied by.
Schedule = Callable[[float], float]

# Where one-cycle begins, as a part of the highest rate: fastai's and PyTorch's `div_factor` of 25.
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
