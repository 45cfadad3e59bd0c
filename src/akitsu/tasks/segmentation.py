"""What shape is it: the losses of a map of scores, and what its outputs mean."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.memory import Batch, PicturesInMemory
from akitsu.errors import RecipeError
from akitsu.tasks.task import Task

IGNORE = 255
# Constant of ENet's class weights, 1 / ln(c + p) (arXiv:1606.02147, section 5.2): it bounds the
# weight of a class that hardly occurs.
RARE_CONSTANT = 1.02


class Segmentation(Task):
    """A class for every pixel.

    Args:
        overlap: Weight of the soft overlap loss beside the cross-entropy.
        class_weights: "log" raises rare classes in the cross-entropy, "none" does not.

    Raises:
        RecipeError: If `class_weights` is anything else.
    """

    name: ClassVar[str] = "segmentation"
    score: ClassVar[str] = "miou"
    decoding: ClassVar[str] = "masks (B, H, W): the class index of every input pixel"

    def __init__(self, *, overlap: float = 0.5, class_weights: str = "log") -> None:
        if class_weights not in ("log", "none"):
            raise RecipeError(
                f"{class_weights!r} is no way to weight classes",
                do="write log or none",
                where="loss.class_weights",
            )
        self.overlap = float(overlap)
        self.class_weights = class_weights
        self.weights: Tensor | None = None

    def prepare(self, pictures: PicturesInMemory) -> None:
        """Count the classes of the training masks."""
        if self.class_weights == "log":
            assert pictures.masks is not None
            self.weights = logarithmic_weights(pictures.masks, len(pictures.classes))

    def loss(self, model: nn.Module, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy and soft overlap.

        Args:
            model: Gives logits (B, K, H, W).
            images: (B, C, H, W) normalised pictures.
            batch: Masks of the same H and W, 255 = ignore.

        Returns:
            `loss`, `cross_entropy`, `jaccard` and `accuracy`, each a scalar.
        """
        assert batch.masks is not None
        logits = model(images)
        entropy = F.cross_entropy(logits, batch.masks, weight=self.weights, ignore_index=IGNORE)
        entropy = torch.nan_to_num(entropy)  # a batch that is all void has no mean
        jaccard = soft_jaccard_loss(logits, batch.masks)
        known = batch.masks != IGNORE
        right = (logits.detach().argmax(1) == batch.masks) & known
        return {
            "loss": entropy + self.overlap * jaccard,
            "cross_entropy": entropy,
            "jaccard": jaccard,
            "accuracy": right.sum() / known.sum().clamp(min=1),
        }

    def decode(self, model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) to masks (B, H, W) uint8."""
        return (model(images).argmax(1).to(torch.uint8),)


def soft_jaccard_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - the mean over classes of a differentiable IoU (Rahman and Wang, ISVC 2016, equation 3).

    Cross-entropy asks for every pixel alike, the score for every class alike; this stands between.

    Args:
        logits: (B, K, H, W).
        masks: (B, H, W) class indices, 255 = ignore.

    Returns:
        A scalar from 0 to 1, over the classes that the batch's masks hold.
    """
    classes = logits.shape[1]
    known = (masks != IGNORE)[:, None]
    probabilities = logits.softmax(1) * known
    truth = F.one_hot(masks.clamp(max=classes - 1), classes).permute(0, 3, 1, 2) * known
    shared = (probabilities * truth).sum((0, 2, 3))
    covered = probabilities.sum((0, 2, 3)) + truth.sum((0, 2, 3)) - shared
    present = truth.sum((0, 2, 3)) > 0
    iou = shared / covered.clamp(min=1e-6)
    return 1 - (iou * present).sum() / present.sum().clamp(min=1)


def logarithmic_weights(masks: Tensor, classes: int) -> Tensor:
    """Weights that raise rare classes gently (ENet, arXiv:1606.02147, section 5.2), mean 1.

    Args:
        masks: (N, H, W) uint8 class indices, 255 = ignore.
        classes: K.

    Returns:
        (K,) float32.
    """
    counts = torch.bincount(masks.flatten().to(torch.int64), minlength=256)[:classes].double()
    weights = 1 / torch.log(RARE_CONSTANT + counts / counts.sum().clamp(min=1))
    return (weights / weights.mean()).float()
