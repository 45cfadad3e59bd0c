"""UberNet's plan: one trunk, many small heads that look at every stage (arXiv:1609.02132).

A head takes each stage's maps through a normalisation and a 1 x 1 convolution to its own channels,
and adds them up. It is no entry of the registry: a registered network answers one question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

Maps = tuple[Tensor, ...]


class Trunk(nn.Module):
    """Stages of two 3 x 3 convolutions, halved in between; (B, C, H, W) to the maps of each.

    There is no batch normalisation in it: its statistics would mix the sources (section 3 of the
    paper trains on sets of different pictures).

    Args:
        in_channels: C.
        widths: Channels of each stage.
        checkpointed: Keep only the stages' ends for the backward pass and compute the rest again.
    """

    def __init__(
        self, in_channels: int, widths: Sequence[int] = (16, 32, 64), *, checkpointed: bool = False
    ) -> None:
        super().__init__()
        self.widths, self.checkpointed = tuple(widths), checkpointed
        self.stages = nn.ModuleList()
        for width in widths:
            self.stages.append(
                nn.Sequential(
                    nn.Conv2d(in_channels, width, 3, padding=1),
                    nn.ReLU(),
                    nn.Conv2d(width, width, 3, padding=1),
                    nn.ReLU(),
                )
            )
            in_channels = width

    def forward(self, images: Tensor) -> Maps:
        """The maps of each stage, the first as large as the picture."""
        maps: list[Tensor] = []
        for stage in self.stages:
            given = F.max_pool2d(maps[-1], 2) if maps else images
            again = self.checkpointed and torch.is_grad_enabled()
            maps.append(checkpoint(stage, given, use_reentrant=False) if again else stage(given))
        return tuple(maps)


class _Skips(nn.Module):
    """A normalisation and a 1 x 1 convolution for every stage."""

    def __init__(self, widths: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.skips = nn.ModuleList(
            nn.Sequential(nn.GroupNorm(1, width), nn.Conv2d(width, outputs, 1)) for width in widths
        )


class PictureHead(_Skips):
    """One answer a picture: (B, K) logits, the stages' maps averaged and added up."""

    def forward(self, maps: Maps) -> Tensor:
        """The maps of a trunk to (B, K)."""
        answers = [skip(each).mean((2, 3)) for skip, each in zip(self.skips, maps, strict=True)]
        return torch.stack(answers).sum(0)


class PixelHead(_Skips):
    """One answer a pixel: (B, K, H, W) logits, the stages' maps enlarged and added up."""

    def forward(self, maps: Maps) -> Tensor:
        """The maps of a trunk to (B, K, H, W) of the first of them."""
        answers = [skip(each) for skip, each in zip(self.skips, maps, strict=True)]
        size = answers[0].shape[2:]
        enlarged = [F.interpolate(each, size, mode="bilinear") for each in answers]
        return torch.stack(enlarged).sum(0)


class MultiTask(nn.Module):
    """One trunk and a head for each task: one pass answers several questions.

    Args:
        trunk: (B, C, H, W) to one tensor or several.
        heads: By task, what the trunk gives to an answer.
    """

    def __init__(self, trunk: nn.Module, heads: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.ModuleDict(dict(heads))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Every task's answer."""
        seen = self.trunk(images)
        return {name: head(seen) for name, head in self.heads.items()}
