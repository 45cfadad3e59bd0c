"""Growing a network: new units beside old ones learn only if both have one norm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, at_least, at_most, claim, equal
from akitsu.claims.small_digits import small_digits
from akitsu.models.classification.growing import deepen, new_parameters, widen
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, OLD_UNITS, NEW_UNITS = (0, 1, 2, 3), 64, 32
LEARNED_FROM, PICTURES_A_CLASS = 1200, 10
BASE_STEPS, STEPS, EVERY = 300, 200, 10
BASE_RATE, OLD_RATE, NEW_RATE, DECAY = 0.05, 1e-3, 1e-2, 5e-4
SCALE = 10.0
# torchvision's AlexNet with the 397 classes of SUN-397, grown by 2048 units at fc7.
FC7, SCENES, GROWN_BY = "classifier.4", 397, 2048
WIDENED, DEEPENED = 67_840_205, 66_207_949


@dataclass(frozen=True)
class Grown:
    """What was seen of one grown network.

    Attributes:
        norms: Mean norm of the old units and of the new ones, as the classifier reads them, before
            the first step.
        gradient: The classifier's gradient for the new units over that for the old ones, then.
        shares: What the new units add to the logits over what the old ones add, every so many
            steps.
    """

    norms: tuple[float, float]
    gradient: float
    shares: list[float]


@claim(
    "growing",
    title="Growing a Brain: Fine-Tuning by Increasing Model Capacity",
    paper="arXiv:1907.07844",
    year=2017,
    idea="the norm: new units stand beside the old ones as small as they begin",
)
def growing(*, idea: bool = True) -> Evidence:
    """New units beside pretrained ones take part in a new task if both blocks have one norm.

    New units begin small. Beside large pretrained ones they get small gradients and stay idle;
    brought to the same norm, each block by itself, they carry a good part of the new classes.
    """
    without = [_grown(seed, scale=None) for seed in SEEDS]
    ours = [_grown(seed, scale=SCALE) for seed in SEEDS] if idea else without

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.6))
        kinds = {"one norm": ours, "as they are": without} if idea else {"as they are": without}
        _draw_norms(left, kinds)
        _draw_shares(right, kinds)

    return Evidence(
        (
            equal("parameters of AlexNet, widened", _alexnet(deeper=False), WIDENED),
            equal("parameters of AlexNet, deepened", _alexnet(deeper=True), DEEPENED),
            at_least("norm of new over old units at the start", _norms(ours), 0.99),
            at_most("the same without the norm", _norms(without), 0.05),
            at_least("gradient for new over old units", [each.gradient for each in ours], 0.3),
            at_most("the same without the norm", [each.gradient for each in without], 0.05),
            at_least("new over old units' share of the logits", _last(ours), 0.4),
            at_most("the same without the norm", _last(without), 0.05),
        ),
        draw,
        limits="That a grown network is more accurate, as the paper has it of SUN-397 and others, "
        "is not shown: networks that are not grown learn five classes of digits as well.",
    )


def _grown(seed: int, *, scale: float | None) -> Grown:
    """A network of the digits 0 to 4, grown and fine-tuned with ten pictures of each of 5 to 9."""
    torch.manual_seed(seed)
    network = widen(_base(), "3", NEW_UNITS, scale=scale)
    images, labels, others = _new_task()
    new = {id(parameter) for parameter in new_parameters(network)}
    groups = [
        {"params": [p for p in network.parameters() if id(p) not in new], "lr": OLD_RATE},
        {"params": [p for p in network.parameters() if id(p) in new], "lr": NEW_RATE},
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9, weight_decay=DECAY)
    norms, gradient, shares = _block_norms(network, others), 0.0, [_share(network, others)]
    for step in range(1, STEPS + 1):
        loss = F.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if step == 1:
            gradient = _gradient(network)
        optimizer.step()
        if step % EVERY == 0:
            shares.append(_share(network, others))
    return Grown(norms, gradient, shares)


def _base() -> nn.Sequential:
    """Trained on the digits 0 to 4; its classifier is then a fresh one, for 5 to 9."""
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Linear(128, OLD_UNITS),
        nn.ReLU(),
        nn.Linear(OLD_UNITS, 5),
    )
    images, labels = small_digits()
    known = torch.where(labels[:LEARNED_FROM] < 5)[0]
    optimizer = torch.optim.SGD(network.parameters(), lr=BASE_RATE, momentum=0.9)
    for _ in range(BASE_STEPS):
        rows = known[torch.randint(len(known), (32,))]
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    nn.init.normal_(network[5].weight, std=0.01)  # type: ignore[arg-type]
    nn.init.zeros_(network[5].bias)  # type: ignore[arg-type]
    return network


def _new_task() -> tuple[Tensor, Tensor, Tensor]:
    """Ten pictures of each class from 5 to 9, their labels from 0, and other pictures of them."""
    images, labels = small_digits()
    of_class = [torch.where(labels[:LEARNED_FROM] == label)[0] for label in range(5, 10)]
    rows = torch.cat([places[:PICTURES_A_CLASS] for places in of_class])
    return images[rows], labels[rows] - 5, images[LEARNED_FROM:][labels[LEARNED_FROM:] >= 5]


def _units(network: nn.Module, images: Tensor) -> Tensor:
    """(B, old + new) what the classifier reads."""
    units: Tensor = images
    for layer in list(network.children())[:-1]:
        units = layer(units)
    read: Tensor = network.get_submodule("5.norm")(units)
    return read


def _block_norms(network: nn.Module, images: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        units = _units(network, images)
    old, new = units[:, :OLD_UNITS], units[:, OLD_UNITS:]
    return float(old.norm(dim=1).mean()), float(new.norm(dim=1).mean())


def _gradient(network: nn.Module) -> float:
    gradient = network.get_parameter("5.layer.weight").grad
    assert gradient is not None
    return float(gradient[:, OLD_UNITS:].norm() / gradient[:, :OLD_UNITS].norm())


def _share(network: nn.Module, images: Tensor) -> float:
    weight = network.get_parameter("5.layer.weight")
    with torch.no_grad():
        units = _units(network, images)
        old = units[:, :OLD_UNITS] @ weight[:, :OLD_UNITS].T
        new = units[:, OLD_UNITS:] @ weight[:, OLD_UNITS:].T
    return float((new.norm(dim=1) / old.norm(dim=1)).mean())


def _alexnet(*, deeper: bool) -> int:
    """Parameters of the grown network; on the meta device, which holds no numbers."""
    from torchvision.models import alexnet

    with torch.device("meta"):
        base = alexnet(num_classes=SCENES)
        grown = deepen(base, GROWN_BY) if deeper else widen(base, FC7, GROWN_BY)
    return sum(parameter.numel() for parameter in grown.parameters())


def _norms(grown: list[Grown]) -> list[float]:
    return [new / old for old, new in (each.norms for each in grown)]


def _last(grown: list[Grown]) -> list[float]:
    return [each.shares[-1] for each in grown]


def _draw_norms(axes: Axes, kinds: dict[str, list[Grown]]) -> None:
    for place, name in enumerate(kinds):
        for offset, block in enumerate(("old", "new")):
            values = [each.norms[offset] for each in kinds[name]]
            centre, at = sum(values) / len(values), place + 0.4 * offset - 0.2
            axes.bar(at, centre, width=0.38, color=COLOURS[offset], label=block)
            axes.text(at, centre, f"{centre:.2g}", ha="center", va="bottom")
    axes.set_xticks(range(len(kinds)), list(kinds))
    axes.grid(visible=False, axis="x")
    handles, names = axes.get_legend_handles_labels()
    axes.legend(handles[:2], names[:2], title="units")
    axes.set_ylabel("norm before the first step")
    axes.set_title("What the classifier reads")


def _draw_shares(axes: Axes, kinds: dict[str, list[Grown]]) -> None:
    steps = range(0, STEPS + 1, EVERY)
    for index, (name, grown) in enumerate(kinds.items()):
        colour = COLOURS[2 + index]
        for each in grown:
            axes.plot(steps, each.shares, color=colour, linewidth=0.8, alpha=0.5)
        means = torch.tensor([each.shares for each in grown]).mean(0)
        axes.plot(steps, means, color=colour, linewidth=2.5, label=name)
    axes.axhline(1, color="#888888", linestyle=":")
    axes.text(STEPS, 1.05, "as much as the old ones", ha="right", va="bottom", color="#666666")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="step of fine-tuning", ylabel="logits by new units / by old ones")
    axes.legend()
    axes.set_title("How much the new units say")
