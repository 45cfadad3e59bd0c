"""What every detector promises, so that one task trains, scores and exports them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

Detected = tuple[Tensor, Tensor, Tensor]


class Detector(nn.Module, ABC):
    """A network that answers where things are.

    A detector with one pass writes `raw` and `losses`; one that looks twice, whose second look
    depends on the targets in training, overrides `forward` instead.
    """

    exportable: ClassVar[bool] = True
    """Whether `decode` becomes the graph of a model file."""

    def forward(
        self, images: Tensor, boxes: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """Raw outputs, or with targets the losses.

        The losses are made inside `forward`, for what wraps a network (several processes, compiled
        steps) sees its `forward` alone.

        Args:
            images: (B, C, H, W) normalised pictures.
            boxes: (B, N, 4) XYXY in pixels of `images`.
            labels: (B, N) class indices from 0, -1 where there is no N-th box.

        Returns:
            What `raw` gives; with targets the losses by name, of which `loss` is to be lowered.
        """
        raw = self.raw(images)
        if boxes is None or labels is None:
            return raw
        # 8 bits of mantissa do for a convolution, but not for the coordinates of a box.
        with torch.autocast(images.device.type, enabled=False):
            return self.losses(tuple(each.float() for each in raw), boxes, labels)

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs as `losses` wants them."""
        raise NotImplementedError

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Scalars by name, their weighted sum under `loss`."""
        raise NotImplementedError

    @abstractmethod
    def decode(self, images: Tensor) -> Detected:
        """The graph of a model file, up to non-maximum suppression.

        Args:
            images: (B, C, H, W) normalised pictures.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
