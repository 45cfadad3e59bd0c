"""The support vector machine with the kernel exp(-gamma |x - y|^2), for three values of gamma."""

from __future__ import annotations

from typing import TYPE_CHECKING

from akitsu.classic.classifiers import build
from akitsu.classic.figures.petals import in_words, legend_below, petals
from akitsu.classic.figures.registry import Drawn, classic_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAMMAS = (0.1, 0.2, 100.0)


@classic_figure("gamma", size_wh=(14.4, 5))
def gamma() -> Drawn:
    """Gamma 100 learns flowers by heart: nearly all right in training, far fewer in the test."""
    flowers = petals()
    models = {value: flowers.fit(build("rbf-svm", gamma=value)) for value in GAMMAS}
    accuracy = {value: flowers.accuracy(model) for value, model in models.items()}

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, len(GAMMAS), sharey=True)
        for axes, (value, model) in zip(panels, models.items(), strict=True):
            flowers.draw(axes, model)
            axes.set_title(f"gamma {value:g}: {in_words(accuracy[value])}")
            axes.label_outer()
        legend_below(figure, panels[0])

    support = {value: int(model["model"].n_support_.sum()) for value, model in models.items()}
    return Drawn({"gamma": GAMMAS, "accuracy": accuracy, "support_vectors": support}, draw)
