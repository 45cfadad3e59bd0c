"""The flowers that most figures draw: Fisher's irises by their petals, 105 to learn, 45 to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.cross_validation import accuracy_estimate
from akitsu.classic.problem import PETALS, iris_problem
from akitsu.classic.regions import draw_regions
from akitsu.scores.interval import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEATURES = ("petal length", "petal width")
FOLDS, REPEATS = 10, 3
Rows = NDArray[np.int64]
Right = Callable[[Rows, Rows], NDArray[np.bool_]]


@dataclass(frozen=True)
class Petals:
    """The flowers in a fixed order, those to ask last.

    Attributes:
        classes: Names of the three species.
        features: (150, 2) petal length and width in cm.
        labels: (150,) from 0 to 2.
        test: (150,) whether the flower is one to ask.
    """

    classes: tuple[str, ...]
    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    test: NDArray[np.bool_]

    def fit(self, model: Any) -> Any:
        """The model, fitted to the flowers to learn from."""
        return model.fit(self.features[~self.test], self.labels[~self.test])

    def accuracy(self, model: Any) -> dict[str, float]:
        """Shares of 1 that a fitted model names right, of both parts."""
        parts = {"training": ~self.test, "test": self.test}
        return {
            name: float(model.score(self.features[rows], self.labels[rows]))
            for name, rows in parts.items()
        }

    def draw(self, axes: Axes, model: Any) -> None:
        """The regions of a fitted model, the flowers on them, those to ask with a ring."""
        draw_regions(
            axes,
            model.predict,
            self.features,
            self.labels,
            classes=self.classes,
            names=PETALS,
            test=self.test,
        )


@cache
def petals() -> Petals:
    """The split that `akitsu compare iris` has too: 30 % to ask, drawn with seed 0."""
    problem = iris_problem()
    # Those to learn from stay in the order of the split: a forest draws by place.
    order = np.concatenate([problem.train, np.flatnonzero(problem.test)])
    test = problem.test[order]
    return Petals(tuple(problem.classes), problem.inputs[order], problem.labels[order], test)


def cross_validated(flowers: Petals, right: Right) -> list[Estimate]:
    """Accuracy by ten-fold cross-validation, three times over, with its 95 % interval.

    Args:
        flowers: All of them take part, whether to learn from or to ask.
        right: From the rows to learn from and the M rows to ask to (S, M): whether each of S
            settings names each of the M right.

    Returns:
        One estimate for each of the S settings.
    """
    from sklearn.model_selection import RepeatedStratifiedKFold

    folds = RepeatedStratifiedKFold(n_splits=FOLDS, n_repeats=REPEATS, random_state=0)
    cuts = folds.split(flowers.features, flowers.labels)
    accuracies = np.stack([right(learnt, asked).mean(axis=1) for learnt, asked in cuts], axis=1)
    rows = len(flowers.labels)
    return [accuracy_estimate(each, rows=rows, folds=FOLDS) for each in accuracies]


def in_words(accuracy: dict[str, float]) -> str:
    """For a title.

    Example:
        >>> in_words({"training": 0.99, "test": 0.8})
        'training 99.0 %, test 80.0 %'
    """
    return ", ".join(f"{part} {100 * share:.1f} %" for part, share in accuracy.items())


def legend_below(figure: Figure, axes: Axes) -> None:
    """One legend for all panels, under them, with what is drawn in one of them."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))


def plain_ticks(axes: Axes, at: Iterable[float]) -> None:
    """A logarithmic x axis that says 0.001 and 1000, since our texts have no exponents."""
    shown = list(at)
    axes.set_xscale("log")
    axes.set_xticks(shown, [np.format_float_positional(x, precision=6, trim="-") for x in shown])
    axes.minorticks_off()
