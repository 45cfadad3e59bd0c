from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from akitsu.errors import RecipeError
from akitsu.training.statistics import matching, percentiles, require_matches


def model() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Sequential(nn.Linear(4, 3)))


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", ["0.weight", "0.bias", "2.0.weight", "2.0.bias"]),
        ("0", ["0.weight", "0.bias"]),
        ("2.*", ["2.0.weight", "2.0.bias"]),
        ("*.bias", ["0.bias", "2.0.bias"]),
        ("1", []),
    ],
)
def test_a_pattern_fits_parameters_or_layers(pattern, names):
    assert [name for name, _ in matching(model(), pattern)] == names


def test_a_pattern_that_fits_nothing_is_refused_with_the_nearest_name():
    with pytest.raises(RecipeError, match=r"called '0\.weights'; write 0\.weight\."):
        require_matches(model(), ["*", "0.weights"], where="x")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=40))
def test_percentiles_are_numpys(values):
    tensor = torch.tensor(values)

    found = percentiles([tensor[:1], tensor[1:]], [0, 2.28, 50, 100])

    expected = torch.tensor(values, dtype=torch.float64).quantile(
        torch.tensor([0, 0.0228, 0.5, 1], dtype=torch.float64)
    )
    torch.testing.assert_close(found.double(), expected, atol=1e-3, rtol=1e-4)


def test_what_is_not_finite_is_left_out():
    values = torch.tensor([math.nan, 1.0, math.inf, 2.0, 3.0, -math.inf])

    assert percentiles([values], [0, 50, 100]).tolist() == [1, 2, 3]


def test_nothing_finite_gives_nan():
    assert percentiles([torch.tensor([math.nan])], [50]).isnan().all()


def test_a_large_layer_is_judged_by_values_from_all_its_columns():
    """A million values whose row length a stride of ten would divide."""
    values = torch.arange(10.0).repeat(100_000)

    found = percentiles([values], [5, 50, 95])

    torch.testing.assert_close(found, torch.tensor([0.0, 4.5, 9.0]), atol=0.51, rtol=0)
