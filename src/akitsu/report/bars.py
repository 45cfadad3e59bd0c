"""One bar for each class, with the interval that says how much of a difference is real."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from akitsu.report.figures import COLOURS, figure, short
from akitsu.scores.interval import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_bars(
    path: Path,
    estimates: Mapping[str, Estimate],
    *,
    title: str,
    measure: str,
    mean: Estimate | None = None,
) -> None:
    """Write a score by class as a PNG, the best class at the top.

    Args:
        path: Where the PNG shall stand.
        estimates: By class; one that is NaN gets words instead of a bar.
        title: What is seen, as in "How well each class was found".
        measure: The score's name, for the axis, as in "IoU".
        mean: The score over all classes, drawn as a line.
    """
    ordered = sorted(estimates, key=lambda name: _rank(estimates[name]))
    places = np.arange(len(ordered))
    with figure(path, size_wh=(7.4, 1.3 + 0.34 * len(ordered))) as canvas:
        axes = canvas.subplots()
        for place, name in zip(places, ordered, strict=True):
            _draw_bar(axes, estimates[name], place=float(place))
        axes.set_yticks(places, [short(name) for name in ordered])
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set(xlim=(0, 100), ylim=(-0.6, len(ordered) - 0.4), title=title)
        label = f"{measure}, %; whiskers: 95 % interval over pictures"
        if mean is not None and mean.value == mean.value:
            label += f"; dashed: mean {100 * mean.value:.1f} %"
            axes.axvline(100 * mean.value, color=COLOURS[1], linestyle="--", linewidth=1.2)
        axes.set_xlabel(label)


def _rank(estimate: Estimate) -> float:
    return estimate.value if estimate.value == estimate.value else -1.0


def _draw_bar(axes: Axes, estimate: Estimate, *, place: float) -> None:
    if estimate.value != estimate.value:
        axes.text(1, place, "not in these pictures", va="center", color="#777777", size=9)
        return
    value, low, high = 100 * estimate.value, 100 * estimate.low, 100 * estimate.high
    axes.barh(place, value, height=0.62, color=COLOURS[4])
    axes.plot([low, high], [place, place], color="#222222", linewidth=1.4)
    axes.plot([low, high], [place, place], "|", color="#222222", markersize=7)
    # Beyond the whisker, or inside the bar where that would leave the picture.
    outside = high < 90
    axes.text(
        high + 1.2 if outside else 1,
        place,
        f"{value:.1f}",
        ha="left",
        va="center",
        color="#222222",
        size=9,
        bbox={"facecolor": "white" if outside else "none", "edgecolor": "none", "pad": 1},
    )
