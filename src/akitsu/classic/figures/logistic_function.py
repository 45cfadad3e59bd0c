"""The logistic function, which makes a probability of any number, and the log-odds it undoes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]
FAR = 7.0  # where the curve has come within a thousandth of its ends


def logistic(z: Array) -> Array:
    """1 / (1 + exp(-z)), without an overflow however far `z` is from 0.

    Args:
        z: Any shape, any real numbers.

    Returns:
        The same shape, from 0 to 1.

    Example:
        >>> logistic(np.array([-1000.0, 0.0, 1000.0]))
        array([0. , 0.5, 1. ])
    """
    small = np.exp(-np.abs(z))  # at most 1
    p: Array = np.where(z >= 0, 1, small) / (1 + small)
    return p


def log_odds(p: Array) -> Array:
    """ln(p / (1 - p)): the number of which the logistic function makes the probability `p`.

    Args:
        p: Any shape, above 0 and below 1.

    Example:
        >>> log_odds(np.array([0.5])).tolist()
        [0.0]
    """
    return np.log(p) - np.log1p(-p)


@classic_figure("logistic-function", size_wh=(11, 4))
def logistic_function() -> Drawn:
    """Any number becomes a probability, and 0 becomes one half; the log-odds lead back."""
    z = np.linspace(-FAR, FAR, 141)
    p = logistic(z)

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot(z, p, color=COLOURS[0])
        left.plot([0, 0, -FAR], [0, 0.5, 0.5], color=COLOURS[6], linestyle=":")
        left.set(xlabel="z = w · x + b", ylabel="probability p", xlim=(-FAR, FAR), ylim=(0, 1))
        left.set_title("Logistic function: p = 1 / (1 + exp(−z))")
        right.plot(p, log_odds(p), color=COLOURS[1])
        right.plot([0.5, 0.5, 0], [-FAR, 0, 0], color=COLOURS[6], linestyle=":")
        right.set(xlabel="probability p", ylabel="z", xlim=(0, 1), ylim=(-FAR, FAR))
        right.set_title("Log-odds: z = ln(p / (1 − p))")

    return Drawn({"z": z, "p": p}, draw)
