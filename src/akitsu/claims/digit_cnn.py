"""The digit reader of the source notes: what its layout promises, and that it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from akitsu.claims.claim import Evidence, at_least, claim, equal, true
from akitsu.claims.small_digits import accuracy, learn, small_digits
from akitsu.models.classification.digit_cnn import digit_cnn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SEEDS, STEPS, BATCH = (0, 1, 2), 60, 100
PARAMETERS = 62_346


@claim(
    "digit-cnn",
    title="Gradient-Based Learning Applied to Document Recognition (the layout, with ReLU)",
    paper="LeCun et al. 1998",
    year=1998,
    models=("digit-cnn",),
    idea="the convolutions: a linear classifier looks at the pixels instead",
)
def digit_reader(*, idea: bool = True) -> Evidence:
    """Two convolutions, two poolings and one linear layer read digits after a minute of training.

    The rectifier is monotone, so it may stand before or after a max pooling.
    """
    model = digit_cnn(10, 1) if idea else nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    maps = torch.randn(4, 8, 24, 24, generator=torch.Generator().manual_seed(0))
    first, last = F.max_pool2d(F.relu(maps), 2), F.relu(F.max_pool2d(maps, 2))
    accuracies = [_learned(seed, idea=idea) for seed in SEEDS]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.bar([f"seed {seed}" for seed in SEEDS], [100 * each for each in accuracies])
        axes.axhline(90, color="#444444", linestyle="--", label="demanded")
        axes.set_ylabel("accuracy, %")
        axes.set_title(f"scikit-learn's digits at 28 x 28 pixels, {STEPS} steps of {BATCH}")
        axes.legend()

    return Evidence(
        (
            equal("parameters with 1 channel and 10 classes", parameters, PARAMETERS),
            true("ReLU and max pooling give the same in either order", bool((first == last).all())),
            at_least(f"accuracy after {STEPS} steps", accuracies, 0.9),
        ),
        draw,
        limits="MNIST itself is the recipe `digits`; here are 8 x 8 digits, enlarged.",
    )


def _learned(seed: int, *, idea: bool) -> float:
    """The accuracy on 597 digits after training on the other 1,200."""
    torch.manual_seed(seed)
    model = digit_cnn(10, 1) if idea else nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 10))
    images, labels = small_digits()
    images = F.interpolate(images, (28, 28), mode="bilinear", align_corners=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    learn(model, images, labels, optimizer=optimizer, steps=STEPS, batch=BATCH)
    return accuracy(model, images, labels)
