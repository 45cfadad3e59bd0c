"""How mixed a node of a decision tree is: entropy, Gini impurity and misclassification error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


def entropy(shares: Array) -> Array:
    """Minus the sum of p log2 p, in bits; an absent class adds nothing.

    Args:
        shares: (…, K) the share of each class in a node; each row sums to 1.

    Returns:
        (…,) from 0 (one class only) to log2 K (all alike).

    Example:
        >>> entropy(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist()
        [0.0, 1.0]
    """
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    bits: Array = np.abs((shares * logarithms).sum(-1))  # abs: a pure node has 0, not -0
    return bits


def gini(shares: Array) -> Array:
    """1 minus the sum of p squared: how often a label drawn from the node would be wrong.

    Args:
        shares: (…, K) as for `entropy`.

    Returns:
        (…,) from 0 to 1 - 1/K: one half for two classes, not one.

    Example:
        >>> gini(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist()
        [0.0, 0.5]
    """
    total: Array = 1 - (shares**2).sum(-1)
    return total


def misclassification(shares: Array) -> Array:
    """1 minus the largest share: how often the node's most frequent class is wrong.

    Args:
        shares: (…, K) as for `entropy`.

    Returns:
        (…,) from 0 to 1 - 1/K.

    Example:
        >>> misclassification(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist()
        [0.25, 0.5]
    """
    error: Array = 1 - shares.max(-1)
    return error


def gain(impurity: Array, *, left: Array, right: Array, share_left: float) -> Array:
    """The information gain of a question: the node's impurity less that of its children.

    Args:
        impurity: (…,) of the node itself.
        left: (…,) of the child with the examples that answered yes.
        right: (…,) of the other.
        share_left: Share of the node's examples that went left, from 0 to 1.

    Returns:
        (…,) at least 0 for entropy and Gini, which are concave.

    Example:
        >>> zero, one = np.array([0.0]), np.array([1.0])
        >>> gain(one, left=zero, right=zero, share_left=0.5).tolist()
        [1.0]
    """
    return impurity - share_left * left - (1 - share_left) * right


@classic_figure("impurities", size_wh=(7, 4.6))
def impurities() -> Drawn:
    """All are 0 in a pure node and highest at one half; the error alone has straight sides."""
    p = np.linspace(0, 1, 201)
    shares = np.stack([p, 1 - p], axis=-1)
    bits = entropy(shares)
    curves = {
        "entropy": bits,
        "entropy, halved": bits / 2,
        "Gini impurity": gini(shares),
        "misclassification error": misclassification(shares),
    }

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        dashes = ("-", "--", "-.", ":")
        for (name, values), colour, dash in zip(curves.items(), COLOURS, dashes, strict=False):
            axes.plot(p, values, color=colour, linestyle=dash, label=name)
        axes.set(
            xlabel="share of class 1 in the node", ylabel="impurity", xlim=(0, 1), ylim=(0, 1.02)
        )
        axes.set_title("How mixed is a node of two classes?", pad=46)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)

    return Drawn({"p": p} | curves, draw)
