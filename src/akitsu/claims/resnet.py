"""Residual learning: deeper plain networks learn worse, deeper residual ones do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal, true
from akitsu.claims.small_digits import learn, small_digits
from akitsu.models.classification.resnet import BasicBlock, cifar_resnet
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEPTHS, SEEDS, STEPS, BATCH, RATE, WIDTH = (8, 26, 50), (0, 1), 100, 64, 0.1, 8
LAST = 30  # steps over whose mean a loss is taken
PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962}


@claim(
    "resnet",
    title="Deep Residual Learning for Image Recognition",
    paper="arXiv:1512.03385",
    year=2016,
    models=("cifar-resnet",),
    idea="the shortcuts: the blocks are left, and no input goes around them",
    slow=True,
)
def residual_learning(*, idea: bool = True) -> Evidence:
    """A plain network learns its own training pictures worse if it is much deeper.

    That is no overfitting, for the training loss itself is higher. With a shortcut around every
    two layers the deep network learns as well as the shallow one: a block need only learn what to
    add to its input, and can add nothing.
    """
    plain = {depth: [curve(depth, seed, residual=False) for seed in SEEDS] for depth in DEPTHS}
    kept = {depth: [curve(depth, seed) for seed in SEEDS] for depth in DEPTHS} if idea else plain

    def draw(figure: Figure) -> None:
        panels = figure.subplots(1, 2, sharey=True)
        names = "plain", "with shortcuts" if idea else "plain (shortcuts off)"
        for axes, name, curves in zip(panels, names, (plain, kept), strict=True):
            for depth, colour in zip(DEPTHS, COLOURS, strict=False):
                for number, losses in enumerate(curves[depth]):
                    label = f"{depth} layers" if number == 0 else None
                    axes.plot(_smooth(losses), color=colour, label=label)
            axes.set(title=name, xlabel="step")
        panels[0].set_ylabel("training loss, mean of 20 steps")
        panels[1].legend()

    shallow, middle, deep = (_ends(plain[depth]) for depth in DEPTHS)
    worse = all(a < b < c for a, b, c in zip(shallow, middle, deep, strict=True))
    first, _, last = (_ends(kept[depth]) for depth in DEPTHS)
    return Evidence(
        (
            *_exact(idea=idea),
            true("plain networks of 8, 26, 50 layers: the deeper, the higher the loss", worse),
            at_least("training loss of 50 plain layers", deep, 1.0),
            at_most("training loss of 50 layers with shortcuts", last, 0.3),
            true("with shortcuts 50 layers are ahead of 8", max(last) < min(first)),
        ),
        draw,
        limits="Digits of 8 x 8 pixels, a half of the paper's maps and "
        f"{STEPS} steps. How well the networks read new pictures is not judged here.",
    )


def _exact(*, idea: bool) -> list[Finding]:
    counts = {depth: _parameters(depth=depth) for depth in PARAMETERS}
    more = _parameters(depth=20, shortcut="B") - counts[20]
    return [
        *(
            equal(f"parameters with {depth} layers and 10 classes", counts[depth], wanted)
            for depth, wanted in PARAMETERS.items()
        ),
        equal("parameters that 1 x 1 shortcuts add to 20 layers", more, 2752),
        true("a block that adds nothing is the identity, bit for bit", _falls_back(idea=idea)),
    ]


def _parameters(**options: Any) -> int:
    with torch.device("meta"):
        model = cifar_resnet(10, **options)
    return sum(parameter.numel() for parameter in model.parameters())


def _falls_back(*, idea: bool) -> bool:
    """Whether a block whose last scale is 0 gives ReLU(x)."""
    block = BasicBlock(4, 4, stride=1, shortcut="A" if idea else None)
    last = block.body[-1]
    assert isinstance(last, nn.BatchNorm2d)
    nn.init.zeros_(last.weight)
    x = torch.randn(2, 4, 9, 7, generator=torch.Generator().manual_seed(0))
    return torch.equal(block(x), F.relu(x))


def curve(depth: int, seed: int, *, residual: bool = True, steps: int = STEPS) -> list[float]:
    """The training loss of each step on 1,200 small digits."""
    torch.manual_seed(seed)
    model = cifar_resnet(10, 1, depth=depth, residual=residual, width=WIDTH)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    images, labels = small_digits()
    return learn(model, images, labels, optimizer=optimizer, steps=steps, batch=BATCH)


def _ends(curves: list[list[float]]) -> list[float]:
    return [sum(losses[-LAST:]) / LAST for losses in curves]


def _smooth(losses: list[float], window: int = 20) -> list[float]:
    return [sum(losses[i : i + window]) / window for i in range(len(losses) - window + 1)]
