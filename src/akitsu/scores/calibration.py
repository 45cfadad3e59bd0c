"""Probabilities that mean what they say: temperature scaling, and how far off they still are.

One number, the temperature T, divides all logits: the answers stay the same, and their
probabilities come to what was right on held-out pictures (Guo et al., arXiv:1706.04599, section
4.2).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

COLDEST, HOTTEST = 0.2, 5.0
"""Beyond these a temperature says more about a tiny set than about a network."""

LEAST = float(np.finfo(np.float32).tiny)


def softmax(scores: NDArray[np.floating], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """(N, K) scores, divided by a temperature, as probabilities that sum to 1 over K.

    Example:
        >>> softmax(np.array([[0.0, 0.0]]))
        array([[0.5, 0.5]])
    """
    tempered = scores.astype(np.float64) / temperature
    powers = np.exp(tempered - tempered.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def logits_of(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N, K) logits that a softmax gives these probabilities for; 0 counts as the least float32."""
    logits: NDArray[np.float64] = np.log(probabilities.astype(np.float64).clip(LEAST))
    return logits


def fit_temperature(
    scores: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    coldest: float = COLDEST,
    hottest: float = HOTTEST,
) -> float:
    """The temperature at which held-out labels are the most likely.

    The label counts as (n + 1) / (n + 2) of a row and the other classes share the rest, as in
    Platt's scaling (1999): a set without a mistake does not make the model infinitely sure.

    Args:
        scores: (N, K) logits or other scores of rows that were not learned from.
        labels: (N,) true class indices.
        coldest: The lowest temperature that is looked at, above 0.
        hottest: The highest.

    Returns:
        Below 1 the model was not sure enough, above 1 too sure. 1 for no row or a single class.

    Example:
        >>> unsure = logits_of(np.array([[0.6, 0.4]] * 9 + [[0.4, 0.6]]))
        >>> round(fit_temperature(unsure, np.zeros(10, int)), 1)
        0.3
    """
    from scipy.optimize import minimize_scalar  # here: the robot has no SciPy, and fits nothing

    n, k = scores.shape
    if n == 0 or k < 2:
        return 1.0
    spread = 1 / (n + 2)
    targets = np.full((n, k), spread / (k - 1))
    targets[np.arange(n), labels] = 1 - spread

    def loss(log_temperature: float) -> float:
        scaled = scores / math.exp(log_temperature)
        top = scaled.max(1, keepdims=True)
        norm = np.log(np.exp(scaled - top).sum(1, keepdims=True)) + top
        return float(-(targets * (scaled - norm)).sum())

    # The loss is convex in 1 / T, so it has one valley along log T as well.
    ends = (math.log(coldest), math.log(hottest))
    found = minimize_scalar(loss, bounds=ends, method="bounded")
    return float(f"{math.exp(found.x):.4g}")  # what lies beyond is chance


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
    return softmax(logits_of(probabilities), temperature=temperature).astype(np.float32)


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
