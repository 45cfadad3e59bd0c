"""Several small digit networks that answer as one: the mean of their probabilities.

Averaging networks that differ only in their random start and layout is the oldest way to the top
of a table of digits (Ciresan et al., "Multi-column deep neural networks", arXiv:1202.2745). The
members see the same batches, so that a picture is read and augmented once for all of them; each
learns from its own loss alone. In evaluation mode every member also looks at the picture moved by
a pixel or so, and the mean is over all of these looks.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.classification.digit_net import digit_net
from akitsu.models.registry import register

# The mean of the looks cannot be surer than this that a class is not there.
LEAST_PROBABILITY = 1e-7


class Ensemble(nn.Module):
    """The mean of members' probabilities, over moved copies of the picture.

    Args:
        members: Each (B, C, H, W) to (B, K) logits.
        shifts: Moves in pixels, (down, right), of evaluation mode; (0, 0) is the picture itself.
    """

    def __init__(
        self, members: Sequence[nn.Module], *, shifts: Sequence[Sequence[int]] = ((0, 0),)
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.shifts = [(int(down), int(right)) for down, right in shifts]

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to logits: (B, K, M) of M members in training mode, else (B, K) of all."""
        if self.training:
            return torch.stack([member(x) for member in self.members], -1)
        looks = [
            member(moved(x, down=down, right=right)).float().softmax(1)
            for down, right in self.shifts
            for member in self.members
        ]
        return torch.stack(looks).mean(0).clamp(min=LEAST_PROBABILITY).log()


def moved(x: Tensor, *, down: int, right: int) -> Tensor:
    """(B, C, H, W) pictures moved by whole pixels; what comes in from outside is a copy of the rim.

    Example:
        >>> moved(torch.tensor([[[[1, 2], [3, 4]]]]), down=0, right=1).tolist()
        [[[[1, 1], [3, 3]]]]
    """
    if not down and not right:
        return x
    height, width = x.shape[-2:]
    up, left = max(-down, 0), max(-right, 0)
    padded = F.pad(x.float(), (max(right, 0), left, max(down, 0), up), mode="replicate").to(x.dtype)
    return padded[..., up : up + height, left : left + width]


@register("digit-ensemble", task="classification", paper="arXiv:1202.2745", year=2012)
def digit_ensemble(
    classes: int,
    in_channels: int = 3,
    input_hw: tuple[int, int] = (28, 28),
    widths: Sequence[Sequence[int]] = ((24, 48, 96), (24, 48, 96), (24, 48, 96)),
    shifts: Sequence[Sequence[int]] = ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)),
) -> nn.Module:
    """Several `digit-net`s as one: (B, C, H, W) to (B, K) logits; 516,342 parameters for MNIST.

    `widths` has one entry a member, the `widths` of that `digit-net`; `shifts` are the moves,
    (down, right) in pixels, over which evaluation averages.
    """
    members = [digit_net(classes, in_channels, input_hw, widths=each) for each in widths]
    return Ensemble(members, shifts=shifts)
