"""Several maps: each resolution answers for its own range of sizes, and all of them in one pass."""

from __future__ import annotations

import itertools
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from akitsu.claims.claim import Evidence, Finding, at_least, claim, equal, true
from akitsu.claims.detecting import Precision, average_precision, learn, scenes
from akitsu.data.generated.shape_scenes import WIDE
from akitsu.data.memory import PicturesInMemory
from akitsu.models.detection.ssd import (
    SMALL_WIDTHS,
    SSD,
    VOC_SIZES,
    SmallBody,
    match,
    mine,
    small_shapes,
    ssd300,
)
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS, STEPS, TRAINING_SCENES = (0, 1), 150, 2000
Which = tuple[int, ...]
"""The maps that are used, the finest first."""

ALL: Which = (0, 1, 2)
FINEST: Which = (0,)
COARSEST: Which = (2,)
NAMES = {ALL: "three maps", FINEST: "the finest alone", COARSEST: "the coarsest alone"}
# Pixels of width, in pictures of 96: shapes are 8 to 80 wide.
BANDS = {"all": (0, np.inf), "below 20 px": (0, 20), "40 px and more": (40, np.inf)}


@claim(
    "ssd",
    title="SSD: Single Shot MultiBox Detector",
    paper="arXiv:1512.02325",
    year=2016,
    models=("ssd-small",),
    slow=True,
    idea="several maps: the finest one writes the boxes of all sizes",
)
def several_maps(*, idea: bool = True) -> Evidence:
    """A fine map finds what is small, a coarse one what is large.

    Default boxes of each range of sizes belong to the map that sees about so much: the network with
    three maps is more precise than one that has all the same boxes on a single map. Every object
    has at least one default box that learns it, and of the background only the hardest three for
    each matched box learn.
    """
    pictures = scenes(TRAINING_SCENES, WIDE)
    single_maps = (FINEST, COARSEST)
    found = {which: _trained(which, pictures) for which in single_maps}
    found[ALL] = _trained(ALL, pictures) if idea else found[FINEST]
    single = max(single_maps, key=lambda which: mean(_ap50(found[which])))

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (which, name) in enumerate(NAMES.items()):
            values = [mean(each[band].ap50 for each in found[which]) for band in BANDS]
            places = [place + (number - 1) * 0.25 for place in range(len(BANDS))]
            bars = axes.bar(places, values, width=0.23, color=COLOURS[number], label=name)
            axes.bar_label(bars, fmt="{:.2f}")
        axes.set_xticks(range(len(BANDS)), [f"shapes: {band}" for band in BANDS])
        axes.set(ylabel="mAP50 on 200 scenes, mean of 2 seeds", ylim=(0, 1))
        axes.set_title("Three maps against one with the same boxes")
        axes.legend(loc="upper left")

    ahead50 = _less(_ap50(found[ALL]), _ap50(found[single]))
    ahead75 = _less(_ap75(found[ALL]), _ap75(found[single]))
    return Evidence(
        (
            *_exact(),
            at_least("mAP50 of three maps above the better single one", ahead50, 0.05),
            at_least("mAP75 of three maps above it", ahead75, 0.15),
        ),
        draw,
        limits="Drawn shapes of 8 to 80 pixels and a small network. With shapes of one range of "
        "sizes a single map does. What hard negatives bring is not asked here.",
    )


def _exact() -> list[Finding]:
    boxes = torch.tensor([[[0.0, 0, 10, 9], [0, 0, 10, 8]]])
    defaults = torch.tensor([[0.0, 0, 10, 10], [30, 30, 60, 60]])
    classes, _ = match(boxes, torch.tensor([[0, 1]]), defaults)
    # Two of five are matched: three for each would be six, and only three are left.
    matched = torch.tensor([[1, 0, 2, 0, 0]])
    chosen = mine(torch.tensor([[9.0, 1, 8, 2, 3]]), matched)
    with torch.device("meta"):
        paper = ssd300(20, sizes=VOC_SIZES)
        logits, _, _ = paper.raw(torch.zeros(1, 3, 300, 300))
    parameters = sum(each.numel() for each in paper.parameters())
    return [
        equal("default boxes of SSD300", logits.shape[1], 8732),
        equal("its parameters with 20 classes", parameters, 26_285_486),
        true("two objects with one best default box have a box each", bool((classes > 0).all())),
        true("where the background runs out, no matched box is mined", _is_rest(chosen, matched)),
    ]


def _is_rest(chosen: Tensor, matched: Tensor) -> bool:
    return bool((chosen == (matched == 0)).all())


class SomeMaps(nn.Module):
    """A body of which only some maps are used; the others do not learn."""

    def __init__(self, body: nn.Module, which: Which) -> None:
        super().__init__()
        self.body, self.which = body, which

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, C, H, W) to the maps that are used."""
        maps: list[Tensor] = self.body(images)
        return [maps[number] for number in self.which]


def _network(which: Which) -> SSD:
    """Three maps with four boxes a cell, or one of them with all twelve."""
    kinds = small_shapes()
    if len(which) == 1:
        kinds = [list(itertools.chain(*kinds))]
    body = SomeMaps(SmallBody(3, SMALL_WIDTHS), which)
    return SSD(body, [SMALL_WIDTHS[-1]] * len(which), kinds, classes=3)


def _trained(which: Which, pictures: PicturesInMemory) -> list[dict[str, Precision]]:
    """Of each seed the precision by widths."""
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        network = _network(which)
        learn(network, pictures, steps=STEPS, seed=seed)
        found.append(
            {band: average_precision(network, WIDE, widths=ends) for band, ends in BANDS.items()}
        )
    return found


def _ap50(found: list[dict[str, Precision]]) -> list[float]:
    return [each["all"].ap50 for each in found]


def _ap75(found: list[dict[str, Precision]]) -> list[float]:
    return [each["all"].ap75 for each in found]


def _less(values: list[float], others: list[float]) -> list[float]:
    return [one - other for one, other in zip(values, others, strict=True)]
