"""k nearest neighbours: how many of them to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

NEIGHBOURS = (1, 3, 5, 9, 15, 25, 45, 75, 105)
SHOWN = (1, 5, 75)


@classic_figure("neighbours", size_wh=(11.5, 9.5))
def neighbours() -> Drawn:
    """One neighbour draws ragged borders, five smooth ones; of too many the far ones vote too."""
    flowers = petals()
    models = {k: flowers.fit(build("k-nearest-neighbours", n_neighbors=k)) for k in SHOWN}
    accuracy = {k: flowers.accuracy(model) for k, model in models.items()}
    estimates = cross_validated(flowers, lambda learnt, asked: _right(flowers, learnt, asked))

    def draw(figure: Figure) -> None:
        panels = figure.subplots(2, 2).ravel()
        for axes, (k, model) in zip(panels, models.items(), strict=False):
            flowers.draw(axes, model)
            axes.set_title(f"k = {k}: {in_words(accuracy[k])}")
        draw_accuracy(panels[-1], NEIGHBOURS, estimates, name="k")
        legend_below(figure, panels[0])

    validated = [each.to_json() for each in estimates]
    return Drawn({"k": NEIGHBOURS, "cross_validated": validated, "accuracy": accuracy}, draw)


def _right(flowers: Petals, learnt: Rows, asked: Rows) -> NDArray[np.bool_]:
    answers = []
    for k in NEIGHBOURS:
        model = build("k-nearest-neighbours", n_neighbors=k)
        model.fit(flowers.features[learnt], flowers.labels[learnt])
        answers.append(model.predict(flowers.features[asked]))
    right: NDArray[np.bool_] = np.stack(answers) == flowers.labels[asked]
    return right
