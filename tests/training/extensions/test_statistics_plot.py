from __future__ import annotations

import numpy as np
import pytest
import torch

from akitsu.errors import RecipeError
from akitsu.runtime.pictures import read_picture
from akitsu.training.extensions import statistics_plot
from akitsu.training.extensions.snapshot import Snapshot
from akitsu.training.extensions.statistics_plot import StatisticsPlot
from akitsu.training.snapshot import resume


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to the drawing, the newest last."""
    seen = []
    monkeypatch.setattr(
        statistics_plot, "draw_bands", lambda path, rows, **words: seen.append((rows, words))
    )
    return seen


def test_a_run_leaves_a_picture_of_values_and_gradients(trainer, tmp_path):
    ours = trainer(stop=(2, "epoch"))
    ours.extend(StatisticsPlot(["0", "4.*"], every=1))

    ours.run()

    rows, columns, _ = read_picture(tmp_path / "statistics.png").shape
    assert rows > 500
    assert columns > 1000


def test_each_pattern_has_the_percentiles_of_its_values_at_its_moments(trainer, drawn):
    ours = trainer(stop=(10, "iteration"), decay=None)
    ours.extend(StatisticsPlot(["4.weight"], every=5, percentiles=[0, 50, 100]))

    ours.run()

    rows, words = drawn[-1]
    assert words == {"iterations": [5, 10], "percentiles": (0, 50, 100)}
    weight = ours.updater.model[4].weight.detach()
    values, gradients = rows[0]
    assert (values.title, gradients.title) == ("values of 4.weight", "gradients of 4.weight")
    expected = [float(of(weight)) for of in (torch.amin, torch.amax)]
    np.testing.assert_allclose(values.values[-1, [0, 2]], expected)
    assert gradients.values[-1, 2] == float(ours.updater.model[4].weight.grad.max())


def test_a_long_run_keeps_few_and_evenly_spaced_moments(trainer, drawn):
    ours = trainer(stop=(20, "epoch"))
    ours.extend(StatisticsPlot(every=1, most=8))

    ours.run()

    iterations = drawn[-1][1]["iterations"]
    assert iterations == [16, 32, 48, 64, 80, 96]


def test_a_resumed_run_draws_what_an_unbroken_one_would(trainer, drawn, tmp_path):
    def make(stop, out):
        ours = trainer(stop=(stop, "iteration"), out=tmp_path / out, schedule=None)
        ours.extend(StatisticsPlot(["*"], every=1, most=5))
        ours.extend(Snapshot(), trigger=(7, "iteration"))
        return ours

    make(9, "whole").run()
    whole = drawn[-1]
    make(7, "cut").run()
    again = make(9, "cut")
    assert resume(again, tmp_path / "cut/snapshots") == 7
    again.run()

    (rows, words), (expected, expected_words) = drawn[-1], whole
    assert words == expected_words
    np.testing.assert_array_equal(rows[0][0].values, expected[0][0].values)
    np.testing.assert_array_equal(rows[0][1].values, expected[0][1].values)


def test_frozen_layers_have_no_gradients_and_are_drawn_all_the_same(trainer, tmp_path):
    ours = trainer(stop=(2, "iteration"))
    ours.updater.model[0].requires_grad_(requires_grad=False)
    ours.extend(StatisticsPlot(["0"], every=1))

    ours.run()

    assert (tmp_path / "statistics.png").exists()


def test_a_failing_drawing_warns_and_trains_on(trainer, monkeypatch):
    def fail(path, rows, **words):
        raise ValueError("planted")

    monkeypatch.setattr(statistics_plot, "draw_bands", fail)
    ours = trainer(stop=(1, "epoch"))
    ours.extend(StatisticsPlot(every=1))

    with pytest.warns(UserWarning, match=r"statistics\.png: not drawn \(ValueError: planted\)"):
        ours.run()
    assert ours.finished


def test_a_pattern_that_fits_nothing_is_refused_before_the_first_step(trainer):
    ours = trainer()
    ours.extend(StatisticsPlot(["heads.*"]))

    with pytest.raises(RecipeError, match=r"^StatisticsPlot: no parameter is called"):
        ours.run()
