"""Logistic regression with L2 regularisation: how C, the inverse of its strength, holds weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.classifiers import build
from akitsu.classic.figures.petals import FEATURES, Petals, petals, plain_ticks
from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
STRENGTHS = np.logspace(-5, 5, 21)  # C
TICKS = STRENGTHS[::4]


def fitted(flowers: Petals, c: float) -> tuple[Array, dict[str, float]]:
    """Multinomial logistic regression on the standardised petals.

    Args:
        flowers: Those to learn from and those to ask.
        c: Inverse of the regularisation's strength, above 0.

    Returns:
        (3, 2) weights of each class and feature, and the accuracy on both parts.
    """
    # The default tolerance stops too early for a weight to be compared with its neighbour.
    model = flowers.fit(build("logistic-regression", C=c, tol=1e-6))
    return model["model"].coef_, flowers.accuracy(model)


@classic_figure("shrinking-weights", size_wh=(11.5, 4.4))
def shrinking_weights() -> Drawn:
    """The smaller C, the smaller the weights; too small, and the classifier knows nothing."""
    flowers = petals()
    fits = [fitted(flowers, float(c)) for c in STRENGTHS]
    weights = np.stack([each for each, _ in fits])
    accuracy = {part: np.array([each[part] for _, each in fits]) for part in ("training", "test")}

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
        _draw_weights(left, weights, classes=flowers.classes)
        for (part, values), colour, dash in zip(accuracy.items(), COLOURS, "-:", strict=False):
            right.plot(STRENGTHS, 100 * values, color=colour, ls=dash, label=part)
        right.set(xlabel="C", ylabel="accuracy, %", ylim=(0, 102))
        right.set_title("Accuracy")
        right.legend(loc="lower right")
        for axes in (left, right):
            plain_ticks(axes, TICKS)

    norms = np.linalg.norm(weights, axis=(1, 2))
    numbers = {"c": STRENGTHS, "weights": weights, "norm": norms, "accuracy": accuracy}
    return Drawn(numbers, draw)


def _draw_weights(axes: Axes, weights: Array, *, classes: tuple[str, ...]) -> None:
    for index, name in enumerate(classes):
        for feature, dash in enumerate("-:"):
            values, label = weights[:, index, feature], f"{name}, {FEATURES[feature]}"
            axes.plot(STRENGTHS, values, color=COLOURS[index], ls=dash, label=label)
    axes.set(xlabel="C", ylabel="weight of the standardised feature")
    axes.set_title("Weights")
    axes.legend(loc="upper left", fontsize="small")
