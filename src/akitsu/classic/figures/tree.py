"""A decision tree of depth 3, as a picture and in Graphviz's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from akitsu.classic.classifiers import build
from akitsu.classic.figures.impurities import entropy, gain
from akitsu.classic.figures.petals import petals
from akitsu.classic.figures.registry import Drawn, classic_figure
from akitsu.classic.problem import PETALS
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def first_gain(model: Any) -> float:
    """The information gain of a tree's first question, from the class shares of three nodes.

    Args:
        model: A fitted `DecisionTreeClassifier` that asks at least one question.

    Returns:
        Bits, from 0 to log2 K.
    """
    tree = model.tree_
    at = [0, tree.children_left[0], tree.children_right[0]]
    node, left, right = entropy(tree.value[at, 0])
    share = float(tree.n_node_samples[at[1]] / tree.n_node_samples[0])
    return float(gain(node, left=left, right=right, share_left=share))


@classic_figure("tree", size_wh=(12, 6.5), suffixes=(".dot",))
def tree() -> Drawn:
    """One question finds every setosa; each box says how mixed it is, and of what."""
    from sklearn.tree import export_graphviz, plot_tree

    flowers = petals()
    fitted = flowers.fit(build("decision-tree"))
    model = fitted["model"]
    looks = {"feature_names": PETALS, "class_names": flowers.classes, "rounded": True}

    def draw(figure: Figure) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        FigureCanvasAgg(figure)  # the boxes are sized by the text, and that needs a renderer
        axes = figure.subplots()
        boxes = plot_tree(model, ax=axes, fontsize=9, **looks)
        _colour(boxes, flowers.classes)
        axes.set_title("A decision tree that asks at most three questions")

    numbers = {
        "nodes": model.tree_.node_count,
        "leaves": model.get_n_leaves(),
        "depth": model.get_depth(),
        "first_gain": first_gain(model),
        "accuracy": flowers.accuracy(fitted),
    }
    return Drawn(numbers, draw, {".dot": export_graphviz(model, filled=True, **looks) + "\n"})


def _colour(boxes: list[Any], classes: tuple[str, ...]) -> None:
    """Each box in the pale colour of its most frequent class, as in the regions."""
    from matplotlib.colors import to_rgb

    # Mixed with white rather than transparent: the arrows begin behind the text.
    pale = {
        name: 1 - 0.28 * (1 - np.array(to_rgb(c)))
        for name, c in zip(classes, COLOURS, strict=False)
    }
    for box in boxes:
        name = box.get_text().rpartition("class = ")[2]
        if name in pale:
            box.get_bbox_patch().set_facecolor(pale[name])
