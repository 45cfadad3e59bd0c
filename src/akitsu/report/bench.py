"""Networks in one picture: accuracy and time against multiply-adds (arXiv:1605.07678, figure 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akitsu.report.figures import COLOURS, figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Row = Mapping[str, Any]


def draw_bench(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document of a benchmark as a PNG.

    On the left accuracy against multiply-adds, where the accuracy of two networks or more is known;
    on the right time. A bubble's area is the number of parameters.

    Args:
        path: Where the PNG shall stand.
        document: Of `akitsu.deploy.benchmark.measure`.
    """
    rows = [row for row in document["models"] if row["macs"] > 0]
    known = [row for row in rows if row["top1"] is not None]
    panels = 2 if len(known) > 1 else 1
    with figure(path, size_wh=(7.2 * panels, 5.6)) as canvas:
        axes = list(canvas.subplots(1, panels, squeeze=False)[0])
        if panels == 2:
            _accuracy(axes[0], known, document["front"])
        _time(axes[-1], rows)


def _accuracy(axes: Axes, rows: Sequence[Row], front: Sequence[str]) -> None:
    best = sorted((row for row in rows if row["name"] in front), key=lambda row: row["macs"])
    axes.plot(
        [row["macs"] / 1e9 for row in best],
        [row["top1"] for row in best],
        color=COLOURS[1],
        linestyle="--",
        label="no other is better at this cost",
    )
    _bubbles(axes, rows, lambda row: row["top1"])
    axes.set(xlabel="multiply-adds a picture, G", ylabel="top-1 accuracy on ImageNet, %")
    axes.set_title("What accuracy costs; bubble: parameters")
    axes.legend(loc="best")


def _time(axes: Axes, rows: Sequence[Row]) -> None:
    _bubbles(axes, rows, _milliseconds)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="multiply-adds a picture, G", ylabel="median time, ms")
    axes.set_title("Time against multiply-adds; bubble: parameters")


def _milliseconds(row: Row) -> float:
    return float(next(iter(row["latency"].values()))["median_ms"])


def _bubbles(axes: Axes, rows: Sequence[Row], height: Callable[[Row], float]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.12, y=0.12)
    for place, row in enumerate(sorted(rows, key=lambda row: (row["macs"], row["name"]))):
        x, y = row["macs"] / 1e9, height(row)
        area = 12 + 6 * row["parameters"] / 1e6
        axes.scatter(x, y, s=area, color=COLOURS[0], alpha=0.35, edgecolor=COLOURS[0])
        # Neighbours in cost are often neighbours in height: their names go up and down in turn.
        above = place % 2 == 0
        axes.annotate(
            short(Path(row["name"]).name),
            (x, y),
            xytext=(0, 6 if above else -6),
            textcoords="offset points",
            ha="center",
            va="bottom" if above else "top",
            size=7,
        )
