"""Decision regions: which class a classifier names at every point of a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.errors import ShapeError
from akitsu.report.figures import COLOURS, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Predict = Callable[[NDArray[np.float64]], NDArray[np.integer]]

# Shape and colour both tell the class; together they tell 7 x 8 of them apart.
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
POINTS = 300
"""Points of the plane along each axis that are asked."""
BORDER = 0.08
"""Of the range of the rows, left free around them."""


def draw_regions(
    axes: Axes,
    predict: Predict,
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    classes: Sequence[str],
    names: Sequence[str],
    test: NDArray[np.bool_] | None = None,
    wrong: NDArray[np.bool_] | None = None,
) -> None:
    """Colour a plane by what a classifier names there, and mark the rows on it.

    A row has the colour and the marker of its true class, so one that lies in a region of another
    colour is misclassified.

    Args:
        axes: Where to draw; a legend is left to the caller (`axes.legend()` has all entries).
        predict: (M, 2) float64 to (M,) class indices.
        features: (N, 2), in the units of the axes.
        labels: (N,) true class indices.
        classes: K names.
        names: The names of the two features.
        test: (N,) True for rows that were not learnt from, which get a ring around them.
        wrong: (N,) True for rows that get a cross, for they are misclassified; needed where the
            rows lie beside the plane, so that its colours do not tell.

    Raises:
        ShapeError: If the features are not (N, 2), or the others do not fit them.
    """
    _check(features, labels, names=names, test=test)
    low, high = features.min(axis=0), features.max(axis=0)
    margin = BORDER * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    _fill(axes, predict, low, high, count=len(classes))
    for index, name in enumerate(classes):
        of_class = features[labels == index]
        axes.scatter(
            of_class[:, 0],
            of_class[:, 1],
            s=26,
            color=COLOURS[index % len(COLOURS)],
            marker=MARKERS[index % len(MARKERS)],
            edgecolors="white",
            linewidths=0.6,
            label=short(name),
            zorder=3,
        )
    if test is not None and test.any():
        axes.scatter(
            features[test, 0],
            features[test, 1],
            s=80,
            facecolors="none",
            edgecolors="#222222",
            linewidths=0.8,
            label="test row",
            zorder=4,
        )
    if wrong is not None and wrong.any():
        axes.scatter(
            features[wrong, 0],
            features[wrong, 1],
            s=46,
            marker="x",
            color="#111111",
            linewidths=1.3,
            label="misclassified",
            zorder=5,
        )
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    axes.set(xlabel=short(names[0]), ylabel=short(names[1]))
    axes.grid(visible=False)


def _fill(
    axes: Axes,
    predict: Predict,
    low: NDArray[np.floating],
    high: NDArray[np.floating],
    *,
    count: int,
) -> None:
    from matplotlib.colors import to_rgb

    across, up = (np.linspace(low[axis], high[axis], POINTS) for axis in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    named = np.asarray(predict(grid)).reshape(POINTS, POINTS)
    palette = np.array([to_rgb(COLOURS[index % len(COLOURS)]) for index in range(count)])
    pale = 1 - 0.28 * (1 - palette)
    axes.imshow(
        pale[named],
        origin="lower",
        extent=(low[0], high[0], low[1], high[1]),
        aspect="auto",
        interpolation="nearest",
        zorder=0,
    )


def _check(
    features: NDArray[np.floating],
    labels: NDArray[np.integer],
    *,
    names: Sequence[str],
    test: NDArray[np.bool_] | None,
) -> None:
    if features.ndim != 2 or features.shape[1] != 2 or len(names) != 2 or not len(features):
        raise ShapeError(
            f"features have shape {features.shape} and {len(names)} names",
            do="pass (N, 2) with N at least 1, and two names",
        )
    if labels.shape != (len(features),) or (test is not None and test.shape != labels.shape):
        raise ShapeError(
            f"{len(features)} rows, labels of shape {labels.shape}", do="pass one label for each"
        )
