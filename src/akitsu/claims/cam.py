"""Class activation maps: labels alone say where the evidence for a class lies."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, at_least, at_most, claim, equal
from akitsu.claims.small_digits import small_digits
from akitsu.models.classification.cam import cam, enlarged, gap_net, vgg16_cam
from akitsu.models.classification.densenet import cifar_densenet
from akitsu.models.classification.resnet import cifar_resnet
from akitsu.models.classification.squeezenet import squeezenet
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, RATE, LEARNED_FROM = (0, 1, 2), 300, 32, 1e-2, 1200
SIDE, DIGIT, NOISE = 32, 8, 0.5
TESTED = 300
STRIDE, CELLS, EDGE = 4, 24, 5
PARAMETERS = 18_099_008
SHOWN = 6


@dataclass(frozen=True)
class Planted:
    """Digits in noise.

    Attributes:
        images: (B, 1, 32, 32) from 0 to 1.
        labels: (B, D) the digits in each.
        corners: (B, D, 2) the top and left pixel of each.
    """

    images: Tensor
    labels: Tensor
    corners: Tensor


@claim(
    "cam",
    title="Learning Deep Features for Discriminative Localization",
    paper="arXiv:1512.04150",
    year=2016,
    models=("gap-net", "vgg16-cam"),
    idea="the weights of the class: its map is the plain sum of all maps",
    slow=True,
)
def class_activation_maps(*, idea: bool = True) -> Evidence:
    """Behind global average pooling the classifier's weights turn its last maps into a map a class.

    The mean of that map is the logit, so it says where the evidence lies; labels alone teach it.
    Of two digits in one picture the map of each class has its peak on the right one.
    """
    trained = [_trained(seed) for seed in SEEDS]
    networks = trained if idea else [_evened(network) for network in trained]

    def draw(figure: Figure) -> None:
        _draw_maps(figure, networks[0], _tested(0, digits=2))

    return Evidence(
        (
            equal("parameters of VGG16-CAM, 1000 classes", _parameters_of_vgg(), PARAMETERS),
            at_most("mean of the map and bias, off the logit", _off_own(trained, networks), 1e-5),
            at_most("the same of score maps and of deep networks", _off_others(), 1e-5),
            at_most("map of a moved picture, off the moved map", _off_moved(networks[0]), 1e-4),
            at_least("peaks on the digit", _hits_of(networks, 1), 0.9),
            at_least("peaks on the right one of two digits", _hits_of(networks, 2), 0.8),
        ),
        draw,
        limits="Boxes around such small digits are not promised: what is above 20 % of the peak is "
        "larger than the digit. Nor is the paper's localisation error on ILSVRC.",
    )


def _planted(rows: Tensor, *, digits: int, chance: torch.Generator) -> Planted:
    """Pictures of noise with digits in it; of two one lies in the upper and one in the lower half.

    Args:
        rows: The digits to take from.
        digits: 1 or 2 in a picture; two are of different classes.
        chance: Source of chance.
    """
    pictures, classes = small_digits()
    taken = rows.view(-1, 1)
    if digits == 2:
        others = rows[torch.randperm(len(rows), generator=chance)]
        differ = classes[rows] != classes[others]
        taken = torch.stack([rows[differ], others[differ]], 1)
    images = NOISE * torch.rand(len(taken), 1, SIDE, SIDE, generator=chance)
    room = torch.tensor([SIDE // digits - DIGIT + 1, SIDE - DIGIT + 1])
    corners = (torch.rand(*taken.shape, 2, generator=chance) * room).long()
    corners[..., 0] += torch.arange(digits) * SIDE // 2
    for image, sources, places in zip(images[:, 0], taken, corners.tolist(), strict=True):
        for source, (top, left) in zip(sources, places, strict=True):
            spot = image[top : top + DIGIT, left : left + DIGIT]
            spot.copy_(torch.maximum(spot, pictures[source, 0]))
    return Planted(images, classes[taken], corners)


def _tested(seed: int, *, digits: int) -> Planted:
    rows = torch.arange(LEARNED_FROM, LEARNED_FROM + TESTED)
    return _planted(rows, digits=digits, chance=torch.Generator().manual_seed(1000 + seed))


def _trained(seed: int) -> nn.Module:
    """The small network after so many steps on pictures of one digit, told nothing of places."""
    torch.manual_seed(seed)
    chance = torch.Generator().manual_seed(seed)
    network = gap_net(10, 1, widths=(16, 32, 64))
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, STEPS)
    for _ in range(STEPS):
        rows = torch.randint(LEARNED_FROM, (BATCH,), generator=chance)
        batch = _planted(rows, digits=1, chance=chance)
        loss = F.cross_entropy(network(batch.images), batch.labels[:, 0])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        falling.step()
    return network.eval()


def _evened(network: nn.Module) -> nn.Module:
    """The same network, its last layer giving every map the same weight."""
    evened = deepcopy(network)
    last = list(evened.children())[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.fill_(float(last.weight.abs().mean()))
    return evened


def _off_own(trained: list[nn.Module], networks: list[nn.Module]) -> list[float]:
    """How far mean and bias are from the logits of the trained networks, as a part of them."""
    images = _tested(0, digits=1).images[:BATCH]
    return [_off(one, images, mapped=other) for one, other in zip(trained, networks, strict=True)]


def _off(network: nn.Module, images: Tensor, *, mapped: nn.Module | None = None) -> float:
    """The greatest difference over all classes, relative to the greatest logit."""
    with torch.no_grad():
        logits: Tensor = network(images)
    last = list(network.children())[-1]
    bias = last.bias.detach() if isinstance(last, nn.Linear) else torch.zeros(logits.shape[1])
    labels = torch.arange(logits.shape[1])
    maps = [cam(mapped or network, images, label.expand(len(images))) for label in labels]
    means = torch.stack([each.mean((1, 2)) for each in maps], 1) + bias
    return float((means - logits).abs().max() / logits.abs().max())


def _off_others() -> list[float]:
    """The same for networks as they are made: residual, dense, and with score maps at the end."""
    torch.manual_seed(0)
    images = torch.rand(2, 3, 48, 48)
    networks = cifar_resnet(5, depth=8), cifar_densenet(5, depth=13), squeezenet(5)
    return [_off(network.eval(), images) for network in networks]


def _off_moved(network: nn.Module) -> float:
    """How far the map of a moved picture is from the moved map, away from the border."""
    large = NOISE * torch.rand(1, 1, STRIDE * (CELLS + 1), STRIDE * (CELLS + 1))
    end = STRIDE * CELLS
    label = torch.tensor([3])
    here = cam(network, large[..., :end, :end], label)
    moved = cam(network, large[..., STRIDE:, STRIDE:], label)
    inside = slice(EDGE, CELLS - 1 - EDGE)
    behind = slice(EDGE + 1, CELLS - EDGE)
    difference = here[:, behind, behind] - moved[:, inside, inside]
    return float(difference.abs().max() / here.abs().max())


def _hits_of(networks: list[nn.Module], digits: int) -> list[float]:
    return [
        _hits(net, _tested(seed, digits=digits)) for seed, net in zip(SEEDS, networks, strict=True)
    ]


def _hits(network: nn.Module, planted: Planted) -> float:
    """The part of all digits in whose square the map of their class has its peak."""
    hits = []
    for labels, corners in zip(planted.labels.T, planted.corners.movedim(1, 0), strict=True):
        maps = enlarged(cam(network, planted.images, labels), (SIDE, SIDE))
        peaks = maps.flatten(1).argmax(1)
        away = torch.stack([peaks // SIDE, peaks % SIDE], 1) - corners
        hits.append(((away >= 0) & (away < DIGIT)).all(1).float().mean())
    return float(torch.stack(hits).mean())


def _parameters_of_vgg() -> int:
    with torch.device("meta"):
        network = vgg16_cam(1000)
    return sum(parameter.numel() for parameter in network.parameters())


def _draw_maps(figure: Figure, network: nn.Module, planted: Planted) -> None:
    """Each column a picture; below it the map of either digit's class, red for its evidence."""
    rows = figure.subplots(3, SHOWN)
    images = planted.images[:SHOWN]
    maps = [
        enlarged(cam(network, images, labels[:SHOWN]), (SIDE, SIDE)) for labels in planted.labels.T
    ]
    for column in range(SHOWN):
        first, second = planted.labels[column].tolist()
        for row, title in enumerate(
            (f"{first} and {second}", f"map of {first}", f"map of {second}")
        ):
            axes = rows[row, column]
            axes.imshow(images[column, 0].numpy(), cmap="gray", vmin=0, vmax=1)
            if row:
                heat = maps[row - 1][column].detach().numpy()
                most = abs(heat).max()
                axes.imshow(heat, cmap="RdBu_r", alpha=0.6, vmin=-most, vmax=most)
            for number in range(2) if row == 0 else (row - 1,):
                _outline(axes, planted.corners[column, number].tolist(), COLOURS[5])
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.set_title(title, fontsize=9, pad=3)


def _outline(axes: Axes, corner: list[int], colour: str) -> None:
    from matplotlib.patches import Rectangle

    top, left = corner
    box = Rectangle(
        (left - 0.5, top - 0.5), DIGIT, DIGIT, fill=False, edgecolor=colour, linewidth=1.6
    )
    axes.add_patch(box)
