"""One setting of a classifier, tried with many values: cross-validated accuracy as a curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from akitsu.classic.figures.petals import FOLDS, REPEATS, plain_ticks
from akitsu.report.figures import COLOURS
from akitsu.scores.interval import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_accuracy(
    axes: Axes, values: Sequence[int], estimates: Sequence[Estimate], *, name: str
) -> None:
    """Accuracy against the setting, with its 95 % interval as a band."""
    low, high = ([100 * getattr(each, end) for each in estimates] for end in ("low", "high"))
    axes.fill_between(values, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.plot(values, [100 * each.value for each in estimates], color=COLOURS[0], marker="o")
    plain_ticks(axes, values)
    axes.set(xlabel=name, ylabel="accuracy, %, with its 95 % interval")
    axes.set_title(f"{FOLDS}-fold cross-validation, {REPEATS} times over")
