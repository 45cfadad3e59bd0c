"""The figures of a network that no clock is needed for, and which networks are worth their cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figures:
    """What a network costs.

    Attributes:
        parameters: Numbers that are learned; of a file, the numbers in its weights.
        macs: Multiply-adds of convolutions and matrix products for one batch.
        peak_activation_bytes: The most bytes that inputs and results take at one moment; weights
            and what a kernel uses inside are not in it. None where it is not known.
    """

    parameters: int
    macs: int
    peak_activation_bytes: int | None


def pareto_front(costs: Sequence[float], gains: Sequence[float]) -> list[bool]:
    """Which points no other beats: none costs no more and gains no less, and one of them better.

    Example:
        >>> pareto_front([1, 2, 3, 4], [1, 3, 2, 4])
        [True, True, False, True]
    """
    points = list(zip(costs, gains, strict=True))
    return [
        not any(
            other_cost <= cost and other_gain >= gain and (other_cost, other_gain) != (cost, gain)
            for other_cost, other_gain in points
        )
        for cost, gain in points
    ]
