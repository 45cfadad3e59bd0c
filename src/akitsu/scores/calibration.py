"""Probabilities that mean what they say: temperature scaling, and how far off they still are.

One number, the temperature T, divides all logits: the answers stay the same, and their
probabilities come to what was right on held-out pictures (Guo et al., arXiv:1706.04599, section
4.2).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# Beyond these a temperature says more about a tiny set than about the model.
COLDEST, HOTTEST = 0.2, 5.0
# Halvings of the search interval: the temperature is then known to four digits.
ROUNDS = 40
GOLDEN = (math.sqrt(5) - 1) / 2
LEAST = float(np.finfo(np.float32).tiny)


def fit_temperature(probabilities: NDArray[np.floating], labels: NDArray[np.integer]) -> float:
    """The temperature at which held-out labels are the most likely.

    The label counts as (n + 1) / (n + 2) of a picture and the other classes share the rest, as in
    Platt's scaling (1999): a set without a mistake does not make the model infinitely sure.

    Args:
        probabilities: (N, K), each row summing to 1, of pictures that were not trained on.
        labels: (N,) true class indices.

    Returns:
        From 0.2 to 5; below 1 the model was not sure enough, above 1 too sure. 1 for no picture or
        a single class.

    Example:
        >>> unsure = np.array([[0.6, 0.4]] * 9 + [[0.4, 0.6]])
        >>> round(fit_temperature(unsure, np.zeros(10, int)), 1)
        0.3
    """
    n, k = probabilities.shape
    if n == 0 or k < 2:
        return 1.0
    logs = np.log(probabilities.astype(np.float64).clip(LEAST))
    spread = 1 / (n + 2)
    targets = np.full((n, k), spread / (k - 1))
    targets[np.arange(n), labels] = 1 - spread

    def loss(log_temperature: float) -> float:
        scaled = logs / math.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        norm = np.log(np.exp(scaled - top).sum(1, keepdims=True)) + top
        return float(-(targets * (scaled - norm)).sum())

    # The loss is convex in 1 / T, so it has one valley along log T as well: golden-section search.
    low, high = math.log(COLDEST), math.log(HOTTEST)
    for _ in range(ROUNDS):
        width = GOLDEN * (high - low)
        if loss(high - width) < loss(low + width):
            high = low + width
        else:
            low = high - width
    return round(math.exp((low + high) / 2), 4)


def at_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.float32]:
    """The probabilities that logits divided by `temperature` would have given.

    Args:
        probabilities: (N, K), each row summing to 1.
        temperature: Above 0.

    Returns:
        (N, K) float32.

    Example:
        >>> at_temperature(np.array([[0.8, 0.2]]), 0.5).round(3)
        array([[0.941, 0.059]], dtype=float32)
    """
    scaled = np.log(probabilities.astype(np.float64).clip(LEAST)) / temperature
    odds = np.exp(scaled - scaled.max(1, keepdims=True))
    shares: NDArray[np.float32] = (odds / odds.sum(1, keepdims=True)).astype(np.float32)
    return shares


def expected_accuracy(
    right: int, scored: int, rows: int, *, draws: int = 100_000, seed: int = 0
) -> tuple[float, float, float]:
    """What accuracy to expect on `rows` new pictures of the same kind, with its 95 % interval.

    The share of right answers is known from `scored` pictures only (Jeffreys' prior), and new
    pictures bring chance of their own: both are drawn.

    Args:
        right: Right answers on held-out pictures.
        scored: All of these.
        rows: The new pictures, 1 or more.
        draws: How often.
        seed: The same seed draws the same.

    Returns:
        The expected share, and the ends of the interval.

    Example:
        >>> expected, low, high = expected_accuracy(95, 100, 1000)
        >>> f"{expected:.3f} {low:.2f} {high:.2f}"
        '0.946 0.89 0.98'
    """
    generator = np.random.default_rng(seed)
    shares = generator.beta(right + 0.5, scored - right + 0.5, draws)
    found = generator.binomial(rows, shares) / rows
    low, high = np.quantile(found, [0.025, 0.975])
    return (right + 0.5) / (scored + 1), float(low), float(high)
