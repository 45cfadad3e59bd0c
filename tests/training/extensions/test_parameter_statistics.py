from __future__ import annotations

import pytest
import torch
from torch import nn

from akitsu.errors import RecipeError
from akitsu.training.extensions.log_report import LogReport
from akitsu.training.extensions.parameter_statistics import ParameterStatistics

PLANTED = [[0.0, 0.0, -3.0, 1.0, 2.0, 6.0]]


def planted(trainer, **options):
    """A run of one layer whose weights stay as they are."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(PLANTED))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    return trainer(model=model, optimizer=optimizer, decay=None, schedule=None, **options)


def test_statistics_of_values_and_gradients_are_reported(trainer):
    ours = planted(trainer, stop=(1, "iteration"))
    ours.extend(ParameterStatistics(["*.weight"], percentiles=[50]), trigger=(1, "iteration"))

    ours.run()

    seen = {key: float(value) for key, value in ours.observation.items() if "weight" in key}
    start = "parameters/0.weight/value"
    values = [seen[f"{start}/{key}"] for key in ("mean", "std", "min", "max", "zeros", "p50")]
    numbers = torch.tensor(PLANTED)
    assert values == pytest.approx([1, float(numbers.std(correction=0)), -3, 6, 1 / 3, 0.5])
    gradient = ours.updater.model[0].weight.grad
    assert seen["parameters/0.weight/gradient/max"] == float(gradient.max())
    assert len(seen) == 12


def test_nothing_is_computed_when_it_is_not_due(trainer):
    calls = []
    ours = planted(trainer, stop=(7, "iteration"))
    ours.extend(
        ParameterStatistics(["*.bias"], statistics={"sum": lambda v: calls.append(v) or v.sum()}),
        trigger=(3, "iteration"),
    )

    ours.run()

    assert len(calls) == 2 * 2  # values and gradients, in iterations 3 and 6


def test_the_log_takes_them_in_and_the_prefix_is_free(trainer):
    ours = trainer(stop=(1, "epoch"))
    ours.extend(ParameterStatistics(["4"], percentiles=[0.13, 50], prefix="mine"))
    ours.extend(LogReport())

    ours.run()

    (row,) = ours.extension("LogReport").rows
    assert {"mine/4.weight/value/p0.13", "mine/4.bias/gradient/std"} <= row.keys()


def test_frozen_parameters_have_values_alone(trainer):
    ours = planted(trainer, stop=(1, "iteration"))
    ours.updater.model[0].weight.requires_grad_(requires_grad=False)
    ours.extend(ParameterStatistics(["0.weight"]), trigger=(1, "iteration"))

    ours.run()

    assert not any("gradient" in key for key in ours.observation)


def test_a_pattern_that_fits_nothing_is_refused_before_the_first_step(trainer):
    ours = trainer()
    ours.extend(ParameterStatistics(["heads.*"]))

    with pytest.raises(RecipeError, match=r"^ParameterStatistics: no parameter is called"):
        ours.run()
