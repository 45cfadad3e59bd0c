"""The digits that scikit-learn ships, which most claims learn from: 8 x 8 pixels, 1,797 of them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEARNED_FROM = 1200
"""The first so many are learned from, the other 597 are asked."""


def small_digits() -> tuple[Tensor, Tensor]:
    """All of them, in one shuffled order that is always the same.

    Returns:
        (1797, 1, 8, 8) float32 from 0 to 1, and (1797,) int64.
    """
    from sklearn.datasets import load_digits

    pictures, labels = load_digits(return_X_y=True)
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(pictures, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    return images[order], torch.tensor(labels, dtype=torch.int64)[order]


def learn(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    optimizer: torch.optim.Optimizer,
    steps: int,
    batch: int,
) -> list[float]:
    """Train a classifier on random batches of the first 1,200 digits.

    Args:
        model: (B, 1, H, W) to (B, 10) logits; in training mode.
        images: (1797, 1, H, W), the small digits at whatever size.
        labels: (1797,).
        optimizer: Over the model's parameters.
        steps: How many.
        batch: Pictures of a step, drawn from PyTorch's global state.

    Returns:
        The loss of every step.
    """
    losses: list[float] = []
    for _ in range(steps):
        rows = torch.randint(LEARNED_FROM, (batch,))
        loss = F.cross_entropy(model(images[rows]), labels[rows])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """The share of the other 597 digits that a model in its present mode reads right."""
    with torch.no_grad():
        right = model(images[LEARNED_FROM:]).argmax(1) == labels[LEARNED_FROM:]
    return float(right.float().mean())
