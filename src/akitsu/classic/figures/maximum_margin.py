"""The linear support vector machine: the widest street between two classes.

Cortes and Vapnik, Support-Vector Networks, Machine Learning 20, 1995.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.classifiers import build
from akitsu.classic.figures.petals import FEATURES, Petals, petals
from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.classic.regions import MARKERS
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
# The two classes and C: first a pair that a line divides, with next to no slack, then one that no
# line divides, with much slack and with little.
STREETS = (((0, 1), 1000.0), ((1, 2), 0.1), ((1, 2), 100.0))


@dataclass(frozen=True)
class Street:
    """A linear support vector machine of two classes: f(x) = weights · x + bias.

    Attributes:
        c: The price of slack.
        pair: The two classes; f is negative on the side of the first.
        points: (N, 2) the flowers that it learnt from, standardised.
        sides: (N,) -1 for the first class and 1 for the second.
        weights: (2,).
        bias: f at the mean of the points.
        support: (M,) indices of the support vectors in `points`.
        bound: (M,) whether the multiplier has come to C: such a one may stand inside the street.
    """

    c: float
    pair: tuple[int, int]
    points: Array
    sides: Array
    weights: Array
    bias: float
    support: NDArray[np.integer]
    bound: NDArray[np.bool_]

    @property
    def width(self) -> float:
        """From margin to margin, in standard deviations: 2 / |weights|."""
        return 2 / float(np.linalg.norm(self.weights))

    def f(self, points: Array) -> Array:
        """(…,) for (…, 2) points: 0 in the middle of the street, -1 and 1 at its margins."""
        values: Array = points @ self.weights + self.bias
        return values


def street(flowers: Petals, pair: tuple[int, int], *, c: float) -> Street:
    """Fit one to the flowers of two classes among those to learn from."""
    rows = np.isin(flowers.labels, pair) & ~flowers.test
    sides = np.where(flowers.labels[rows] == pair[1], 1.0, -1.0)
    fitted = build("linear-svm", C=c, tol=1e-8).fit(flowers.features[rows], sides)
    points, model = fitted["scaler"].transform(flowers.features[rows]), fitted["model"]
    bound = np.abs(model.dual_coef_[0]) >= c * (1 - 1e-9)
    bias = float(model.intercept_[0])
    return Street(c, pair, points, sides, model.coef_[0], bias, model.support_, bound)


@classic_figure("maximum-margin", size_wh=(14.4, 5.2))
def maximum_margin() -> Drawn:
    """The ringed support vectors alone hold the street; a small C lets flowers stand in it."""
    flowers = petals()
    streets = [street(flowers, pair, c=c) for pair, c in STREETS]

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(streets))
        for axes, each in zip(panels, streets, strict=True):
            _draw_street(axes, each, classes=flowers.classes)

    return Drawn({"streets": [_numbers(each, flowers.classes) for each in streets]}, draw)


def _numbers(each: Street, classes: tuple[str, ...]) -> dict[str, Any]:
    support = each.points[each.support]
    return {
        "classes": [classes[index] for index in each.pair],
        "c": each.c,
        "weights": each.weights,
        "bias": each.bias,
        "width": each.width,
        "support_vectors": support,
        "f_at_support_vectors": each.f(support),
        "free": ~each.bound,
    }


def _draw_street(axes: Axes, each: Street, *, classes: tuple[str, ...]) -> None:
    low, high = each.points.min(0), each.points.max(0)
    middle, reach = (low + high) / 2, (high - low).max() / 2 + 0.3
    grid = np.meshgrid(*(np.linspace(at - reach, at + reach, 200) for at in middle))
    f = each.f(np.stack(grid, axis=-1))
    axes.contourf(*grid, f, levels=[-1, 1], colors=[COLOURS[6]], alpha=0.08)
    axes.contour(*grid, f, levels=[-1, 0, 1], colors=COLOURS[6], linestyles=["--", "-", "--"])
    for index, side in zip(each.pair, (-1, 1), strict=True):
        x, y = each.points[each.sides == side].T
        axes.scatter(x, y, color=COLOURS[index], marker=MARKERS[index], s=22, label=classes[index])
    x, y = each.points[each.support].T
    axes.scatter(x, y, facecolors="none", edgecolors="black", s=90, label="support vector")
    axes.set(xlabel=f"{FEATURES[0]}, standardised", ylabel=f"{FEATURES[1]}, standardised")
    axes.set_aspect("equal")  # otherwise the street would not seem at right angles to its width
    axes.set_title(f"C = {each.c:g}: {each.width:.2f} wide, {len(x)} support vectors")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3, columnspacing=1)
