"""Network dissection: units are detectors of concepts in their own basis, and in no other."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, at_least, at_most, claim, true
from akitsu.models.classification.dissection import Dissection, dissect_units
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, PICTURES, SIDE, CELL = (0, 1, 2, 3, 4), 150, 56, 4
CONCEPTS, RECTANGLES, SIDES, NOISE = 8, 2, (12, 25), 0.2
QUANTILE, IOU_THRESHOLD = 0.03, 0.3
NAMES = (*(f"concept {number}" for number in range(CONCEPTS)), "ground")
FEW = 2


@claim(
    "network-dissection",
    title="Network Dissection: Quantifying Interpretability of Deep Visual Representations",
    paper="arXiv:1704.05796",
    year=2017,
    idea="the units' own axes: mixtures of them at random, which know as much, are dissected",
)
def network_dissection(*, idea: bool = True) -> Evidence:
    """The overlap of a unit with labelled pixels finds the concept that the unit stands for.

    Being a detector is a property of single units, not of what a layer knows: turn the axes of the
    layer at random, which loses nothing and can be turned back, and fewer units have a name.
    """
    planted = [_planted(seed) for seed in SEEDS]
    axes = [_random_axes(seed) for seed in SEEDS]
    turned = [(_mixed(units, a), masks) for a, (units, masks) in zip(axes, planted, strict=True)]
    plain, after = ([_dissected(*each) for each in sets] for sets in (planted, turned))
    ours, (units, masks) = (plain, planted[0]) if idea else (after, turned[0])
    shuffled = _dissected(units.flip(1), masks)

    def draw(figure: Figure) -> None:
        before, behind, right = figure.subplots(1, 3, width_ratios=(1, 1, 1.5))
        _draw_table(before, plain[0], title="Units as they are")
        _draw_table(behind, after[0], title="Axes turned")
        _draw_best(right, {"as they are": plain[0], "turned": after[0]})

    return Evidence(
        (
            true("every unit is named by the concept planted in it", _are_found(ours)),
            at_least("overlap of a unit with its concept", _overlaps(ours), 0.7),
            at_least("different concepts that name 8 units", _unique(ours), CONCEPTS),
            at_most("the same with the axes turned at random", _unique(after), CONCEPTS - 1),
            at_most("overlap with the axes turned", _overlaps(after), 0.55),
            at_most("what turning back leaves of the difference", _left(planted, axes), 1e-4),
            true("the order of the units does not matter", _same(shuffled, ours[0])),
            true("counting pixel by pixel gives the same", _counts_agree(units, masks)),
            at_most("part above the threshold, off the quantile", _off(units, ours[0]), 1e-3),
        ),
        draw,
        limits="The units are planted, not learned. Which networks and training sets have more "
        "detectors, as the paper counts them on 63,305 pictures, is not shown.",
    )


def _planted(seed: int) -> tuple[Tensor, Tensor]:
    """Units that are their concept's part of each cell and noise: (B, 8, 14, 14), and the masks.

    A mask holds a few rectangles of random concepts on the ground, which is no unit's concept.
    """
    chance = torch.Generator().manual_seed(seed)
    masks = torch.full((PICTURES, SIDE, SIDE), CONCEPTS)
    for mask, _ in product(masks, range(RECTANGLES)):
        height, width = torch.randint(*SIDES, (2,), generator=chance).tolist()
        top, left = (
            int(torch.randint(SIDE - s + 1, (1,), generator=chance)) for s in (height, width)
        )
        concept = int(torch.randint(CONCEPTS, (1,), generator=chance))
        mask[top : top + height, left : left + width] = concept
    shares = F.avg_pool2d(F.one_hot(masks)[..., :CONCEPTS].movedim(-1, 1).float(), CELL)
    return shares + NOISE * torch.randn(shares.shape, generator=chance), masks


def _random_axes(seed: int) -> Tensor:
    """An orthogonal matrix (8, 8)."""
    chance = torch.Generator().manual_seed(seed)
    axes: Tensor = torch.linalg.qr(torch.randn(CONCEPTS, CONCEPTS, generator=chance)).Q
    return axes


def _mixed(units: Tensor, axes: Tensor) -> Tensor:
    return torch.einsum("nu,buhw->bnhw", axes, units)


def _dissected(units: Tensor, masks: Tensor) -> Dissection:
    return dissect_units(
        lambda: [(units, masks)],
        pictures=len(units),
        concepts=NAMES,
        quantile=QUANTILE,
        iou_threshold=IOU_THRESHOLD,
    )


def _are_found(dissections: list[Dissection]) -> bool:
    wanted = {unit: unit for unit in range(CONCEPTS)}
    return all(each.detectors() == wanted for each in dissections)


def _overlaps(dissections: list[Dissection]) -> list[float]:
    return [float(each.best()[1].mean()) for each in dissections]


def _unique(dissections: list[Dissection]) -> list[float]:
    return [each.unique() for each in dissections]


def _left(planted: list[tuple[Tensor, Tensor]], axes: list[Tensor]) -> float:
    """The greatest difference between units, and units turned and turned back."""
    pairs = [
        (units, _mixed(_mixed(units, a), a.T)) for a, (units, _) in zip(axes, planted, strict=True)
    ]
    return max(float((units - again).abs().max()) for units, again in pairs)


def _same(shuffled: Dissection, plain: Dissection) -> bool:
    return torch.equal(shuffled.iou.flip(0), plain.iou) and shuffled.unique() == plain.unique()


def _off(units: Tensor, dissection: Dissection) -> float:
    """How far the part of the positions above a unit's threshold is from the quantile, at most."""
    above = (units > dissection.thresholds.view(-1, 1, 1)).float().mean((0, 2, 3))
    return float((above - QUANTILE).abs().max())


def _counts_agree(units: Tensor, masks: Tensor) -> bool:
    """Whether loops over pictures, rows and columns come to the same overlaps on a few of them."""
    some, few = units[:FEW], masks[:FEW]
    found = _dissected(some, few)
    truth = few.tolist()
    large = F.interpolate(some, (SIDE, SIDE), mode="bilinear", align_corners=False)
    on = (large > found.thresholds.view(-1, 1, 1)).tolist()
    wanted = torch.zeros(CONCEPTS, len(NAMES))
    for unit, concept in product(range(CONCEPTS), range(len(NAMES))):
        both = either = 0
        for picture, row, column in product(range(FEW), range(SIDE), range(SIDE)):
            is_on = on[picture][unit][row][column]
            is_concept = truth[picture][row][column] == concept
            both += is_on and is_concept
            either += is_on or is_concept
        wanted[unit, concept] = both / either
    return torch.allclose(found.iou, wanted)


def _draw_table(axes: Axes, dissection: Dissection, *, title: str) -> None:
    axes.imshow(dissection.iou[:, :CONCEPTS].numpy(), cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="concept", xticks=range(CONCEPTS), yticks=range(CONCEPTS))
    axes.set_ylabel("unit")
    axes.grid(visible=False)
    axes.set_title(title)


def _draw_best(axes: Axes, dissections: dict[str, Dissection]) -> None:
    """A bar a unit, and on it the concept that it overlaps most with."""
    for index, (name, dissection) in enumerate(dissections.items()):
        labels, values = dissection.best()
        places = [unit + 0.4 * index - 0.2 for unit in range(CONCEPTS)]
        axes.bar(places, values.tolist(), width=0.38, color=COLOURS[index], label=name)
        for place, label, value in zip(places, labels.tolist(), values.tolist(), strict=True):
            axes.text(place, value, label, ha="center", va="bottom", size=8)
    axes.axhline(IOU_THRESHOLD, color="#444444", linestyle="--", linewidth=1, label="needed")
    axes.set(xlabel="unit; on its bar the concept", ylabel="IoU with the best concept")
    axes.set(ylim=(0, 1.3), xticks=range(CONCEPTS))
    axes.grid(visible=False, axis="x")
    axes.legend(loc="upper right", ncols=2, fontsize=8)
    axes.set_title("The best concept of each unit")
