"""Nothing is rounded: what a box cuts out lies where the box lies, and a shape can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal, true
from akitsu.claims.detecting import (
    TEST_SEED,
    Precision,
    average_precision,
    learn,
    normalised,
    scenes,
)
from akitsu.data.generated.shape_scenes import ShapeScenes, inside
from akitsu.data.memory import PicturesInMemory
from akitsu.data.sample import Sample
from akitsu.models.detection.detector import Detected, Detector
from akitsu.models.detection.faster_rcnn import RoI, cut_out
from akitsu.models.detection.mask_rcnn import (
    MaskHead,
    MaskRCNN,
    mask_loss,
    paste,
    small_mask_rcnn,
)
from akitsu.models.detection.roi import ramp
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, TRAINING_SCENES = (0, 1), 350, 16, 2000
MASKED_SCENES = 100
SHOWN = 3
NAMES: dict[RoI, str] = {"align": "RoIAlign", "pool": "RoIPool"}


@claim(
    "mask-rcnn",
    title="Mask R-CNN",
    paper="arXiv:1703.06870",
    year=2017,
    idea="RoIAlign: features are cut out in whole cells (RoIPool)",
    slow=True,
)
def nothing_rounded(*, idea: bool = True) -> Evidence:
    """Features that are cut out without rounding make boxes precise, and shapes can be drawn.

    RoIPool rounds a box to whole cells of the map, which are 8 pixels wide here; RoIAlign reads
    between them. Each class has a mask of its own: of the loss only the true class's mask learns.
    """
    pictures = scenes(TRAINING_SCENES)
    pooled = [_trained(seed, pictures, "pool") for seed in SEEDS]
    aligned = [_trained(seed, pictures, "align") for seed in SEEDS] if idea else pooled
    precisions: dict[RoI, list[Precision]] = {
        "align": [average_precision(network) for network in aligned],
        "pool": [average_precision(network) for network in pooled],
    }
    pairs = list(zip(precisions["align"], precisions["pool"], strict=True))
    drawn = [_mask_overlaps(network) for network in aligned]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
        _draw_precisions(left, precisions)
        _draw_masks(right, aligned[0])

    return Evidence(
        (
            equal("weights of the paper's mask head, 91 classes", _weights(), 2_646_107),
            true("of the loss, the masks of other classes get no gradient at all", _decoupled()),
            at_least("overlap of a square with its mask, pasted back", _pasted(), 0.95),
            *_on_a_ramp("align" if idea else "pool"),
            at_least(
                "mAP75 of RoIAlign above RoIPool", [one.ap75 - two.ap75 for one, two in pairs], 0.25
            ),
            at_least("overlap of the masks drawn in true boxes", [one for one, _ in drawn], 0.8),
            at_least(
                "the same above that of the whole boxes", [one - two for one, two in drawn], 0.05
            ),
        ),
        draw,
        limits="Drawn shapes of 8 to 32 pixels, a map of stride 8 and masks of 16 x 16. Sigmoids "
        "for each class are not compared with a softmax over the classes.",
    )


class Drawn(Detector):
    """Learns the shapes of generated scenes, which follow from their boxes and labels."""

    def __init__(self, network: MaskRCNN) -> None:
        super().__init__()
        self.network = network

    def forward(
        self, images: Tensor, boxes: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """The losses of the network, that of its masks included."""
        assert boxes is not None
        assert labels is not None
        shapes = _shapes(boxes, labels, images.shape[-1])
        return self.network.forward(images, boxes, labels, shapes)

    def decode(self, images: Tensor) -> Detected:
        """The network's boxes."""
        return self.network.decode(images)


def _shapes(boxes: Tensor, labels: Tensor, side: int) -> Tensor:
    """(B, T, 4) and (B, T) to (B, T, side, side)."""
    masks = np.zeros((*labels.shape, side, side), np.float32)
    for place in np.argwhere(labels.numpy() >= 0):
        at = tuple(place)
        masks[at] = inside(int(labels[at]), boxes[at].numpy(), side)
    return torch.from_numpy(masks)


def _trained(seed: int, pictures: PicturesInMemory, roi: RoI) -> MaskRCNN:
    torch.manual_seed(seed)
    network = small_mask_rcnn(3, 3, roi=roi)
    learn(Drawn(network), pictures, steps=STEPS, seed=seed, batch=BATCH)
    return network


def _weights() -> int:
    with torch.device("meta"):
        return sum(each.numel() for each in MaskHead(256, 91, 4).parameters())


def _decoupled() -> bool:
    logits = torch.randn(2, 6, 4, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    (gradient,) = torch.autograd.grad(
        mask_loss(logits, torch.tensor([3, 5]), torch.ones(2, 4, 4)), logits
    )
    learns = gradient.flatten(2).abs().amax(2) > 0
    return learns.nonzero().tolist() == [[0, 3], [1, 5]]


def _pasted() -> float:
    """The worst of a square inside of the picture and one that leaves it."""
    boxes = torch.tensor([[10.3, 12.0, 31.7, 33.4], [-8.0, 20.0, 14.0, 42.0]])
    pasted = paste(torch.ones(2, 28, 28), boxes, size_hw=(48, 48)) >= 0.5
    overlaps = []
    for mask, box in zip(pasted.numpy(), boxes.numpy(), strict=True):
        overlaps.append(_overlap(mask, inside(0, box, 48)))
    return min(overlaps)


def _overlap(mask: np.ndarray, other: np.ndarray) -> float:
    return float((mask & other).sum() / max((mask | other).sum(), 1))


def _on_a_ramp(roi: RoI) -> tuple[Finding, Finding]:
    """How far from the middle of a bin is what is read there, in cells."""
    off = {each: _off(each) for each in NAMES}
    return (
        at_most("cells that RoIAlign reads beside the middle of a bin", off[roi], 1e-4),
        at_least("cells that RoIPool does", off["pool"], 0.9),
    )


def _off(roi: RoI) -> float:
    left, right, bins, stride = 37.3, 101.7, 7, 8
    box = torch.tensor([[left, 40, right, 90]])
    read = cut_out(ramp((16, 20)), box, torch.zeros(1), roi=roi, bins=bins, stride=stride)
    middles = (left + (torch.arange(bins) + 0.5) * (right - left) / bins) / stride - 0.5
    return float((read[0, 0] - middles).abs().max())


def _mask_overlaps(network: MaskRCNN) -> tuple[float, float]:
    """Mean overlap with the true shapes, of masks drawn in the true boxes and of these boxes."""
    masks, boxes = [], []
    for sample in ShapeScenes(MASKED_SCENES, TEST_SEED):
        assert sample.boxes is not None
        assert sample.labels is not None
        side = sample.image.shape[0]
        for mask, box, label in zip(
            _masks(network, sample), sample.boxes, sample.labels, strict=True
        ):
            truth = inside(int(label), box, side)
            masks.append(_overlap(mask, truth))
            boxes.append(_overlap(inside(0, box, side), truth))
    return float(np.mean(masks)), float(np.mean(boxes))


def _masks(network: MaskRCNN, sample: Sample) -> np.ndarray:
    """(N, S, S) true or false: the shapes in the sample's own boxes."""
    images = normalised(torch.from_numpy(sample.image).permute(2, 0, 1)[None])
    boxes, labels = torch.from_numpy(sample.boxes)[None], torch.from_numpy(sample.labels)[None]
    with torch.inference_mode():
        masks: np.ndarray = (network.masks(images, boxes, labels)[0] >= 0.5).numpy()
    return masks


def _draw_precisions(axes: Axes, precisions: dict[RoI, list[Precision]]) -> None:
    for number, (roi, name) in enumerate(NAMES.items()):
        values = [
            float(np.mean([getattr(each, kind) for each in precisions[roi]]))
            for kind in ("ap50", "ap75")
        ]
        places = [place + (number - 0.5) * 0.4 for place in range(2)]
        bars = axes.bar(places, values, width=0.36, color=COLOURS[number], label=name)
        axes.bar_label(bars, fmt="{:.2f}")
    axes.set_xticks(range(2), ["mAP50", "mAP75"])
    axes.set(ylim=(0, 1.1), ylabel=f"mean of {len(SEEDS)} seeds, 200 scenes")
    axes.set_title("Boxes")
    axes.legend(loc="upper right")
    axes.grid(visible=False, axis="x")


def _draw_masks(axes: Axes, network: MaskRCNN) -> None:
    """Some scenes side by side, the outline of each mask upon them."""
    samples = [ShapeScenes(SHOWN, TEST_SEED)[index] for index in range(SHOWN)]
    side = samples[0].image.shape[0]
    axes.imshow(np.concatenate([sample.image for sample in samples], 1))
    for number, sample in enumerate(samples):
        x, y = np.arange(side) + number * side, np.arange(side)
        for mask in _masks(network, sample):
            axes.contour(x, y, mask.astype(float), levels=[0.5], colors="white", linewidths=1.5)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.set_title("Masks in the boxes of scenes that it never saw")
