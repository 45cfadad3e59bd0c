"""Lines over time and over thresholds: the log of a training, and precision against recall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from akitsu.errors import DataError
from akitsu.report.figures import figure, line_style, short
from akitsu.scores.average_precision import Curve
from akitsu.scores.table import NOT_SHARES, TITLES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# More curves than this in colour are a tangle: the best ones step back into grey.
MOST_NAMED = 10
Line = tuple[list[float], list[float]]


def draw_log(path: Path, rows: Sequence[Mapping[str, Any]], *, best: str = "") -> None:
    """Write the curves of a training as a PNG: losses left, scores right.

    Args:
        path: Where the PNG shall stand.
        rows: The lines of log.jsonl, each with `epoch` or `iteration` and values under keys such as
            `train/loss` and `validation/accuracy`; a key may be missing from some of them.
        best: The key by which the best weights were chosen; its best value is marked.

    Raises:
        DataError: If no row holds a loss or a score.
    """
    lines = _lines(rows)
    panels = {
        "loss": {key: line for key, line in lines.items() if _is_loss(key)},
        "score": {key: line for key, line in lines.items() if _is_score(key)},
    }
    filled = {what: part for what, part in panels.items() if part}
    if not filled:
        raise DataError("the log holds no loss and no score", do="train for one more epoch")
    unit = "epoch" if any("epoch" in row for row in rows) else "iteration"
    with figure(path, size_wh=(5.2 * len(filled), 3.9)) as canvas:
        panes = canvas.subplots(1, len(filled), squeeze=False)[0]
        for axes, (what, part) in zip(panes, filled.items(), strict=True):
            _draw_panel(axes, part, best=best)
            axes.set_xlabel(unit)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.set_ylabel(what if what == "loss" else "score, %")
            axes.set_title("Loss: the lower, the better" if what == "loss" else "Scores")


def draw_precision_recall(
    path: Path, curves: Mapping[str, Curve], *, score_threshold: float | None = None
) -> None:
    """Write one precision-recall curve for each class, at IoU .5, as a PNG.

    Args:
        path: Where the PNG shall stand.
        curves: By class, as `DetectionScores.curves` gives them.
        score_threshold: Where the robot stands on each curve; a dot marks it.
    """
    known = {name: curve for name, curve in curves.items() if curve.average == curve.average}
    weakest = sorted(known, key=lambda name: known[name].average)[:MOST_NAMED]
    with figure(path, size_wh=(7.4, 4.6)) as canvas:
        axes = canvas.subplots()
        for curve in (known[name] for name in known if name not in weakest):
            axes.plot(100 * curve.recall, 100 * curve.precision, color="#CCCCCC", linewidth=0.8)
        named = [name for name in known if name in weakest]
        for index, name in enumerate(named):
            _draw_curve(axes, known[name], index=index, score_threshold=score_threshold)
        labels = [f"{short(name)}: AP {100 * known[name].average:.1f} %" for name in named]
        if len(known) > len(named):
            axes.plot([], [], color="#CCCCCC", linewidth=0.8)
            labels.append(f"{len(known) - len(named)} better classes")
        _legend(axes, labels)
        axes.set(xlim=(0, 101), ylim=(0, 103), xlabel="recall: found of all boxes, %")
        axes.set_ylabel("precision: right of all detections, %")
        dots = "" if score_threshold is None else f"; dots: score threshold {score_threshold:.2f}"
        axes.set_title(f"Precision and recall at IoU .5{dots}")


def _draw_curve(axes: Axes, curve: Curve, *, index: int, score_threshold: float | None) -> None:
    style = line_style(index)
    recall, precision = 100 * curve.recall, 100 * curve.precision
    axes.plot(recall, precision, **style)
    above = 0 if score_threshold is None else int((curve.scores >= score_threshold).sum())
    if above:
        at = above - 1
        axes.plot(recall[at], precision[at], "o", color=style["color"], label="_", clip_on=False)


def _legend(axes: Axes, labels: Sequence[str]) -> None:
    lines = [line for line in axes.get_lines() if line.get_marker() == "None"][-len(labels) :]
    # matplotlib leaves out a label that starts with an underscore; a class may well start with one.
    shown = [f" {label}" if label.startswith("_") else label for label in labels]
    if labels:
        axes.legend(lines, shown, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)


def _lines(rows: Sequence[Mapping[str, Any]]) -> dict[str, Line]:
    lines: dict[str, Line] = {}
    for number, row in enumerate(rows, 1):
        x = row.get("epoch", row.get("iteration", number))
        for key, value in row.items():
            if isinstance(value, int | float) and isfinite(value):
                at, values = lines.setdefault(key, ([], []))
                at.append(float(x))
                values.append(float(value))
    return lines


def _is_loss(key: str) -> bool:
    return key.rsplit("/", 1)[-1].endswith("loss")


def _is_score(key: str) -> bool:
    name = key.rsplit("/", 1)[-1]
    return name in TITLES and name not in NOT_SHARES


def _draw_panel(axes: Axes, lines: Mapping[str, Line], *, best: str) -> None:
    for index, (key, (at, values)) in enumerate(lines.items()):
        scale = 100 if _is_score(key) else 1
        shown = scale * np.array(values)
        marker = "o" if len(at) < 3 else ""  # a line of one point would not be seen
        axes.plot(at, shown, marker=marker, label=_words(key), **line_style(index))
        if key == best:
            _mark_best(axes, at, shown, lowest=_is_loss(key))
    axes.legend(loc="best")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))


def _mark_best(axes: Axes, at: list[float], values: np.ndarray, *, lowest: bool) -> None:
    index = int(values.argmin() if lowest else values.argmax())
    text = f"{values[index]:.3f}" if lowest else f"{values[index]:.1f} %"
    axes.plot(at[index], values[index], "*", color="#222222", markersize=12, label=f"best: {text}")


def _words(key: str) -> str:
    """`main/loss` as "training loss", `validation/main/miou` as "validation mean IoU"."""
    *scopes, name = key.split("/")
    shown = ["training"] if scopes == ["main"] else [scope for scope in scopes if scope != "main"]
    return " ".join([*shown, TITLES.get(name, name.replace("_", " "))])
