"""What every detector promises, so that one task trains, scores and exports them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

Detected = tuple[Tensor, Tensor, Tensor]

DETECTIONS = 300
"""M: of all pairs of a box and a class the best are given back."""


class Detector(nn.Module, ABC):
    """A network that answers where things are.

    Attributes:
        exportable: Whether its `decode` can become the graph of a model file.
    """

    exportable: ClassVar[bool] = True

    @abstractmethod
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
            The network's own outputs; with targets the losses by name, of which `loss` is to be
            lowered.
        """

    @abstractmethod
    def decode(self, images: Tensor) -> Detected:
        """The graph of a model file, up to non-maximum suppression.

        Args:
            images: (B, C, H, W) normalised pictures.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """


class OnePassDetector(Detector):
    """A detector whose losses follow from what it says without knowing the targets."""

    def forward(
        self, images: Tensor, boxes: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """What `raw` gives, or with targets `losses`; see `Detector`."""
        raw = self.raw(images)
        if boxes is None or labels is None:
            return raw
        # 8 bits of mantissa do for a convolution, but not for the coordinates of a box.
        with torch.autocast(images.device.type, enabled=False):
            return self.losses(tuple(each.float() for each in raw), boxes, labels)

    @abstractmethod
    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        """The network's outputs as `losses` wants them."""

    @abstractmethod
    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Scalars by name, their weighted sum under `loss`."""


def summed(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Losses by name, with their sum under `loss` first."""
    return {"loss": torch.stack(list(parts.values())).sum(), **parts}


def best_pairs(boxes: Tensor, scores: Tensor, *, most: int = DETECTIONS) -> Detected:
    """The best pairs of a box and a class.

    Args:
        boxes: (B, N, 4), or (B, N, K, 4) where each class has its own.
        scores: (B, N, K).
        most: M: how many are given back, if there are so many.

    Returns:
        boxes (B, M, 4), scores (B, M) falling, labels (B, M) int64.
    """
    each, classes = scores.shape[1:]
    chosen, places = scores.flatten(1).topk(min(most, each * classes), 1)
    rows = places if boxes.ndim == 4 else places // classes
    own = boxes.flatten(1, -2).gather(1, rows[..., None].expand(-1, -1, 4))
    return own, chosen, places % classes
