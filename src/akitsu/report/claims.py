"""What the check of a claim came to: the figures in words, and the picture of the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from akitsu.report.figures import COLOURS, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADINGS = ("what", "value", "demanded", "holds")
SIZE_WH = (8.0, 4.2)  # inches, at the shape that the claims draw for
LINE = 90  # letters of its width


@dataclass(frozen=True)
class Row:
    """One finding as a person reads it; `interval` is "" for a single figure."""

    what: str
    value: str
    interval: str
    demand: str
    holds: bool


def rows(findings: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The findings of a claim's document in words.

    Args:
        findings: Each with `statement`, `value`, `low`, `high`, `n`, `demand` and `holds`, where
            None is a number that is none.

    Example:
        >>> seeds = {"value": 0.92, "low": 0.87036, "high": 0.96968, "n": 3}
        >>> rows([{"statement": "accuracy", "demand": "at least 0.9", "holds": True, **seeds}])
        [Row(what='accuracy', value='0.92', interval='0.8704 to 0.9697, 3 seeds', \
demand='at least 0.9', holds=True)]
    """
    return [
        Row(each["statement"], _value(each), _interval(each), each["demand"], each["holds"])
        for each in findings
    ]


def source(document: Mapping[str, Any]) -> str:
    """Where a claim is from, its `paper` and `year`.

    Example:
        >>> source({"paper": "arXiv:1512.03385", "year": 2015})
        'arXiv:1512.03385, 2015'
        >>> source({"paper": "LeCun et al. 1998", "year": 1998})
        'LeCun et al. 1998'
    """
    paper, year = document["paper"], str(document["year"])
    return paper if year in paper.split() else f"{paper}, {year}"


def _value(finding: Mapping[str, Any]) -> str:
    value = finding["value"]
    if finding["demand"] == "true":
        return "yes" if value else "no"
    return _number(value)


def _interval(finding: Mapping[str, Any]) -> str:
    low, high = finding["low"], finding["high"]
    if low is None or high is None:
        return ""
    return f"{_number(low)} to {_number(high)}, {finding['n']} seeds"


def _number(value: float | None) -> str:
    """Whole numbers whole, others with four significant digits."""
    if value is None:
        return "no number"
    if value == int(value) or abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def draw_claim(path: Path, draw: Callable[[Figure], None], *, without: str = "") -> None:
    """Write the picture of a claim's evidence as a PNG.

    Args:
        path: Where the PNG shall stand; one that is there already is replaced.
        draw: Draws into an empty figure.
        without: The idea that was taken away, which the picture then says; "" for none.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        OutputError: If the place cannot be written.
    """
    with figure(path, size_wh=SIZE_WH) as canvas:
        draw(canvas)
        if without:
            text = fill(f"taken away: {without}", LINE)
            own = canvas.get_suptitle()
            style = {"fontsize": 10, "color": COLOURS[1], "x": 0.01, "ha": "left"}
            canvas.suptitle(f"{text}\n{own}".strip(), **style)
