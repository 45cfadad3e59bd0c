"""The digits that scikit-learn ships, which most claims learn from: 8 x 8 pixels, 1,797 of them."""

from __future__ import annotations

import torch
from torch import Tensor


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
