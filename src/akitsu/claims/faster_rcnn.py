"""A network that proposes where to look: few boxes are enough, and their features are shared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal
from akitsu.claims.detecting import (
    TEST_SCENES,
    TEST_SEED,
    average_precision,
    learn,
    normalised,
    scenes,
)
from akitsu.data.generated.shape_scenes import DEFAULT, ShapeScenes
from akitsu.data.memory import PicturesInMemory
from akitsu.models.detection.boxes import box_iou
from akitsu.models.detection.faster_rcnn import FasterRCNN, RoI, small_faster_rcnn
from akitsu.models.detection.region_proposals import anchors
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, TRAINING_SCENES = (0, 1), 350, 16, 2000
PROPOSALS, FEW = 50, 10
COUNTS = (1, 2, 3, 5, 10, 20, 50)
FOUND = 0.5
"""Overlap from which a proposal has found a shape."""

# Of the authors' program, whose boxes end with their last pixel.
NINE = [
    (-84, -40, 99, 55), (-176, -88, 191, 103), (-360, -184, 375, 199),
    (-56, -56, 71, 71), (-120, -120, 135, 135), (-248, -248, 263, 263),
    (-36, -80, 51, 95), (-80, -168, 95, 183), (-168, -344, 183, 359),
]  # fmt: skip


@claim(
    "faster-rcnn",
    title="Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks",
    paper="arXiv:1506.01497",
    year=2015,
    models=("faster-rcnn-small",),
    idea="the proposals that are learnt: boxes of the right sizes are laid at random",
    slow=True,
)
def learnt_proposals(*, idea: bool = True) -> Evidence:
    """A small network on the map of the detector finds nearly all objects with ten boxes a picture.

    So a second look at a few boxes is enough: ten find as much as fifty. And since all of them are
    cut out of the one map, fifty cost a fraction of fifty passes through the network, which is what
    R-CNN needs.
    """
    pictures = scenes(TRAINING_SCENES)
    networks = [trained(seed, pictures) for seed in SEEDS]
    images, truths = _test_scenes()
    random = _random_boxes(len(truths))
    proposed = [_proposals(network, images) if idea else random for network in networks]
    recalls = [[_recall(boxes, truths, n) for n in COUNTS] for boxes in proposed]
    by_chance = [_recall(random, truths, n) for n in COUNTS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for seed, values in zip(SEEDS, recalls, strict=True):
            name = "proposed by the network" if seed == SEEDS[0] else None
            axes.plot(COUNTS, values, "o-", color=COLOURS[0], label=name)
        axes.plot(COUNTS, by_chance, "s--", color=COLOURS[1], label="at random, of the same sizes")
        axes.set_xscale("log")
        axes.set_xticks(COUNTS, [str(n) for n in COUNTS])
        axes.minorticks_off()
        axes.set(ylim=(0, 1.02), xlabel="boxes a picture", ylabel="share of the shapes found")
        axes.set_title(f"{TEST_SCENES} scenes; found: IoU of {FOUND} and more")
        axes.legend(loc="center right")

    at_few = [values[COUNTS.index(FEW)] for values in recalls]
    return Evidence(
        (
            equal("anchors as the authors' program has them, of nine", _known_anchors(), 9),
            at_least(f"share of the shapes found by {FEW} proposals", at_few, 0.9),
            _cost_of_few(networks),
            at_most(
                f"products for {PROPOSALS} proposals, as a share of as many passes",
                _share_of_passes(),
                0.1,
            ),
        ),
        draw,
        limits="Scenes of one to four drawn shapes and a small network, trained jointly; the "
        "paper has 300 proposals for photographs. Products are counted in convolutions and dense "
        "layers, and a pass is one of a whole picture.",
    )


def small(roi: RoI = "align") -> FasterRCNN:
    """A map of stride 8, square anchors of 10, 16 and 26 pixels."""
    return small_faster_rcnn(
        3,
        3,
        widths=(16, 32, 64),
        depth=1,
        scales=(1.25, 2, 3.25),
        ratios=(1,),
        proposals=PROPOSALS,
        roi=roi,
    )


def trained(seed: int, pictures: PicturesInMemory, *, roi: RoI = "align") -> FasterRCNN:
    """`small` after some steps."""
    torch.manual_seed(seed)
    network = small(roi)
    learn(network, pictures, steps=STEPS, seed=seed, batch=BATCH)
    return network


def _known_anchors() -> int:
    at = anchors((1, 1), 16, scales=(8, 16, 32), ratios=(0.5, 1, 2)) - torch.tensor([0, 0, 1, 1])
    return sum(tuple(one.tolist()) == other for one, other in zip(at, NINE, strict=True))


def _test_scenes() -> tuple[Tensor, list[Tensor]]:
    """Normalised pictures (N, 3, S, S) and the boxes of each."""

    samples = list(ShapeScenes(TEST_SCENES, TEST_SEED))
    stacked = torch.from_numpy(np.stack([sample.image for sample in samples]))
    boxes = [torch.from_numpy(sample.boxes) for sample in samples]
    return normalised(stacked.permute(0, 3, 1, 2)), boxes


def _proposals(network: FasterRCNN, images: Tensor) -> Tensor:
    """(N, M, 4) XYXY, best first; a box without sides where there is no M-th one."""
    with torch.inference_mode():
        _, _, _, boxes, real = network.raw(images)
    return boxes * real[..., None]


def _random_boxes(n: int) -> Tensor:
    """(n, M, 4): laid as the shapes are, which they know nothing of."""
    generator = torch.Generator().manual_seed(0)
    least, most = (math.log(side) for side in DEFAULT.widths)
    places = torch.rand(n, PROPOSALS, 4, generator=generator)
    wide = (least + (most - least) * places[..., 0]).exp()
    high = (wide * (places[..., 1] - 0.5).exp()).clamp(*DEFAULT.widths)
    sides = torch.stack([wide, high], -1)
    corners = places[..., 2:] * (DEFAULT.side - sides)
    return torch.cat([corners, corners + sides], -1)


def _recall(boxes: Tensor, truths: list[Tensor], n: int) -> float:
    """The share of all shapes that one of the first n boxes of their picture has found."""
    found = [
        (box_iou(some[:n], known).amax(0) >= FOUND)
        for some, known in zip(boxes, truths, strict=True)
    ]
    return float(torch.cat(found).float().mean())


def _cost_of_few(networks: list[FasterRCNN]) -> Finding:
    """What is lost with ten proposals in place of fifty."""
    lost = []
    for network in networks:
        many = average_precision(network).ap50
        network.proposals = FEW
        lost.append(many - average_precision(network).ap50)
        network.proposals = PROPOSALS
    return at_most(f"mAP50 lost with {FEW} proposals in place of {PROPOSALS}", lost, 0.02)


def _share_of_passes() -> float:
    """What one picture costs, over a pass of the trunk for each proposal."""
    network = small().eval()
    image = torch.zeros(1, 3, DEFAULT.side, DEFAULT.side)
    return _products(network, image) / (PROPOSALS * _products(network.trunk, image))


def _products(network: nn.Module, image: Tensor) -> int:
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.decode(image) if isinstance(network, FasterRCNN) else network(image)
    products: int = counter.get_total_flops() // 2  # a product and a sum each
    return products
