"""Networks in one picture: accuracy and time against multiply-adds (arXiv:1605.07678, figure 2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akitsu.report.figures import COLOURS, figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Bbox

Row = Mapping[str, Any]

# Where a name may stand beside its bubble, in points, the best place first.
PLACES = (
    ((0, 6), "center", "bottom"),
    ((0, -6), "center", "top"),
    ((7, 0), "left", "center"),
    ((-7, 0), "right", "center"),
)


def draw_bench(path: Path, document: Mapping[str, Any]) -> None:
    """Write the document of a benchmark as a PNG.

    On the left accuracy against multiply-adds, where the accuracy of two networks or more is known;
    on the right time. A bubble's area is the number of parameters. Where bubbles crowd, some stay
    without a name.

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
    _bubbles(axes, rows, _top1)
    axes.set(xlabel="multiply-adds a picture, G", ylabel="top-1 accuracy on ImageNet, %")
    axes.set_title("What accuracy costs; bubble: parameters")
    axes.legend(loc="best")
    by_accuracy = sorted(rows, key=_top1, reverse=True)
    _name(axes, best + [row for row in by_accuracy if row not in best], _top1)


def _time(axes: Axes, rows: Sequence[Row]) -> None:
    _bubbles(axes, rows, _milliseconds)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="multiply-adds a picture, G", ylabel="median time, ms")
    axes.set_title("Time against multiply-adds; bubble: parameters")
    _name(axes, sorted(rows, key=lambda row: (row["macs"], row["name"])), _milliseconds)


def _top1(row: Row) -> float:
    return float(row["top1"])


def _milliseconds(row: Row) -> float:
    return float(next(iter(row["latency"].values()))["median_ms"])


def _bubbles(axes: Axes, rows: Sequence[Row], height: Callable[[Row], float]) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.margins(x=0.12, y=0.12)
    for row in rows:
        area = 12 + 6 * row["parameters"] / 1e6
        x, y = row["macs"] / 1e9, height(row)
        axes.scatter(x, y, s=area, color=COLOURS[0], alpha=0.35, edgecolor=COLOURS[0])


def _name(axes: Axes, rows: Sequence[Row], height: Callable[[Row], float]) -> None:
    """Write names beside the bubbles, the first rows first; who finds no room stays without.

    The axes must have their scales and limits: whether two names touch is a matter of pixels.
    """
    canvas = axes.figure
    canvas.draw_without_rendering()  # type: ignore[union-attr]
    taken: list[Bbox] = []
    for row in rows:
        for offset, horizontal, vertical in PLACES:
            text = axes.annotate(
                short(Path(row["name"]).name),
                (row["macs"] / 1e9, height(row)),
                xytext=offset,
                textcoords="offset points",
                size=7,
                ha=horizontal,
                va=vertical,
            )
            box = text.get_window_extent()
            if box.count_overlaps(taken) == 0:
                taken.append(box)
                break
            text.remove()
