"""Small convolutions: three of 3 x 3 see as far as one of 7 x 7, weigh less and learn faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, Finding, at_most, claim, equal, true
from akitsu.claims.small_digits import learn, small_digits
from akitsu.models.classification.vgg import DenselyScored, densify, stack, vgg16_c
from akitsu.report.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH, RATE = (0, 1, 2), 150, 64, 1e-3
LAST = 30  # steps over whose mean a loss is taken
SIDE, WIDTH = 16, 8
PARAMETERS = 133_638_952
SMALL, LARGE = (3, 3, 3), (7,)
CORNER = 64  # pixels by which a larger picture is larger


@claim(
    "vgg",
    title="Very Deep Convolutional Networks for Large-Scale Image Recognition",
    paper="arXiv:1409.1556",
    year=2015,
    models=("vgg16-c",),
    idea="the stacks of small convolutions: a single 7 x 7 convolution stands for three of 3 x 3",
)
def small_convolutions(*, idea: bool = True) -> Evidence:
    """Three 3 x 3 convolutions see 7 x 7 pixels, with 27 weights where one of 7 x 7 has 49.

    There are two more ReLUs between them: of two networks with as many parameters, the one of small
    convolutions learns faster. And dense layers are convolutions: so a network scores every place
    of a picture larger than those it learned from.
    """
    kernels = SMALL if idea else LARGE
    views = [_view(kernels[:layers]) for layers in (1, 2, 3)]
    share = _weights(kernels) / _weights(LARGE)
    whole = _parameters(_network(kernels)) / _parameters(_network(LARGE))
    curves = {each: [_curve(each, seed) for seed in SEEDS] for each in {kernels, LARGE}}
    losses = {each: [_end(curve) for curve in curves[each]] for each in curves}
    ratios = [a / b for a, b in zip(losses[kernels], losses[LARGE], strict=True)]

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.4))
        left.imshow(_seen(kernels).numpy(), cmap="Blues", vmin=0)
        left.set(title=f"Seen by one output: {views[-1]} x {views[-1]}", xticks=[], yticks=[])
        left.grid(visible=False)
        for each, colour in zip(sorted(curves), COLOURS, strict=False):
            name = " + ".join(f"{size} × {size}" for size in each)
            for number, losses_of_seed in enumerate(curves[each]):
                label = name if number == 0 else None
                right.plot(_smooth(losses_of_seed), color=colour, label=label)
        right.set(xlabel="step", ylabel="training loss, mean of 10 steps", ylim=(0, None))
        right.legend()

    return Evidence(
        (
            *(
                equal(f"pixels a side that {layers} layers see", view, 2 * layers + 1)
                for layers, view in enumerate(views, start=1)
            ),
            at_most("weights of the stack, as a share of one 7 x 7 convolution", share, 27 / 49),
            at_most("parameters of a network of stacks, as a share of one of 7 x 7", whole, 1.05),
            at_most("its training loss, as a share of the other network's", ratios, 0.75),
            *_dense(),
        ),
        draw,
        limits=f"Digits of {SIDE} x {SIDE} pixels, {STEPS} steps, the training loss; with as many "
        "maps instead of as many parameters the stack is not ahead. Padding reaches into a crop, "
        "but not into the middle of a larger picture: there the scores of crop and place agree in "
        "the dense layers only.",
    )


def _seen(kernels: tuple[int, ...]) -> Tensor:
    """(21, 21): how much each input pixel moves the middle of the output."""
    torch.manual_seed(0)
    layers = [layer for layer in stack(1, 1, kernels) if isinstance(layer, nn.Conv2d)]
    for layer in layers:
        nn.init.uniform_(layer.weight, 0.5, 1)
    image = torch.zeros(1, 1, 21, 21, requires_grad=True)
    output: Tensor = nn.Sequential(*layers)(image)
    (seen,) = torch.autograd.grad(output[0, 0, 10, 10], image)
    return seen[0, 0]


def _view(kernels: tuple[int, ...]) -> int:
    """Pixels a side that have a gradient."""
    return int((_seen(kernels) != 0).any(0).sum())


def _weights(kernels: tuple[int, ...]) -> int:
    layers = [each for each in stack(WIDTH, WIDTH, kernels) if isinstance(each, nn.Conv2d)]
    return sum(layer.weight.numel() for layer in layers)


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _network(kernels: tuple[int, ...]) -> nn.Module:
    """(B, 1, 16, 16) to (B, 10) logits: two stacks, each pooled, of 8 and of 16 maps."""
    model = nn.Sequential(
        *stack(1, WIDTH, kernels),
        nn.MaxPool2d(2),
        *stack(WIDTH, 2 * WIDTH, kernels),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * WIDTH * (SIDE // 4) ** 2, 10),
    )
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return model


def _curve(kernels: tuple[int, ...], seed: int) -> list[float]:
    """The training loss of each step on 1,200 small digits, enlarged to 16 x 16 pixels."""
    torch.manual_seed(seed)
    model = _network(kernels)
    images, labels = small_digits()
    images = F.interpolate(images, (SIDE, SIDE), mode="bilinear", align_corners=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    return learn(model, images, labels, optimizer=optimizer, steps=STEPS, batch=BATCH)


def _dense() -> list[Finding]:
    """What follows from the layout alone: counts, and the head as convolutions."""
    with torch.device("meta"):
        parameters = _parameters(vgg16_c(1000))
    torch.manual_seed(0)
    model = vgg16_c(10, 3, (96, 96), widths=(8, 8, 16, 16, 16), dense=64).eval()
    dense = densify(model)
    with torch.no_grad():
        images = torch.rand(2, 3, 96, 96)
        apart = (dense(images) - model(images)).abs().max() / model(images).abs().max()
        places = _head_by_places(model, dense)
    return [
        equal("parameters of configuration C, 1000 classes", parameters, PARAMETERS),
        at_most("densified network beside the original, greatest difference", float(apart), 1e-5),
        true("each place of a larger score map is the head on that part of the map", places),
    ]


def _head_by_places(model: nn.Module, dense: DenselyScored) -> bool:
    larger = torch.rand(1, 3, 96 + CORNER, 96 + CORNER)
    trunk: Tensor = dense.features(larger)
    scores = dense.head(trunk)[0]  # (K, h, w)
    classifier = model.get_submodule("classifier")
    return all(
        torch.allclose(
            scores[:, row, column],
            classifier(trunk[:, :, row : row + 3, column : column + 3])[0],
            atol=1e-5,
        )
        for row in range(scores.shape[1])
        for column in range(scores.shape[2])
    )


def _end(losses: list[float]) -> float:
    return sum(losses[-LAST:]) / LAST


def _smooth(losses: list[float], window: int = 10) -> list[float]:
    return [sum(losses[i : i + window]) / window for i in range(len(losses) - window + 1)]
