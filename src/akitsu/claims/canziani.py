"""Canziani's comparison: what a network costs is told by its multiply-adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import nn

from akitsu.claims.claim import Evidence, at_least, at_most, claim, equal, true
from akitsu.deploy.counting import count
from akitsu.deploy.figures import Figures, pareto_front
from akitsu.deploy.timing import Call, interleaved
from akitsu.models import registry

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Parameters, and billions of multiply-adds at 224 pixels (299 for inception_v3), 1000 classes: the
# published ones, as the metadata of torchvision's weights repeat them.
PUBLISHED = {
    "alexnet": (61_100_840, 0.714),
    "vgg11": (132_863_336, 7.609),
    "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632),
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "squeezenet1_0": (1_248_424, 0.819),
    "squeezenet1_1": (1_235_496, 0.349),
    "densenet121": (7_978_856, 2.834),
    "googlenet": (6_624_904, 1.498),
    "inception_v3": (23_834_568, 5.713),
    "mobilenet_v2": (3_504_872, 0.301),
}
# Width and side are crossed, so that the number of weights says little of the work.
WIDTHS, SIDES = (8, 16, 32, 48), (16, 36, 64, 112)


@claim(
    "canziani",
    title="An Analysis of Deep Neural Network Models for Practical Applications",
    paper="arXiv:1605.07678",
    year=2016,
    models=tuple(PUBLISHED),
    slow=True,
    idea="counting operations: parameters are to predict the time instead",
)
def canziani(*, idea: bool = True) -> Evidence:
    """The operations of a network predict how long it takes; its parameters do not.

    Networks are compared by what a device feels, and of many only those on the front of accuracy
    against cost are worth having.
    """
    counted = {name: _counted(name) for name in PUBLISHED}
    apart = max(abs(each.macs / 1e9 - PUBLISHED[name][1]) for name, each in counted.items())
    right = sum(each.parameters == PUBLISHED[name][0] for name, each in counted.items())
    figures, seconds = _synthetic()
    costs = [float(each.macs if idea else each.parameters) for each in figures]
    front = pareto_front([1, 2, 3, 4], [1, 3, 2, 4])

    def draw(figure: Figure) -> None:
        for axes, name in zip(figure.subplots(1, 2), ("macs", "parameters"), strict=True):
            values = [getattr(each, name) for each in figures]
            axes.loglog(values, [1e3 * each for each in seconds], "o")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:g}")
                axis.set_minor_formatter("")
            words = {"macs": "multiply-adds", "parameters": "parameters"}[name]
            axes.set(xlabel=words, ylabel="best time, ms", title=f"Time against {words}")

    return Evidence(
        (
            equal(f"of {len(PUBLISHED)} networks, those with the published parameters", right, 13),
            at_most("largest difference from the published multiply-adds, G", apart, 0.001),
            at_least(
                "rank correlation of cost and time, 16 networks", _spearman(costs, seconds), 0.9
            ),
            true("of four planted points, those on the front are on it", front == [1, 1, 0, 1]),
        ),
        draw,
        limits="Power is not measured, and the paper's machine is another one. Depthwise "
        "convolutions, which take more time than their operations say, are not among the 16.",
    )


def _counted(name: str) -> Figures:
    side = 299 if name == "inception_v3" else 224
    with torch.device("meta"):
        model = registry.build(name, 1000, in_channels=3, input_hw=(side, side))
        return count(model, torch.empty(1, 3, side, side))


def _synthetic() -> tuple[list[Figures], list[float]]:
    """Costs and shortest times of three convolutions in every combination of width and side."""
    figures, openers = [], {}
    for width in WIDTHS:
        for side in SIDES:
            torch.manual_seed(0)
            layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1)]
            for _ in range(3):
                layers += [nn.ReLU(), nn.Conv2d(width, width, 3, padding=1)]
            model, images = nn.Sequential(*layers).eval(), torch.rand(1, 3, side, side)
            figures.append(count(model, images))
            openers[f"{width} {side}"] = _opener(model, images)
    times = interleaved(openers, rounds=5, most_calls=10, budget_s=0.05)
    return figures, [each.best_s for each in times.values()]


def _opener(model: nn.Module, images: torch.Tensor) -> Callable[[], Call]:
    def call() -> object:
        with torch.inference_mode():
            return model(images)

    return lambda: call


def _spearman(one: list[float], other: list[float]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)
