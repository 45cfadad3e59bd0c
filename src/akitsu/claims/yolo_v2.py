"""YOLOv2: anchors by clustering, centres that stay in their cell, training at changing sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal, true
from akitsu.claims.detecting import Precision, average_precision, learn, scenes
from akitsu.data.anchors import cluster, mean_iou, shape_iou
from akitsu.data.generated.shape_scenes import CLASSES, DEFAULT, WIDE, ShapeScenes
from akitsu.data.memory import PicturesInMemory
from akitsu.models import registry
from akitsu.models.detection.darknet_layers import Reorganise
from akitsu.models.detection.yolo_v2 import YoloV2
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCENES, STEPS, SEED = 3000, 300, 0
SIZES, EVERY = (48, 56, 64, 80, 96), 10
SHOWN = (64, 96, 112)
PARAMETERS = {
    ("yolo-v2", 20): 50_655_389,
    ("yolo-v2", 80): 50_962_889,
    ("tiny-yolo-v2", 20): 15_861_773,
    ("darknet19", 1000): 20_842_376,
}
PLANTED = np.array([[12, 20], [30, 14], [50, 60], [100, 40], [150, 160]], np.float64)
# Squares evenly over the sizes that there are, as one would write them down.
BY_HAND = np.array([[8, 8], [26, 26], [44, 44], [62, 62], [80, 80]], np.float64)


@claim(
    "yolo-v2",
    title="YOLO9000: Better, Faster, Stronger",
    paper="arXiv:1612.08242",
    year=2017,
    models=("yolo-v2", "tiny-yolo-v2", "small-yolo-v2", "darknet19"),
    idea="the bound on centres: they move by anchors' sides, to anywhere in the picture",
    slow=True,
)
def better(*, idea: bool = True) -> Evidence:
    """Boxes lie tighter if the network can move a centre only within its own cell.

    Anchors found by clustering with 1 - IoU as the distance stand for the boxes better than those
    chosen by hand. A network that is trained at changing sizes also works at a size it never saw.
    """
    pictures = scenes(SCENES)
    bounded, tight = _learned(pictures, direct=idea)
    free = _learned(pictures, direct=False)[1] if idea else tight
    many, _ = _learned(pictures, direct=idea, sizes=SIZES)
    curves = [
        [average_precision(each, side=side).ap50 for side in SHOWN] for each in (bounded, many)
    ]
    sides = _sides()
    found = cluster(sides, len(BY_HAND))

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        left.scatter(*sides.T, s=4, color="0.7")
        left.scatter(*found.sides.T, marker="s", color=COLOURS[0], label="clustered")
        left.scatter(*BY_HAND.T, marker="x", color=COLOURS[1], label="by hand")
        left.set_xlabel("width, pixels")
        left.set_ylabel("height, pixels")
        left.legend(fontsize=8)
        for curve, name in zip(curves, ("trained at 64", "at 48 to 96"), strict=True):
            right.plot(SHOWN, curve, marker="o", label=name)
        right.set_xlabel("side of the pictures shown, pixels")
        right.set_ylabel("AP50")
        right.legend(fontsize=8)

    return Evidence(
        (
            *_counts(),
            *_reorg(),
            *_clusters(sides, found.mean_iou),
            at_most("cells that a centre leaves, outputs ±1000", _left(direct=idea), 0),
            at_least("AP75, centres stay in their cell", tight.ap75, 0.45),
            at_least("more than with free centres", tight.ap75 - free.ap75, 0.04),
            at_least("AP50 at 112, trained at 48 to 96", curves[1][2], 0.7),
            at_least("more than trained at 64 alone", curves[1][2] - curves[0][2], 0.1),
        ),
        draw,
        limits=f"Shapes on noise in pictures of 64 x 64, a network of 99,240 weights, {STEPS} "
        "steps and one seed. The gain from passing finer features on, 1 point in the paper, is not "
        "measured here.",
    )


def _learned(
    pictures: PicturesInMemory, *, direct: bool, sizes: tuple[int, ...] = ()
) -> tuple[YoloV2, Precision]:
    torch.manual_seed(SEED)
    model = registry.build(
        "small-yolo-v2",
        len(CLASSES),
        in_channels=3,
        input_hw=(DEFAULT.side, DEFAULT.side),
        options={"direct": direct},
    )
    assert isinstance(model, YoloV2)
    generator = np.random.default_rng(SEED)
    drawn = generator.choice(sizes or [DEFAULT.side], STEPS // EVERY + 1)
    resize = (lambda step: int(drawn[step // EVERY])) if sizes else None
    learn(model, pictures, steps=STEPS, seed=SEED, resize=resize)
    return model, average_precision(model)


def _counts() -> list[Finding]:
    findings = []
    for (name, classes), wanted in PARAMETERS.items():
        with torch.device("meta"):
            model = registry.build(name, classes, in_channels=3, input_hw=(416, 416))
        count = sum(parameter.numel() for parameter in model.parameters())
        findings.append(equal(f"parameters of {name}, {classes} classes", count, wanted))
    return findings


def _reorg() -> list[Finding]:
    """The author's order, by his loops, which is not that of blocks of four pixels."""
    x = torch.arange(8 * 4 * 6.0).reshape(1, 8, 4, 6)
    cut = Reorganise(2)(x)
    blocks = torch.nn.functional.pixel_unshuffle(x, 2)
    return [
        true(
            "the released reorg is that of the author's loops", torch.equal(cut[0], _by_loops(x[0]))
        ),
        true("and another than blocks of four pixels", not torch.equal(cut, blocks)),
    ]


def _by_loops(x: Tensor) -> Tensor:
    """(C, H, W) to (4 C, H/2, W/2) as reorg_cpu of the author's program writes it."""
    channels, height, width = x.shape
    flat, out = x.flatten(), torch.zeros(x.numel())
    wide = channels // 4
    for k in range(channels):
        for j in range(height):
            for i in range(width):
                column, row = 2 * i + k // wide % 2, 2 * j + k // wide // 2
                there = column + 2 * width * (row + 2 * height * (k % wide))
                out[i + width * (j + height * k)] = flat[there]
    return out.reshape(4 * channels, height // 2, width // 2)


def _sides() -> np.ndarray:
    found = []
    for sample in ShapeScenes(200, 1, WIDE):
        assert sample.boxes is not None
        found.append(sample.boxes[:, 2:] - sample.boxes[:, :2])
    return np.concatenate(found).astype(np.float64)


def _clusters(sides: np.ndarray, clustered: float) -> list[Finding]:
    noise = np.random.default_rng(0).normal(0, 0.05, (len(PLANTED), 60, 2))
    planted = cluster((PLANTED[:, None] * np.exp(noise)).reshape(-1, 2), len(PLANTED))
    squared = cluster(sides, len(BY_HAND), distance="squared").mean_iou
    return [
        at_least(
            "IoU of five planted shapes with the clusters",
            float(np.diag(shape_iou(planted.sides, PLANTED)).min()),
            0.98,
        ),
        at_least("mean IoU of clustered anchors over those by hand",
                 clustered - mean_iou(sides, BY_HAND), 0.05),
        at_least("and over those by squared error", clustered - squared, 0.01),
    ]  # fmt: skip


def _left(*, direct: bool) -> float:
    """How far a centre can lie outside of its cell."""
    model = registry.build(
        "small-yolo-v2", 1, in_channels=3, input_hw=(64, 64), options={"direct": direct}
    )
    assert isinstance(model, YoloV2)
    outside = []
    for push in (-1000.0, 1000.0):
        numbers = model.numbers(torch.full((1, 18, 2, 2), push))
        middle = model.numbers(torch.zeros(1, 18, 2, 2))
        moved, still = (model.cells(each, size_hw=(2, 2))[..., :2] for each in (numbers, middle))
        outside.append(float(((moved - still).abs() - 0.5).clamp(min=0).max()))
    return max(outside)
