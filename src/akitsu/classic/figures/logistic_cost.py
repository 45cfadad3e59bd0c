"""What logistic regression pays for an answer: minus the logarithm of the right class's share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


def cost(p: Array, y: int) -> Array:
    """The cross-entropy of one example, in nats.

    Args:
        p: Any shape: the probability of class 1 that was answered, above 0 and below 1.
        y: The true class, 0 or 1.

    Returns:
        The same shape: -ln p where class 1 is true, -ln(1 - p) where class 0 is.

    Example:
        >>> cost(np.array([0.5]), 1).round(3).tolist()
        [0.693]
    """
    return -np.log(p) if y == 1 else -np.log1p(-p)


@classic_figure("logistic-cost", size_wh=(7, 4.4))
def logistic_cost() -> Drawn:
    """A right and sure answer costs nothing; a wrong one costs without bound, the surer it is."""
    p = np.linspace(0.005, 0.995, 199)
    costs = {1: cost(p, 1), 0: cost(p, 0)}

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(p, costs[1], color=COLOURS[0], label="class 1 is true: −ln p")
        axes.plot(
            p, costs[0], color=COLOURS[1], linestyle="--", label="class 0 is true: −ln(1 − p)"
        )
        axes.annotate(
            "undecided: ln 2 = 0.69",
            (0.5, np.log(2)),
            (0.5, 1.5),
            ha="center",
            arrowprops={"arrowstyle": "-", "color": COLOURS[6]},
        )
        axes.set(
            xlabel="answered probability of class 1", ylabel="cost", xlim=(0, 1), ylim=(0, 5.3)
        )
        axes.set_title("The cost of one answer")
        axes.legend(loc="upper center")

    return Drawn({"p": p, "cost_if_1": costs[1], "cost_if_0": costs[0]}, draw)
