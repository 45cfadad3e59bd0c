"""What a detector's mistakes cost, kind by kind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from akitsu.report.figures import COLOURS, figure
from akitsu.scores.detection import Kind
from akitsu.scores.table import MISTAKES


def draw_mistakes(path: Path, mistakes: Mapping[str, Kind], *, score_threshold: float) -> None:
    """Write one bar for each kind of mistake as a PNG.

    Args:
        path: Where the PNG shall stand.
        mistakes: As `DetectionScores.mistakes` gives them.
        score_threshold: At which they were counted.
    """
    names = [f"{MISTAKES[kind]}\n{each.count} of them" for kind, each in mistakes.items()]
    places = np.arange(len(names))[::-1]
    gains = [each.map50_gain for each in mistakes.values()]
    with figure(path, size_wh=(7.8, 1.4 + 0.5 * len(names))) as canvas:
        axes = canvas.subplots()
        for place, gain in zip(places, gains, strict=True):
            value, low, high = 100 * gain.value, 100 * gain.low, 100 * gain.high
            if value == value:
                axes.barh(place, value, height=0.6, color=COLOURS[4])
                axes.plot([low, high], [place, place], "|-", color="#222222", linewidth=1.4)
                axes.annotate(f"{value:.1f}", (high, place), (5, 0), textcoords="offset points",
                              va="center")  # fmt: skip
        axes.set_yticks(places, names)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, max(1.0, axes.get_xlim()[1] * 1.06))
        axes.set_title(f"What goes wrong, counted at score threshold {score_threshold:.2f}")
        axes.set_xlabel(
            "mAP at IoU .50 to be gained if all of a kind were mended, points;\n"
            "whiskers: 95 % interval over pictures"
        )
