"""Local binary convolution: what is learned is a ninth, what is read is as much."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, at_least, at_most, claim, true
from akitsu.claims.small_digits import LEARNED_FROM, accuracy, small_digits
from akitsu.models.classification.lbcnn import (
    NEIGHBOURS,
    LocalBinaryBlock,
    LocalBinaryConv,
    binary_filters,
    pattern_filters,
)
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, RATE = (0, 1, 2, 3), 200, 32, 5e-3
CHANNELS, MAPS, DEPTH = 16, 64, 3
NAMES = {"binary": "local binary", "ordinary": "learned 3 × 3", "point": "fixed 1 × 1"}
SHOWN_FILTERS = 8


@claim(
    "lbcnn",
    title="Local Binary Convolutional Neural Networks",
    paper="arXiv:1608.06049",
    year=2017,
    models=("lbcnn",),
    idea="the comparison of neighbours: the fixed filters see a single pixel",
    slow=True,
)
def local_binary(*, idea: bool = True) -> Evidence:
    """Filters of -1, 0 and 1 need not be learned: a learned mixture of their answers reads as well.

    Such a layer learns a fraction of a convolution's numbers, and the classic local binary pattern
    is a special case of it. It is the comparison of neighbours that does it: fixed filters of one
    pixel, with as many learned numbers, read worse.
    """
    kind = "binary" if idea else "point"
    kinds = [each for each in NAMES if idea or each != "binary"]
    networks = {each: [_trained(seed, each) for seed in SEEDS] for each in kinds}
    accuracies = {each: [_accuracy(network) for network in networks[each]] for each in kinds}
    learned = {each: _learned_numbers(networks[each][0]) for each in kinds}
    differences = [a - b for a, b in zip(accuracies[kind], accuracies["ordinary"], strict=True)]
    margin = min(accuracies[kind]) - max(accuracies["point"])
    share = learned[kind] / learned["ordinary"]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
        _draw_filters(left, _filters(networks[kind][0])[0])
        _draw_accuracies(right, accuracies, learned)

    return Evidence(
        (
            true("the classic local binary pattern is a special case", _is_special_case()),
            true("training leaves the fixed filters as they were", _stay(networks[kind], kind)),
            at_most("learned numbers, as a share of an ordinary network's", share, 0.2),
            at_least("accuracy, minus that of learned 3 × 3 filters", differences, -0.01),
            at_least("worst accuracy, minus the best of fixed 1 × 1 filters", margin, 0.002),
        ),
        draw,
        limits="Three blocks on 8 x 8 digits; the paper's networks have 40 to 75 blocks, learn for "
        "80 epochs and more, and are compared on MNIST, SVHN and CIFAR-10.",
    )


def _network(kind: str) -> nn.Sequential:
    """(B, 1, 8, 8) to (B, 10) logits; the three kinds differ in the filters alone."""
    side = 1 if kind == "point" else 3
    blocks = []
    for _ in range(DEPTH):
        filters = binary_filters((MAPS, CHANNELS, side, side), density=0.5)
        block = LocalBinaryBlock(CHANNELS, MAPS, filters=filters)
        if kind == "ordinary":
            del block.conv.filters
            block.conv.filters = nn.Parameter(torch.empty(filters.shape))
            nn.init.kaiming_uniform_(block.conv.filters, a=5**0.5)  # as nn.Conv2d does it
        blocks.append(block)
    stem = nn.Conv2d(1, CHANNELS, 3, padding=1), nn.BatchNorm2d(CHANNELS), nn.ReLU()
    head = nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4 * CHANNELS, 10)
    return nn.Sequential(*stem, *blocks, *head)


def _trained(seed: int, kind: str) -> nn.Sequential:
    """The network after so many steps on the first 1,200 digits, the rate falling to 0."""
    torch.manual_seed(seed)
    network = _network(kind)
    images, labels = small_digits()
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(LEARNED_FROM, (BATCH,))
        loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        falling.step()
    return network.eval()


def _accuracy(network: nn.Module) -> float:
    images, labels = small_digits()
    return accuracy(network, images, labels)


def _learned_numbers(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _filters(network: nn.Module) -> list[Tensor]:
    return [layer.filters for layer in network.modules() if isinstance(layer, LocalBinaryConv)]


def _stay(networks: list[nn.Sequential], kind: str) -> bool:
    """Whether all filters are bit for bit those that the seed made."""
    for seed, network in zip(SEEDS, networks, strict=True):
        torch.manual_seed(seed)
        fresh = _filters(_network(kind))
        if not all(torch.equal(a, b) for a, b in zip(fresh, _filters(network), strict=True)):
            return False
    return True


def _is_special_case() -> bool:
    """Whether fixed filters, a step and weights of 2^i give the pattern's code at every pixel."""
    images = torch.randint(0, 256, (4, 1, 12, 15), generator=torch.Generator().manual_seed(0))
    steps = F.conv2d(images.float(), pattern_filters().float()) >= 0  # (B, 8, H - 2, W - 2)
    codes = (steps * 2 ** torch.arange(8).view(-1, 1, 1)).sum(1)
    return torch.equal(codes, torch.stack([_codes(image) for image in images[:, 0]]))


def _codes(image: Tensor) -> Tensor:
    """Pixel by pixel and neighbour by neighbour, as Ojala et al. describe it."""
    rows, columns = image.shape
    codes = torch.zeros(rows - 2, columns - 2, dtype=torch.int64)
    for row, column in product(range(rows - 2), range(columns - 2)):
        for bit, (down, right) in enumerate(NEIGHBOURS):
            if image[row + down, column + right] >= image[row + 1, column + 1]:
                codes[row, column] += 2**bit
    return codes


def _draw_filters(axes: Axes, filters: Tensor) -> None:
    """Some fixed filters of the first block on some channels, a dark line around each."""
    side = filters.shape[-1]
    some = filters[:SHOWN_FILTERS, :SHOWN_FILTERS].permute(0, 2, 1, 3)
    tiles = some.reshape(SHOWN_FILTERS * side, SHOWN_FILTERS * side)
    axes.imshow(tiles.numpy(), cmap="RdBu", vmin=-1.6, vmax=1.6)
    for line in range(SHOWN_FILTERS + 1):
        axes.axhline(side * line - 0.5, color="#444444", linewidth=1)
        axes.axvline(side * line - 0.5, color="#444444", linewidth=1)
    axes.set(xticks=[], yticks=[], xlabel="channel", ylabel="filter")
    axes.grid(visible=False)
    axes.set_title("Fixed: -1 red, 0 white, 1 blue")


def _draw_accuracies(
    axes: Axes, accuracies: dict[str, list[float]], learned: dict[str, int]
) -> None:
    """One dot a seed and a line for their mean; below, how much was learned for it."""
    for place, (kind, values) in enumerate(accuracies.items()):
        percent = [100 * value for value in values]
        colour = COLOURS[list(NAMES).index(kind)]
        centre = sum(percent) / len(percent)
        axes.plot([place - 0.25, place + 0.25], [centre, centre], color=colour, linewidth=3)
        axes.plot([place] * len(percent), percent, "o", color=colour, alpha=0.7)
    names = [f"{NAMES[kind]}\n{learned[kind]:,} learned" for kind in accuracies]
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.6, len(names) - 0.4), ylabel="accuracy on 597 digits, %")
    axes.grid(visible=False, axis="x")
    axes.set_title(f"A dot for each of {len(SEEDS)} seeds, a line for their mean")
