"""Random forests: what a vote of many trees, each grown on another draw of flowers, is good for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from akitsu.classic.classifiers import build
from akitsu.classic.figures.petals import (
    Petals,
    Rows,
    cross_validated,
    in_words,
    legend_below,
    petals,
)
from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.classic.figures.settings import draw_accuracy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TREES = (1, 2, 3, 5, 10, 20, 50)
SHOWN = (1, 10, 50)


def growing(model: Any, features: NDArray[np.float64]) -> NDArray[np.integer]:
    """What the first n trees of a fitted forest answer together, for every n in `TREES`.

    A forest of n trees is the first n of a larger one of the same seed, so one fit serves all.

    Args:
        model: A fitted `RandomForestClassifier` of at least 50 trees.
        features: (M, F).

    Returns:
        (7, M) class indices.
    """
    each = np.stack([tree.predict_proba(features) for tree in model.estimators_])
    together = each.cumsum(axis=0)[np.array(TREES) - 1]
    answers: NDArray[np.integer] = together.argmax(axis=-1)
    return answers


@classic_figure("forests", size_wh=(11.5, 9.5))
def forests() -> Drawn:
    """One tree of a forest errs most; a vote of many errs less, though all intervals overlap."""
    flowers = petals()
    models = {n: flowers.fit(build("random-forest", n_estimators=n)) for n in SHOWN}
    accuracy = {n: flowers.accuracy(model) for n, model in models.items()}
    estimates = cross_validated(flowers, lambda learnt, asked: _right(flowers, learnt, asked))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 2).ravel()
        for axes, (n, model) in zip(panels, models.items(), strict=False):
            flowers.draw(axes, model)
            axes.set_title(f"{n} tree{'s' if n > 1 else ''}: {in_words(accuracy[n])}")
        draw_accuracy(panels[-1], TREES, estimates, name="trees")
        legend_below(figure, panels[0])

    validated = [each.to_json() for each in estimates]
    return Drawn({"trees": TREES, "cross_validated": validated, "accuracy": accuracy}, draw)


def _right(flowers: Petals, learnt: Rows, asked: Rows) -> NDArray[np.bool_]:
    model = build("random-forest", n_estimators=max(TREES))
    model.fit(flowers.features[learnt], flowers.labels[learnt])
    right: NDArray[np.bool_] = (
        growing(model["model"], flowers.features[asked]) == flowers.labels[asked]
    )
    return right
