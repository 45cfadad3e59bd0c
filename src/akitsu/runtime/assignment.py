"""Who gets what, so that all together pay the least."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def cheapest_pairs(costs: ArrayLike) -> list[tuple[int, int]]:
    """Pairs of a row and a column, none twice, of the least sum of costs.

    By shortest augmenting paths (Jonker and Volgenant, Computing 38, 1987), as in SciPy's
    `linear_sum_assignment`, which the robot does not have.

    Args:
        costs: (N, M), finite.

    Returns:
        min(N, M) pairs, by row.

    Example:
        >>> cheapest_pairs([[4, 1, 3], [2, 0, 5]])
        [(0, 1), (1, 0)]
    """
    matrix = np.asarray(costs, np.float64)
    if matrix.shape[0] > matrix.shape[1]:
        return sorted((row, column) for column, row in cheapest_pairs(matrix.T))
    rows, columns = matrix.shape
    owner = np.full(columns, -1)
    prices_of_rows, prices_of_columns = np.zeros(rows), np.zeros(columns)
    for new in range(rows):
        # The cheapest way from the new row to a free column, over columns that others give up.
        least, before = np.full(columns, np.inf), np.full(columns, -1)
        is_done = np.zeros(columns, bool)
        row, paid, last = new, 0.0, -1
        while row >= 0:
            through = paid + matrix[row] - prices_of_rows[row] - prices_of_columns
            is_better = ~is_done & (through < least)
            least[is_better], before[is_better] = through[is_better], last
            last = int(np.where(is_done, np.inf, least).argmin())
            is_done[last], paid, row = True, float(least[last]), int(owner[last])
        passed = is_done & (owner >= 0)
        prices_of_rows[new] += paid
        prices_of_rows[owner[passed]] += paid - least[passed]
        prices_of_columns[is_done] -= paid - least[is_done]
        while last >= 0:
            previous = int(before[last])
            owner[last] = owner[previous] if previous >= 0 else new
            last = previous
    return sorted((int(owner[column]), int(column)) for column in np.flatnonzero(owner >= 0))
