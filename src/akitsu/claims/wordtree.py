"""A tree of classes: a label that is not exact teaches what it says, and nothing more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal, true
from akitsu.models import registry
from akitsu.models.detection.wordtree import WordTree
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = ("animal", "vehicle", "dog", "cat", "terrier", "collie", "car", "lorry")
PARENTS = (-1, -1, 0, 0, 2, 2, 1, 1)
FLAT = (-1,) * len(PARENTS)
LEAVES = (3, 4, 5, 6, 7)
DOG = 2
SEEDS = (0, 1, 2)
PICTURES, STEPS, RATE, NOISE = 400, 200, 0.1, 0.6
EXACT = 0.1
"""Share of the dogs whose breed the labels say; the others are labelled "dog"."""


@claim(
    "wordtree",
    title="YOLO9000: Better, Faster, Stronger (the tree of classes)",
    paper="arXiv:1612.08242",
    year=2017,
    models=("yolo9000",),
    idea="the tree: all classes, inner ones too, exclude each other in one softmax",
)
def a_tree_of_classes(*, idea: bool = True) -> Evidence:
    """Data sets whose classes differ in detail can be learned together.

    Each class has a probability given its parent, by a softmax among siblings. A picture labelled
    "dog" then raises dogs and animals, and leaves open which breed it is; in one softmax over all
    it would be held against every breed.
    """
    tree = WordTree(PARENTS if idea else FLAT)
    scores = [_breeds(tree, seed) for seed in SEEDS]
    flat = [_breeds(WordTree(FLAT), seed) for seed in SEEDS]
    example = torch.tensor([[1.5, 0, 1.5, 0, 0.3, 0, 0, 0.5]])
    joint = tree.joint(example)[0]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        colours = [COLOURS[0] if place in LEAVES else COLOURS[1] for place in range(len(NAMES))]
        left.barh(NAMES[::-1], joint.tolist()[::-1], color=colours[::-1])
        left.set_xlabel("P(class) of one output; the leaves (blue) sum to 1")
        right.bar(["tree", "one softmax"], [sum(each) / len(SEEDS) for each in (scores, flat)])
        right.set_ylabel("dogs whose breed is right")
        right.set_ylim(0, 1)

    return Evidence(
        (
            _count(),
            at_most("distance of the leaves' sum from 1", _leaves(tree), 1e-6),
            at_most("distance of a flat tree from softmax cross-entropy", _flatness(), 1e-5),
            equal("gradient of the breeds for the label dog", _below(tree), 0),
            true("that of cat, and of vehicle, is not 0", _beside(tree)),
            at_least(
                f"breeds that are right, {EXACT:.0%} of the dogs labelled exactly", scores, 0.65
            ),
            at_least("more than in one softmax", _ahead(scores, flat), 0.4),
        ),
        draw,
        limits="Points drawn around eight centres, and a linear layer. The paper joins ImageNet "
        "and COCO to 9,418 classes; nothing of that is trained here.",
    )


def _count() -> Finding:
    with torch.device("meta"):
        model = registry.build("yolo9000", 9418, in_channels=3, input_hw=(544, 544))
    count = sum(parameter.numel() for parameter in model.parameters())
    return equal("parameters of yolo9000, 9,418 classes", count, 48_793_101)


def _leaves(tree: WordTree) -> float:
    logits = 5 * torch.randn(100, len(PARENTS), generator=torch.Generator().manual_seed(0))
    return float((tree.joint(logits)[:, LEAVES].sum(-1) - 1).abs().max())


def _flatness() -> float:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, len(FLAT), generator=generator)
    labels = torch.randint(len(FLAT), (50,), generator=generator)
    wanted = F.cross_entropy(logits, labels, reduction="sum")
    return float((WordTree(FLAT).loss(logits, labels) - wanted).abs()) / 50


def _gradient_of_dog(tree: WordTree) -> Tensor:
    logits = torch.linspace(-1, 1, len(PARENTS))[None].requires_grad_()
    tree.loss(logits, torch.tensor([DOG])).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    return logits.grad[0]


def _below(tree: WordTree) -> float:
    return float(_gradient_of_dog(tree)[4:6].abs().max())


def _beside(tree: WordTree) -> bool:
    return bool((_gradient_of_dog(tree)[[1, 3]] != 0).all())


def _breeds(tree: WordTree, seed: int) -> float:
    """How many dogs get the right one of both breeds, and not merely "dog"."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(len(NAMES), 8, generator=generator)
    centres[4:6] = centres[DOG] + 0.5 * (centres[4:6] - centres[DOG])  # alike, as breeds are

    def pictures() -> tuple[Tensor, Tensor]:
        kinds = torch.tensor(LEAVES)[torch.randint(len(LEAVES), (PICTURES,), generator=generator)]
        noise = torch.randn(PICTURES, 8, generator=generator)
        return centres[kinds] + NOISE * noise, kinds

    images, kinds = pictures()
    rough = torch.rand(PICTURES, generator=generator) >= EXACT
    labels = torch.where(rough & ((kinds == 4) | (kinds == 5)), DOG, kinds)
    layer = torch.nn.Linear(8, len(NAMES))
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(layer.parameters(), lr=RATE)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (tree.loss(layer(images), labels) / PICTURES).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    images, kinds = pictures()
    dogs = (kinds == 4) | (kinds == 5)
    with torch.no_grad():
        answers = _answers(tree, layer(images[dogs]))
    return float((answers == kinds[dogs]).float().mean())


def _answers(tree: WordTree, logits: Tensor) -> Tensor:
    """The end of a walk down the tree; of one softmax the likeliest class."""
    return tree.walked(logits, least=0).argmax(-1)


def _ahead(scores: list[float], flat: list[float]) -> list[float]:
    return [one - other for one, other in zip(scores, flat, strict=True)]
