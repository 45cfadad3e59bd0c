"""Why a kernel: four clouds of two classes that no straight line divides, and two ways out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.classifiers import build
from akitsu.classic.figures.petals import legend_below
from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.classic.regions import draw_regions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Points = NDArray[np.float64]
CLASSES = ("signs alike", "signs differ")
N = 200


def clouds(rng: np.random.Generator) -> tuple[Points, NDArray[np.int64]]:
    """Normal points, and whether the signs of their two coordinates differ.

    Returns:
        (200, 2), and (200,) with 1 where exactly one of the two is negative.
    """
    points = rng.normal(size=(N, 2))
    return points, np.logical_xor(*(points > 0).T).astype(np.int64)


def lifted(points: Points) -> Points:
    """(N, 2) to (N, 2): the first coordinate stays, the second becomes the product of both.

    Example:
        >>> lifted(np.array([[2.0, -3.0]])).tolist()
        [[2.0, -6.0]]
    """
    return np.stack([points[:, 0], points.prod(axis=1)], axis=1)


@classic_figure("xor", size_wh=(14.4, 5))
def xor() -> Drawn:
    """No line divides the classes until they are lifted; the RBF kernel needs no lift by hand."""
    rng = np.random.default_rng(0)
    (points, labels), (others, truth) = clouds(rng), clouds(rng)
    linear = build("linear-svm").fit(points, labels)
    flat = build("linear-svm").fit(lifted(points), labels)
    kernel = build("rbf-svm").fit(points, labels)
    accuracy = {
        "linear": linear.score(others, truth),
        "linear, lifted": flat.score(lifted(others), truth),
        "RBF": kernel.score(others, truth),
    }

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 3)
        lift = (flat, lifted(points), ("x1", "x1 · x2"))
        plain = [(model, points, ("x1", "x2")) for model in (linear, kernel)]
        for axes, name, (model, shown, names) in zip(
            panels, accuracy, (plain[0], lift, plain[1]), strict=True
        ):
            draw_regions(axes, model.predict, shown, labels, classes=CLASSES, names=names)
            axes.set_title(f"{name}: {100 * accuracy[name]:.1f} % of new points right")
        legend_below(figure, panels[0])

    return Drawn({"accuracy": accuracy}, draw)
