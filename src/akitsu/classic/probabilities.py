"""Probabilities for classifiers that only draw borders: a softmax of distances, well tempered.

One temperature divides the distances before the softmax (arXiv:1706.04599, section 4.2). It cannot
change which class is the greatest, so the answers stay those of the classifier. It is fitted on
rows that the classifier had not learnt from, since its distances to its own rows are too good.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = -7.0, 7.0
"""Natural logarithms of the temperatures that are looked at."""


def softmax(scores: NDArray[np.float64], *, temperature: float = 1.0) -> NDArray[np.float64]:
    """(N, K) scores as probabilities that sum to 1 over K.

    Example:
        >>> softmax(np.array([[0.0, 0.0]]))
        array([[0.5, 0.5]])
    """
    tempered = scores / temperature
    powers = np.exp(tempered - tempered.max(axis=1, keepdims=True))
    probabilities: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def fit_temperature(scores: NDArray[np.float64], labels: NDArray[np.integer]) -> float:
    """The temperature with which a softmax of the scores costs least.

    The cost is the cross entropy against targets that are not quite 1: of N rows that are all
    right one may still expect a mistake (N + 1 of N + K), as in Platt's scaling of 1999. Without
    this, rows without a mistake would ask for a temperature of 0.

    Args:
        scores: (N, K) of rows that were not learnt from.
        labels: (N,) true class indices.

    Returns:
        A temperature from e^-7 to e^7.
    """
    from scipy.optimize import minimize_scalar

    rows, count = scores.shape
    targets = np.full(scores.shape, 1 / (rows + count))
    targets[np.arange(rows), labels] = (rows + 1) / (rows + count)

    def cost(log_temperature: float) -> float:
        tempered = scores / np.exp(log_temperature)
        greatest = tempered.max(axis=1, keepdims=True)
        sums = np.log(np.exp(tempered - greatest).sum(axis=1, keepdims=True)) + greatest
        return float((targets * (sums - tempered)).sum())

    found = minimize_scalar(cost, bounds=(LEAST, MOST), method="bounded")
    return float(np.exp(found.x))
