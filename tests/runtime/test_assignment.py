from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from akitsu.runtime.assignment import cheapest_pairs


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 7), st.integers(1, 7)),
        elements=st.integers(0, 6) | st.floats(-5, 5),
    )
)
@settings(deadline=None, max_examples=300)
def test_no_other_pairs_are_cheaper(costs):
    pairs = cheapest_pairs(costs)

    rows, columns = linear_sum_assignment(costs)
    assert len(pairs) == min(costs.shape)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert pairs == sorted(pairs)
    paid = sum(costs[row, column] for row, column in pairs)
    assert paid == pytest.approx(costs[rows, columns].sum(), abs=1e-9)


def test_who_is_cheapest_alone_may_have_to_give_way():
    """Row 0 likes column 0 best, but row 1 has nothing else that is not dear."""
    assert cheapest_pairs([[1, 2], [1, 100]]) == [(0, 1), (1, 0)]
