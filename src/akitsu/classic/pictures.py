"""The two pictures of a comparison: all decision regions, and the accuracies side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.comparison import Line
from akitsu.classic.plane import Plane
from akitsu.classic.problem import Problem
from akitsu.classic.regions import draw_regions
from akitsu.report.figures import COLOURS, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DRAWN = 1000
"""Rows in a picture of regions; of more, as many are drawn by lot."""
ACROSS = 4


def draw_all_regions(path: Path, problem: Problem, lines: Sequence[Line], *, plane: Plane) -> None:
    """Write the decision regions of every classifier as one PNG.

    Each is the classifier of the test, which has not seen the rows with a ring.

    Args:
        path: Where the PNG shall stand.
        problem: The rows.
        lines: Of the comparison.
        plane: Of the problem.
    """
    drawn = _drawn(problem)
    across = min(ACROSS, len(lines))
    down = -(-len(lines) // across)
    tested = int(problem.test.sum())
    with figure(path, size_wh=(4.1 * across, 3.7 * down + 1)) as canvas:
        panels = canvas.subplots(down, across, squeeze=False, sharex=True, sharey=True)
        for axes, line in zip(panels.ravel(), lines, strict=False):
            answers = line.tested.predict(problem.inputs)
            draw_regions(
                axes,
                partial(_named_at, line, plane),
                plane.points[drawn],
                problem.labels[drawn],
                classes=problem.classes,
                names=plane.names,
                test=problem.test[drawn],
                wrong=(answers != problem.labels)[drawn] if plane.is_cut else None,
            )
            axes.set_title(f"{line.entry.title}: {line.misclassified} of {tested} wrong", size=11)
            axes.label_outer()
        for axes in panels.ravel()[len(lines) :]:
            axes.set_visible(False)
        entries = {
            label: handle
            for axes in panels.ravel()[: len(lines)]
            for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        columns = min(len(entries), 3 * across)
        place = "outside lower center"
        canvas.legend(entries.values(), entries.keys(), loc=place, ncols=columns)
        canvas.suptitle(_title(problem, plane, drawn=len(drawn)), x=0.01, ha="left")


def _named_at(line: Line, plane: Plane, points: NDArray[np.float64]) -> NDArray[np.int64]:
    named: NDArray[np.int64] = line.tested.predict(plane.inputs_at(points))
    return named


def _drawn(problem: Problem) -> NDArray[np.int64]:
    rows = len(problem.labels)
    if rows <= MOST_DRAWN:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, MOST_DRAWN, replace=False))


def _title(problem: Problem, plane: Plane, *, drawn: int) -> str:
    text = f"{problem.title}: which class is named where"
    rows = len(problem.labels)
    if drawn < rows:
        text += f"; {drawn} of {rows} rows"
    if plane.is_cut:
        text += (
            f"\na plane through the mean of {problem.inputs.shape[1]} inputs, along the two "
            "components of most variance; the rows lie beside it"
        )
    return text


def draw_accuracies(path: Path, problem: Problem, lines: Sequence[Line]) -> None:
    """Write the cross-validated accuracies with their intervals as a PNG, the best at the top.

    A ring shows the accuracy on the classifier's own training rows: far to the right of its dot,
    it has learnt its rows by heart. The dashed line is what always naming the most frequent class
    would score.
    """
    ordered = sorted(lines, key=lambda line: line.accuracy.value)
    with figure(path, size_wh=(7.6, 1.7 + 0.4 * len(lines))) as canvas:
        axes = canvas.subplots()
        for place, line in enumerate(ordered):
            _draw_accuracy(axes, line, place=place)
        axes.set_yticks(range(len(ordered)), [line.entry.title for line in ordered])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(-0.6, len(ordered) - 0.4)
        counts = np.bincount(problem.labels)
        majority = 100 * float(counts.max() / counts.sum())
        lowest = 100 * min(min(line.accuracy.low, line.train_accuracy) for line in lines)
        left = max(0.0, min(lowest, majority) - 5)
        # Where the classifiers are far better, the line would squeeze them into a corner.
        if majority < lowest - 40:
            left = lowest - 5
        else:
            axes.axvline(
                majority,
                color=COLOURS[1],
                linestyle="--",
                linewidth=1.2,
                label="always the most frequent class",
            )
        axes.set_xlim(left, 100.5)
        axes.set_xlabel("accuracy, %")
        axes.set_title(f"{problem.title}: accuracy on rows that were not learnt from")
        handles, labels = axes.get_legend_handles_labels()
        once = dict(zip(labels, handles, strict=True))  # however many lines wear a label
        canvas.legend(list(once.values()), list(once), loc="outside lower center", ncols=4)


def _draw_accuracy(axes: Axes, line: Line, *, place: int) -> None:
    value, low, high = (
        100 * number for number in (line.accuracy.value, line.accuracy.low, line.accuracy.high)
    )
    axes.plot([low, high], [place, place], color=COLOURS[0], linewidth=2.2, label="95 % interval")
    axes.plot([value], [place], "o", color=COLOURS[0], markersize=8, label="cross-validated")
    axes.plot(
        [100 * line.train_accuracy],
        [place],
        "o",
        markerfacecolor="none",
        color="#444444",
        markersize=11,
        label="on its own training rows",
        clip_on=False,
    )
