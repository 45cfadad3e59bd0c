"""The plots of a search and of seeds show what they were given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from akitsu.report.seeds import draw_seeds, mean_curve
from akitsu.report.tuning import draw_history, draw_importance

NAN = float("nan")


@pytest.fixture
def figures(monkeypatch):
    """The figures that were saved, to be asked what stands in them."""
    saved = []
    save = Figure.savefig

    def keep(self, *args, **options):
        saved.append(self)
        save(self, *args, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def trial(number, state, value=None):
    return {"number": number, "state": state, "value": value}


def lines(axes):
    return {line.get_label(): np.array(line.get_xydata()) for line in axes.get_lines()}


def test_the_history_tells_apart_what_became_of_each_trial(tmp_path, figures):
    trials = [
        trial(0, "complete", 0.5),
        trial(1, "failed"),
        trial(2, "complete", 0.7),
        trial(3, "pruned", 0.1),
        trial(4, "complete", 0.6),
        trial(5, "running"),
    ]

    draw_history(tmp_path / "history.png", trials, score="miou")

    axes = figures[0].axes[0]
    drawn = lines(axes)
    assert drawn["ran to its end"].tolist() == [[0, 50], [2, 70], [4, 60]]
    assert drawn["best so far"][:, 1].tolist() == [50, 70, 70, 70]
    assert drawn["best so far"][-1, 0] == 5
    assert drawn["stopped early, at its last score"].tolist() == [[3, 10]]
    assert drawn["failed"][:, 0].tolist() == [1]
    assert drawn["best: trial 2, 70.00"].tolist() == [[2, 70]]
    assert axes.get_ylabel() == "mean IoU, %"


def test_importance_stands_largest_on_top(tmp_path, figures):
    shares = {"optimizer.lr": 0.25, "batch_size": 0.75}

    draw_importance(tmp_path / "importance.png", shares, n=12)

    axes = figures[0].axes[0]
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert names == ["optimizer.lr", "batch_size"]  # from the bottom up
    assert [bar.get_width() for bar in axes.patches] == [25, 75]
    assert "12 trials" in axes.get_xlabel()


def rows(*scores):
    return [
        {"epoch": epoch, "main/loss": 1 / epoch, "validation/main/miou": score}
        for epoch, score in enumerate(scores, 1)
    ]


def test_seeds_are_drawn_with_their_mean_and_their_interval(tmp_path, figures):
    logs = {3: rows(0.2, 0.4), 4: rows(0.4, 0.8)}

    draw_seeds(
        tmp_path / "seeds.png",
        logs,
        score="miou",
        finals={3: 0.4, 4: 0.8},
        interval=(0.6, 0.5, 0.7),
    )

    loss, score, end = figures[0].axes
    assert len(loss.get_lines()) == len(score.get_lines()) == 3
    assert lines(score)["their mean"].ravel() == pytest.approx([1, 30, 2, 60])
    assert lines(end)["each seed"][:, 1] == pytest.approx([40, 80])
    assert lines(end)["mean 60.00 % ± 10.00"][:, 1] == pytest.approx([60, 60])
    assert [label.get_text() for label in end.get_xticklabels()] == ["3", "4"]


def test_a_seed_without_a_score_leaves_a_gap_rather_than_failing(tmp_path):
    logs = {0: [], 1: rows(NAN, 0.5)}

    draw_seeds(
        tmp_path / "seeds.png", logs, score="miou", finals={0: NAN, 1: 0.5}, interval=(NAN,) * 3
    )

    assert (tmp_path / "seeds.png").is_file()


def test_the_mean_is_that_of_epochs_which_all_seeds_reached():
    assert mean_curve({0: rows(0.2, 0.4, 0.6), 1: rows(0.4, 0.6)}, "validation/main/miou") == (
        [1.0, 2.0],
        [pytest.approx(0.3), pytest.approx(0.5)],
    )
