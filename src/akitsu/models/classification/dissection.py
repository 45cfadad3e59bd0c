"""Network dissection: which concept a single unit of a network stands for, if any.

Bau, Zhou, Khosla, Oliva and Torralba, "Network Dissection: Quantifying Interpretability of Deep
Visual Representations" (CVPR 2017, arXiv:1704.05796).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import RecipeError, ShapeError, nearest

# Part of all positions at which a unit is on, and the overlap that names a unit (section 2.3).
QUANTILE, IOU_THRESHOLD = 0.005, 0.04
IGNORE = 255
# Units that are enlarged to the picture's size at once: 64 maps of 360 x 480 are 44 MB.
UNITS_AT_ONCE = 64


@dataclass(frozen=True)
class Dissection:
    """What the units of a layer stand for.

    Attributes:
        concepts: Names of the C concepts.
        iou: (U, C) overlap of each unit with each concept, over the whole set; NaN where neither
            is anywhere.
        thresholds: (U,) the activation from which a unit is on.
        iou_threshold: Overlap from which a concept names a unit.
    """

    concepts: tuple[str, ...]
    iou: Tensor
    thresholds: Tensor
    iou_threshold: float

    def best(self) -> tuple[Tensor, Tensor]:
        """(U,) the concept of the highest overlap for each unit, and that overlap."""
        values, labels = self.iou.nan_to_num(-1).max(1)
        return labels, values

    def detectors(self) -> dict[int, int]:
        """The units that have a name, each with the concept that names it."""
        labels, values = self.best()
        named = torch.where(values >= self.iou_threshold)[0].tolist()
        return {unit: int(labels[unit]) for unit in named}

    def unique(self) -> int:
        """How many different concepts name units: the interpretability of the layer."""
        return len(set(self.detectors().values()))


# Activations (B, U, h, w) and the concept of every pixel (B, H, W).
Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]


def dissect(
    model: nn.Module,
    layer: str,
    batches: Batches,
    *,
    pictures: int,
    concepts: Sequence[str],
    quantile: float = QUANTILE,
    iou_threshold: float = IOU_THRESHOLD,
) -> Dissection:
    """Compare every unit of a layer with every concept, pixel by pixel.

    Args:
        model: In evaluation mode.
        layer: Name of the layer, as `model.named_modules()` has it; it gives (B, U, h, w).
        batches: Called twice; gives (B, C, H, W) images as the model wants them, and masks as for
            `dissect_units`.
        pictures: How many there are in all.
        concepts: Names of the mask's class indices.
        quantile: As for `dissect_units`.
        iou_threshold: As for `dissect_units`.

    Raises:
        RecipeError: If the model has no such layer.
        ShapeError: If the layer gives no maps, or there are too few positions for the quantile.
    """

    def activations() -> Iterator[tuple[Tensor, Tensor]]:
        for images, masks in batches():
            yield layer_maps(model, layer, images), masks

    return dissect_units(
        activations,
        pictures=pictures,
        concepts=concepts,
        quantile=quantile,
        iou_threshold=iou_threshold,
    )


def dissect_units(
    batches: Batches,
    *,
    pictures: int,
    concepts: Sequence[str],
    quantile: float = QUANTILE,
    iou_threshold: float = IOU_THRESHOLD,
) -> Dissection:
    """The same for activations that are there already.

    A unit is on where its map, stretched to the size of the mask, is above the activation that it
    exceeds at so many of all positions of the set. Its overlap with a concept is that of the whole
    set: pixels of both over pixels of either, each summed over all pictures before the division.

    Args:
        batches: Called twice, with the same result; activations (B, U, h, w) and masks (B, H, W)
            of class indices, 255 where nothing is known: such a pixel is left out.
        pictures: How many there are in all.
        concepts: Names of the class indices.
        quantile: Part of the positions at which a unit is on. No overlap can be larger than the
            quantile over the concept's part of the pixels: 0.005 suits many small concepts;
            where a few concepts fill the pictures take a larger one.
        iou_threshold: Overlap from which a concept names a unit.

    Raises:
        ShapeError: If there are too few positions for the quantile.
    """
    thresholds = unit_thresholds(
        (units for units, _ in batches()), pictures=pictures, quantile=quantile
    )
    overlap = torch.zeros(len(thresholds), len(concepts), dtype=torch.int64)
    on = torch.zeros(len(thresholds), dtype=torch.int64)
    labelled = torch.zeros(len(concepts), dtype=torch.int64)
    for units, masks in batches():
        for maps, mask in zip(units, masks, strict=True):
            both, alone, there = _counts(maps, mask, thresholds, concepts=len(concepts))
            overlap, on, labelled = overlap + both, on + alone, labelled + there
    union = on[:, None] + labelled - overlap
    return Dissection(tuple(concepts), overlap / union, thresholds, iou_threshold)


def layer_maps(model: nn.Module, layer: str, images: Tensor) -> Tensor:
    """What a layer gives of some pictures.

    Args:
        model: In evaluation mode.
        layer: Its name.
        images: (B, C, H, W), as the model wants them.

    Returns:
        (B, U, h, w).

    Raises:
        RecipeError: If the model has no such layer.
        ShapeError: If the layer gives no maps.
    """
    known = {name: module for name, module in model.named_modules() if name}
    if layer not in known:
        choices = "name one of " + ", ".join(name for name, _ in model.named_children())
        raise RecipeError(
            f"there is no layer {layer!r}", do=nearest(layer, known, otherwise=choices)
        )
    caught: list[Tensor] = []
    hook = known[layer].register_forward_hook(lambda _, __, output: caught.append(output))
    try:
        with torch.no_grad():
            model(images)
    finally:
        hook.remove()
    units = caught[-1] if caught else None
    if not isinstance(units, Tensor) or units.ndim != 4:
        shape = tuple(units.shape) if isinstance(units, Tensor) else type(units).__name__
        raise ShapeError(
            f"the layer {layer} gives {shape}",
            do="name one that gives maps (B, U, h, w): a convolution",
        )
    return units


def unit_thresholds(batches: Iterable[Tensor], *, pictures: int, quantile: float) -> Tensor:
    """The activation T of each unit with P(a > T) = quantile, over all pictures and positions.

    It is exact, and no more than the highest activations of each unit are kept on the way.

    Args:
        batches: (B, U, h, w) activations of one size.
        pictures: How many there are in all.
        quantile: Above 0 and below 1.

    Returns:
        (U,) on the CPU.

    Raises:
        ShapeError: If there are fewer positions than 1 / quantile.
    """
    highest = torch.empty(0)
    above = 0
    for units in batches:
        flat = units.detach().float().cpu().movedim(1, 0).flatten(1)  # (U, B * h * w)
        if not above:
            positions = pictures * units.shape[2:].numel()
            above = int(quantile * positions)
            _require_some(above, positions, quantile)
            highest = flat[:, :0]
        both = torch.cat([highest, flat], 1)
        highest = both.topk(min(above + 1, both.shape[1]), dim=1).values
    return highest[:, -1]


def _require_some(above: int, positions: int, quantile: float) -> None:
    if above < 1:
        raise ShapeError(
            f"of {positions} positions a part of {quantile:g} is not one",
            do=f"take more pictures, or a quantile of at least {1 / max(1, positions):.2g}",
        )


def _counts(
    maps: Tensor, mask: Tensor, thresholds: Tensor, *, concepts: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels of both (U, C), of each unit (U,) and of each concept (C,) in one picture."""
    known = mask.flatten() != IGNORE
    labels = mask.flatten()[known].long()
    is_concept = F.one_hot(labels, concepts).float()  # (P, C)
    both, alone = [], []
    parts = torch.split(maps, UNITS_AT_ONCE), torch.split(thresholds, UNITS_AT_ONCE)
    for some, limits in zip(*parts, strict=True):
        # Stretched edge to edge; the paper's first program anchors them at the receptive fields.
        large = F.interpolate(some[None].float(), mask.shape, mode="bilinear", align_corners=False)
        is_on = (large[0].flatten(1)[:, known] > limits[:, None]).float()  # (u, P)
        # Sums of ones: exact in float32 for pictures of less than 2^24 pixels.
        both.append(is_on @ is_concept)
        alone.append(is_on.sum(1))
    there = is_concept.sum(0)
    return torch.cat(both).long(), torch.cat(alone).long(), there.long()
