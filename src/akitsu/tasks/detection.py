"""Where is it: every detector brings its own losses and decoding; the task hands them on."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from akitsu.data.memory import Batch
from akitsu.tasks.task import Task


class Detection(Task):
    """Boxes with classes, from any `Detector`."""

    name: ClassVar[str] = "detection"
    score: ClassVar[str] = "map50"
    decoding: ClassVar[str] = (
        "boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M); "
        "non-maximum suppression is left to the runtime"
    )

    def loss(self, model: nn.Module, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """What the detector's `losses` gives for the batch's boxes.

        Args:
            model: A `Detector`.
            images: (B, C, H, W) normalised pictures.
            batch: Boxes and labels in pixels of `images`.
        """
        assert batch.boxes is not None
        assert batch.labels is not None
        losses: dict[str, Tensor] = model(images, batch.boxes, batch.labels)
        return losses

    def decode(self, model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) to boxes (B, M, 4), scores (B, M) and labels (B, M)."""
        outputs: tuple[Tensor, ...] = model.decode(images)  # type: ignore[operator]
        return outputs
