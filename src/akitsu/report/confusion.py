"""The confusion matrix as a picture: what was taken for what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ShapeError
from akitsu.report.figures import figure, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Beyond this many classes the cells are too small for numbers, and the colour must do.
MOST_WRITTEN = 25

# Beyond so many even the colours are too small, and the most confused classes must do.
MOST_DRAWN = 100
UNITS = (("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12))


def draw_confusion(
    path: Path,
    matrix: NDArray[np.integer],
    *,
    classes: Sequence[str],
    counted: str = "pictures",
    title: str = "",
) -> None:
    """Write the confusion matrix as a PNG: counts as numbers, the share of their row as colour.

    Args:
        path: Where the PNG shall stand.
        matrix: (K, K) counts; rows are the truth, columns what it was taken for.
        classes: K names.
        counted: What the numbers count, as in "pictures" or "pixels".
        title: Above the picture; without one, what is seen.

    Raises:
        ShapeError: If the matrix does not fit the classes.
    """
    k = len(classes)
    if matrix.shape != (k, k):
        raise ShapeError(
            f"the matrix has shape {matrix.shape}, {k} classes want {(k, k)}", do="pass (K, K)"
        )
    counts = matrix.astype(np.float64)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    cell = 0.75 if k <= 6 else 0.62 if k <= MOST_WRITTEN else 0.15
    names = [short(name) for name in classes]
    longest = 0.075 * max(map(len, names))
    with figure(path, size_wh=(k * cell + 2.2 + longest, k * cell + 1.4 + longest)) as canvas:
        axes = canvas.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        _label(axes, names)
        axes.set_title(title or f"What was taken for what, in {counted}")
        bar = canvas.colorbar(image, ax=axes, shrink=0.8, pad=0.03, label="share of the true class")
        bar.outline.set_visible(False)
        if k <= MOST_WRITTEN:
            _write(axes, matrix, shares)


def most_confused(
    matrix: NDArray[np.integer], classes: Sequence[str], *, most: int = MOST_WRITTEN
) -> tuple[NDArray[np.integer], list[str]]:
    """The matrix of the classes with the most mistakes, given or received, in their own order.

    Args:
        matrix: (K, K) counts; rows are the truth.
        classes: K names.
        most: How many to keep.

    Example:
        >>> counts = np.array([[9, 0, 0], [0, 1, 2], [0, 0, 1]])
        >>> matrix, names = most_confused(counts, "abc", most=2)
        >>> names, matrix.tolist()
        (['b', 'c'], [[1, 2], [0, 1]])
    """
    wrong = np.asarray(matrix) * (1 - np.eye(len(classes), dtype=np.int64))
    mistakes = wrong.sum(0) + wrong.sum(1)
    kept = np.sort(np.argsort(-mistakes, kind="stable")[:most])
    return matrix[np.ix_(kept, kept)], [classes[index] for index in kept]


def _label(axes: Axes, classes: Sequence[str]) -> None:
    places = np.arange(len(classes))
    small = 10 if len(classes) <= MOST_WRITTEN else 6
    axes.set_xticks(places, classes, rotation=45, ha="right", rotation_mode="anchor", size=small)
    axes.set_yticks(places, classes, size=small)
    axes.set_xlabel("recognised as")
    axes.set_ylabel("in truth")
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _write(axes: Axes, matrix: NDArray[np.integer], shares: NDArray[np.float64]) -> None:
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            ink = "white" if shares[row, column] > 0.55 else "#222222"
            text = compact(int(count))
            axes.text(column, row, text, ha="center", va="center", color=ink, size=9)


def compact(count: int) -> str:
    """A count in at most five characters.

    Example:
        >>> [compact(n) for n in (7, 9999, 12_345, 999_999, 7_416_000, 3_200_000_000)]
        ['7', '9999', '12.3k', '1.0M', '7.4M', '3.2G']
    """
    if count < 10_000:
        return str(count)
    unit, size = next((u, s) for u, s in UNITS if count < 999.95 * s)
    number = count / size
    return f"{number:.1f}{unit}" if number < 99.95 else f"{number:.0f}{unit}"
