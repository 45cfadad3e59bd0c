"""What is it: cross-entropy, and the probabilities of the classes."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.memory import Batch
from akitsu.errors import RecipeError
from akitsu.tasks.task import Task


class Classification(Task):
    """One label a picture.

    Args:
        label_smoothing: Share of the target spread over all classes (Szegedy et al.,
            arXiv:1512.00567, section 7), from 0 to 1.

    Attributes:
        temperature: Divides the logits before they become probabilities: found on held-out
            pictures after training, see `akitsu.scores.calibration`.

    Raises:
        RecipeError: If the share is no share.
    """

    name: ClassVar[str] = "classification"
    score: ClassVar[str] = "accuracy"
    decoding: ClassVar[str] = "probabilities (B, K) of the classes, summing to 1"

    def __init__(self, *, label_smoothing: float = 0.1) -> None:
        if not 0 <= label_smoothing <= 1:
            raise RecipeError(
                f"{label_smoothing} is no share",
                where="loss.label_smoothing",
                do="write a number from 0 to 1",
            )
        self.label_smoothing = float(label_smoothing)
        self.temperature = 1.0

    def loss(self, model: nn.Module, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy of (B, K) logits, and the share of right answers.

        Logits (B, K, M) are those of M members that learn side by side: the loss is the mean of
        theirs. An optimizer that does not mind the factor 1 / M, as Adam, moves each member as it
        would alone.
        """
        assert batch.labels is not None
        logits = model(images).float()
        labels = batch.labels
        if logits.ndim == 3:
            labels = labels[:, None].expand(-1, logits.shape[2])
        entropy = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        right = (logits.detach().argmax(1) == labels).float().mean()
        return {"loss": entropy, "accuracy": right}

    def decode(self, model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) to probabilities (B, K)."""
        return ((model(images).float() / self.temperature).softmax(1),)
