"""The same training with several seeds: their curves, the mean of them, and where they ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akitsu.report.figures import COLOURS, figure
from akitsu.scores.table import TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Rows = Sequence[Mapping[str, Any]]


def draw_seeds(
    path: Path,
    logs: Mapping[int, Rows],
    *,
    score: str,
    finals: Mapping[int, float],
    interval: tuple[float, float, float],
) -> None:
    """Write the runs of several seeds as a PNG: losses, validation scores, final scores.

    Args:
        path: Where the PNG shall stand.
        logs: The lines of log.jsonl of each seed.
        score: The score's name, such as "miou".
        finals: The final score of each seed, as a share of 1.
        interval: Mean of the final scores, and the lower and upper end of its interval.
    """
    name = TITLES.get(score, score)
    with figure(path, size_wh=(14.4, 3.9)) as canvas:
        left, middle, right = canvas.subplots(1, 3, width_ratios=[1.2, 1.2, 1])
        _draw_curves(left, logs, key="main/loss", scale=1)
        left.set_title("Training loss: the lower, the better")
        left.set_ylabel("loss")
        _draw_curves(middle, logs, key=f"validation/main/{score}", scale=100)
        middle.set_title("While training, on the validation set")
        middle.set_ylabel(f"{name}, %")
        _draw_finals(right, finals, interval=interval)
        right.set_title("Best weights, with the 95 % interval")
        right.set_ylabel(f"{name}, %")


def mean_curve(logs: Mapping[int, Rows], key: str) -> tuple[list[float], list[float]]:
    """The mean of a value over the seeds, at every epoch that all of them reached.

    Example:
        >>> first = [{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}]
        >>> mean_curve({0: first, 1: [{"epoch": 1, "loss": 4.0}]}, "loss")
        ([1.0], [3.0])
    """
    curves = [dict(zip(*_curve(rows, key), strict=True)) for rows in logs.values()]
    shared = [at for at in curves[0] if all(at in curve for curve in curves)]
    return shared, [sum(curve[at] for curve in curves) / len(curves) for at in shared]


def _draw_curves(axes: Axes, logs: Mapping[int, Rows], *, key: str, scale: int) -> None:
    mean_at, means = mean_curve(logs, key)
    marker = "o" if len(mean_at) < 3 else ""  # a line of one point would not be seen
    for index, rows in enumerate(logs.values()):
        at, values = _curve(rows, key)
        label = "each seed" if index == 0 else None
        shown = scale * np.array(values)
        axes.plot(at, shown, marker=marker, color=COLOURS[4], linewidth=1, label=label)
    axes.plot(mean_at, scale * np.array(means), marker=marker, color=COLOURS[0], label="their mean")
    axes.set_xlabel("epoch")
    axes.locator_params(axis="x", integer=True)
    axes.legend(loc="best")


def _draw_finals(
    axes: Axes, finals: Mapping[int, float], *, interval: tuple[float, float, float]
) -> None:
    places = np.arange(len(finals))
    axes.plot(places, 100 * np.array([*finals.values()]), "o", color="#222222", label="each seed")
    mean, low, high = (100 * end for end in interval)
    label = f"mean {mean:.2f} %"
    if isfinite(low) and isfinite(high):
        axes.axhspan(low, high, color=COLOURS[4], alpha=0.2, linewidth=0)
        label += f" ± {(high - low) / 2:.2f}"
    axes.axhline(mean, color=COLOURS[0], label=label)
    axes.set_xticks(places, [str(seed) for seed in finals])
    axes.set(xlim=(-0.5, len(finals) - 0.5), xlabel="seed")
    axes.grid(visible=False, axis="x")
    # Beside the axes: wherever inside it stood, it would hide a seed.
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _curve(rows: Rows, key: str) -> tuple[list[float], list[float]]:
    """Epochs and values of the rows that have the key."""
    found = [
        (float(row["epoch"]), float(row[key]))
        for row in rows
        if isinstance(row.get(key), int | float) and isfinite(row[key])
    ]
    return [at for at, _ in found], [value for _, value in found]
