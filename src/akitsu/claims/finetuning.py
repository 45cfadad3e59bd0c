"""Fine-tuning: features learnt from much data serve a task with little."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, Finding, at_least, at_most, claim, equal
from akitsu.claims.small_digits import small_digits
from akitsu.training.finetune import REST, Group, freeze, parameter_groups, reset_head

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS = (0, 1, 2, 3, 4)
SOURCE, PER_CLASS, CLASSES = 1000, 3, 10
SOURCE_STEPS, STEPS, FROZEN_STEPS, BATCH = 300, 60, 20, 100
NOISE = 0.5
SCALE, RATE = 0.1, 0.1


@claim(
    "finetuning",
    title="How Transferable Are Features in Deep Neural Networks? (in small)",
    paper="arXiv:1411.1792",
    year=2014,
    idea="the pretrained backbone: the network that is fine-tuned begins at random",
)
def finetuning(*, idea: bool = True) -> Evidence:
    """A network that begins with features from another task needs fewer pictures of its own.

    What is frozen does not move by a bit, the statistics of its BatchNorm included, and a part with
    a tenth of the learning rate moves by a tenth.
    """
    pretrained = _pretrained() if idea else _network(100)
    tuned = [_accuracy_on_target(deepcopy(pretrained), seed=seed) for seed in SEEDS]
    nothing = [_accuracy_on_target(_network(seed), seed=seed) for seed in SEEDS]
    gains = [one - other for one, other in zip(tuned, nothing, strict=True)]
    between = min(tuned) - max(nothing)
    statement = f"accuracy from {PER_CLASS} noisy pictures a class, pretrained, worst of 5 seeds"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (name, values) in enumerate((("pretrained", tuned), ("from nothing", nothing))):
            axes.plot([100 * each for each in values], [place] * len(values), "o", label=name)
        axes.set_yticks([0, 1], ["pretrained", "from nothing"])
        axes.set_ylim(-0.6, 1.6)
        axes.set_xlabel("accuracy on 767 noisy digits, %")
        axes.set_title(f"{PER_CLASS} pictures a class, {STEPS} steps; one point a seed")

    return Evidence(
        (
            *_frozen_findings(),
            *_rate_findings(),
            at_least("accuracy, pretrained less from nothing", gains, 0.03),
            at_least(f"{statement}, less the best from nothing", between, 0.001),
        ),
        draw,
        limits="The two tasks are near: the same digits, without and with noise. Between digits of "
        "other classes, or digits and their mirror images, nothing is gained at this size.",
    )


def _network(seed: int) -> nn.Module:
    """(B, 1, 8, 8) to (B, 10) logits."""
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 4, CLASSES)),
    )


def _pretrained() -> nn.Module:
    """A network that reads clean digits."""
    model = _network(100)
    images, labels = (each[:SOURCE] for each in small_digits())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    chance = torch.Generator().manual_seed(0)
    for _ in range(SOURCE_STEPS):
        rows = torch.randint(SOURCE, (BATCH,), generator=chance)
        _step(model, optimizer, images[rows], labels[rows])
    return model


def _accuracy_on_target(model: nn.Module, *, seed: int) -> float:
    """Train on 3 noisy digits of each class, and ask about all others that the source has not."""
    images, labels = small_digits()
    chance = torch.Generator().manual_seed(seed)
    noisy = images + NOISE * torch.randn(images.shape, generator=chance)
    rows = SOURCE + torch.randperm(len(labels) - SOURCE, generator=chance)
    few = torch.cat([rows[labels[rows] == digit][:PER_CLASS] for digit in range(CLASSES)])
    asked = rows[~torch.isin(rows, few)]
    torch.manual_seed(seed)
    reset_head(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(STEPS):
        _step(model, optimizer, noisy[few], labels[few])
    model.eval()
    with torch.no_grad():
        return float((model(noisy[asked]).argmax(1) == labels[asked]).float().mean())


def _frozen_findings() -> tuple[Finding, ...]:
    """How far frozen tensors moved, and how far the others did."""
    model = _network(0)
    images, labels = small_digits()
    freeze(model, ["0", "1"])
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE, momentum=0.9, weight_decay=0.01)
    for start in range(0, FROZEN_STEPS * BATCH // 2, BATCH // 2):
        model.train()
        _step(model, optimizer, images[start : start + BATCH], labels[start : start + BATCH])
    moved = [name for name, tensor in model.state_dict().items() if (tensor != before[name]).any()]
    held = [name for name in moved if name.split(".")[0] in ("0", "1")]
    return (
        equal(
            f"frozen parameters and buffers moved by a bit in {FROZEN_STEPS} steps", len(held), 0
        ),
        equal("other tensors that moved", len(moved), len(before) - 7),
    )


def _rate_findings() -> tuple[Finding, ...]:
    """The first step of SGD with a tenth of the rate, beside one where that is everybody's rate."""
    scaled, slow = _network(0), _network(0)
    groups = [Group(("head",)), Group((REST,), SCALE)]
    shared = [
        {"params": parameters, "lr": RATE * scale}
        for parameters, scale in parameter_groups(scaled, groups)
    ]
    images, labels = small_digits()
    start = _network(0).state_dict()
    _step(scaled, torch.optim.SGD(shared, lr=RATE), images[:BATCH], labels[:BATCH])
    optimizer = torch.optim.SGD(slow.parameters(), lr=RATE * SCALE)
    _step(slow, optimizer, images[:BATCH], labels[:BATCH])
    one, other = dict(scaled.named_parameters()), dict(slow.named_parameters())
    unequal = [name for name in one if not torch.equal(one[name], other[name])]
    head = "12.weight"
    ratio = (other[head] - start[head]).norm() / (one[head] - start[head]).norm()
    return (
        equal("backbone tensors that a rate of its own moves otherwise than that rate for all",
              len([name for name in unequal if not name.startswith("12.")]), 0),
        at_most("head's step at the backbone's rate over its own, less a tenth",
                abs(float(ratio.detach()) - SCALE), 1e-5),
    )  # fmt: skip


def _step(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> None:
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
