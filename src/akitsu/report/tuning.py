"""What a search came to: the score of each trial in turn, and which keys mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akitsu.report.figures import COLOURS, figure
from akitsu.scores.table import NOT_SHARES, TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#AAAAAA"


def draw_history(path: Path, trials: Sequence[Mapping[str, Any]], *, score: str) -> None:
    """Write the scores of all trials in their order, with the best so far, as a PNG.

    Args:
        path: Where the PNG shall stand.
        trials: Each with `number`, `state` ("complete", "pruned", "failed", "running") and
            `value`; at least one is complete.
        score: The score's name, such as "miou".
    """
    scale = 1 if score in NOT_SHARES else 100
    complete = _points(trials, "complete", scale=scale)
    pruned = _points(trials, "pruned", scale=scale)
    failed = [trial["number"] for trial in trials if trial["state"] == "failed"]
    with figure(path, size_wh=(7.4, 4.2)) as canvas:
        axes = canvas.subplots()
        numbers, values = complete[:, 0], complete[:, 1]
        best = np.maximum.accumulate(values)
        ends = [*numbers, max(trial["number"] for trial in trials)]
        style = {"color": COLOURS[1], "label": "best so far", "zorder": 1}
        axes.step(ends, [*best, best[-1]], where="post", **style)
        axes.plot(numbers, values, "o", color=COLOURS[0], label="ran to its end")
        if len(pruned):
            label = "stopped early, at its last score"
            axes.plot(pruned[:, 0], pruned[:, 1], "o", color=GREY, fillstyle="none", label=label)
        if failed:
            bottom = [axes.get_ylim()[0]] * len(failed)
            axes.plot(failed, bottom, "x", color="#222222", label="failed", clip_on=False)
        _mark_best(axes, numbers, values)
        axes.set(xlabel="trial", ylabel=TITLES.get(score, score) + (", %" if scale == 100 else ""))
        axes.set_title("Every trial of the search")
        axes.locator_params(axis="x", integer=True)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def draw_importance(path: Path, shares: Mapping[str, float], *, n: int) -> None:
    """Write the share of each key in the differences between scores as a PNG, largest on top.

    Args:
        path: Where the PNG shall stand.
        shares: By key of the recipe; they sum to 1.
        n: Trials that they were computed from.
    """
    ordered = sorted(shares, key=lambda key: shares[key])
    places = np.arange(len(ordered))
    values = [100 * shares[key] for key in ordered]
    with figure(path, size_wh=(7.4, 1.3 + 0.34 * len(ordered))) as canvas:
        axes = canvas.subplots()
        axes.barh(places, values, height=0.62, color=COLOURS[4])
        for place, value in zip(places, values, strict=True):
            axes.text(
                value + 1, float(place), f"{value:.0f} %", va="center", color="#222222", size=9
            )
        axes.set_yticks(places, ordered)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set(xlim=(0, 108), ylim=(-0.6, len(ordered) - 0.4))
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel(f"share in the differences between the scores of {n} trials (fANOVA), %")
        axes.set_title("What mattered")


def _points(trials: Sequence[Mapping[str, Any]], state: str, *, scale: int) -> np.ndarray:
    """(N, 2) number and value of the trials in one state."""
    found = [
        (trial["number"], scale * trial["value"])
        for trial in trials
        if trial["state"] == state and trial["value"] is not None
    ]
    return np.array(found, dtype=np.float64).reshape(-1, 2)


def _mark_best(axes: Axes, numbers: np.ndarray, values: np.ndarray) -> None:
    index = int(values.argmax())
    text = f"best: trial {numbers[index]:.0f}, {values[index]:.2f}"
    axes.plot(numbers[index], values[index], "*", color="#222222", markersize=12, label=text)
