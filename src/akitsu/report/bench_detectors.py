"""Detectors in one picture: precision against time, and which of them are worth their time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akitsu.report.figures import COLOURS, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]

MARKERS = "os^Dvph"


def draw_bench_detectors(path: Path, document: Mapping[str, Any]) -> None:
    """Write mAP50 against milliseconds as a PNG (arXiv:1611.10012, figure 2).

    A point is a detector at one size of picture and one number of proposals. The dashed line is the
    front, the grey one the budget.

    Args:
        path: Where the PNG shall stand.
        document: With `detectors`, `front`, `best` and `budget_ms`.
    """
    rows: Sequence[Row] = document["detectors"]
    with figure(path, size_wh=(8, 5.6)) as canvas:
        axes = canvas.subplots()
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
        for number, name in enumerate(sorted({row["name"] for row in rows})):
            _detector(axes, [row for row in rows if row["name"] == name], number)
        best = sorted((row for row in rows if row["title"] in document["front"]), key=_milliseconds)
        axes.plot(
            [_milliseconds(row) for row in best],
            [row["map50"] for row in best],
            color="black",
            linestyle="--",
            linewidth=1,
            label="no other is as precise in less time",
            zorder=1,
        )
        if document["budget_ms"] is not None:
            axes.axvline(document["budget_ms"], color="grey", label="budget")
        axes.margins(x=0.12, y=0.14)
        axes.set(xlabel="median time of one picture, ms", ylabel="mAP50")
        axes.set_title("What precision costs; bars: 95 % interval over pictures")
        axes.legend(loc="best")


def _detector(axes: Axes, rows: Sequence[Row], number: int) -> None:
    colour = COLOURS[number % len(COLOURS)]
    rows = sorted(rows, key=_milliseconds)
    times, values = [_milliseconds(row) for row in rows], [row["map50"] for row in rows]
    axes.errorbar(
        times,
        values,
        yerr=[
            [row["map50"] - row["map50_low"] for row in rows],
            [row["map50_high"] - row["map50"] for row in rows],
        ],
        color=colour,
        marker=MARKERS[number % len(MARKERS)],
        linestyle="none",
        elinewidth=0.8,
        label=rows[0]["name"],
    )
    for row, time, value in zip(rows, times, values, strict=True):
        text = f"{row['input_hw'][0]}"
        if row["proposals"] is not None:
            text += f"/{row['proposals']}"
        axes.annotate(
            text,
            (time, value),
            xytext=(5, 4),
            textcoords="offset points",
            size=7,
            color=colour,
        )


def _milliseconds(row: Row) -> float:
    return float(row["latency"]["whole"]["median_ms"])
