"""How numbers lie and how that changes: bands between percentiles, over the iterations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import DataError
from akitsu.report.figures import COLOURS, figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANE_WH = (5.2, 2.7)


@dataclass(frozen=True)
class Bands:
    """Percentiles of one set of numbers at T moments.

    Attributes:
        title: What the numbers are.
        values: (T, P) float32, the lowest percentile first; NaN where there was no number.
    """

    title: str
    values: NDArray[np.float32]


def draw_bands(
    path: Path,
    rows: Sequence[Sequence[Bands]],
    *,
    iterations: Sequence[int],
    percentiles: Sequence[float],
) -> None:
    """Write a grid of panes as a PNG, each with bands between percentiles.

    The first and the last percentile bound the palest band, and so on inwards; where P is odd, the
    middle one is a line.

    Args:
        path: Where the PNG shall stand.
        rows: Panes from left to right, by row from the top.
        iterations: The T moments.
        percentiles: The P percentiles in rising order, for the legend.

    Raises:
        DataError: If there is no moment.
    """
    if not iterations:
        raise DataError("no moment to draw", do="train for one more iteration")
    columns = max(len(row) for row in rows)
    size_wh = (PANE_WH[0] * columns, PANE_WH[1] * len(rows) + 0.6)
    with figure(path, size_wh=size_wh) as canvas:
        grid = canvas.subplots(len(rows), columns, squeeze=False, sharex=True)
        for panes, row in zip(grid, rows, strict=True):
            for axes, bands in zip(panes, row, strict=True):
                _draw_pane(axes, bands, iterations=iterations, percentiles=percentiles)
        for axes in grid[-1]:
            axes.set_xlabel("iteration")
            axes.xaxis.get_major_locator().set_params(integer=True)
        handles, labels = grid[0][0].get_legend_handles_labels()
        canvas.legend(handles, labels, loc="outside lower center", ncols=len(labels))


def _draw_pane(
    axes: Axes, bands: Bands, *, iterations: Sequence[int], percentiles: Sequence[float]
) -> None:
    pairs = len(percentiles) // 2
    for index in range(pairs):
        low, high = bands.values[:, index], bands.values[:, -1 - index]
        label = f"{percentiles[index]:g}–{percentiles[-1 - index]:g} %"
        # Mixed with white, not transparent: in the legend a band would stand without those below.
        shade = _mixed(COLOURS[0], white=1 - (index + 1) / (pairs + 1))
        axes.fill_between(iterations, low, high, color=shade, linewidth=0, label=label)
    if len(percentiles) % 2:
        middle = bands.values[:, pairs]
        marker = "o" if len(iterations) < 3 else ""  # a line of one point would not be seen
        label = "median" if percentiles[pairs] == 50 else f"{percentiles[pairs]:g} %"
        axes.plot(iterations, middle, color=COLOURS[1], marker=marker, label=label)
    axes.set_title(short(bands.title))


def _mixed(colour: str, *, white: float) -> str:
    """A colour such as "#0072B2" with a part of white, 0 to 1."""
    channels = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{round(each + (255 - each) * white):02X}" for each in channels)
