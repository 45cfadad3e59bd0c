"""What shape is it: the losses of a map of scores, and what its outputs mean."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.memory import Batch, PicturesInMemory
from akitsu.data.streamed import StreamedPictures
from akitsu.errors import RecipeError
from akitsu.tasks.task import Task

IGNORE = 255
# Constant of ENet's class weights, 1 / ln(c + p) (arXiv:1606.02147, section 5.2): it bounds the
# weight of a class that hardly occurs. ENet's own 1.02 paints thin things too thick: on CamVid's
# validation pictures a network trained with it scored higher after half of it was taken back.
RARE_CONSTANT = 1.05


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

    def prepare(self, pictures: PicturesInMemory | StreamedPictures) -> None:
        """Count the classes of the training masks; of a streamed set, those of a part of them."""
        if self.class_weights != "log":
            return
        classes = len(pictures.classes)
        if isinstance(pictures, StreamedPictures):
            self.weights = weights_of_counts(pictures.mask_counts()[:classes])
        else:
            assert pictures.masks is not None
            self.weights = logarithmic_weights(pictures.masks, classes)

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
        log_probabilities = model(images).log_softmax(1)
        masks = masks_at(batch.masks, log_probabilities.shape[-2:])
        weights = None if self.weights is None else self.weights.to(log_probabilities.device)
        entropy = F.nll_loss(log_probabilities, masks, weight=weights, ignore_index=IGNORE)
        entropy = torch.nan_to_num(entropy)  # a batch that is all void has no mean
        jaccard = soft_jaccard_loss(log_probabilities.exp(), masks)
        known = masks != IGNORE
        right = (log_probabilities.detach().argmax(1) == masks) & known
        return {
            "loss": entropy + self.overlap * jaccard,
            "cross_entropy": entropy,
            "jaccard": jaccard,
            "accuracy": right.sum() / known.sum().clamp(min=1),
        }

    def decode(self, model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) to masks (B, H, W) uint8."""
        return (model(images).argmax(1).to(torch.uint8),)


def masks_at(masks: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Masks (B, H, W) at the size (h, w) of a network's own map: one pixel of each position.

    Which one is drawn anew at each call, for the whole batch: the centre of a position lies
    between pixels, and to take always the same one teaches maps that are off by half a pixel.
    """
    if masks.shape[-2:] == size_hw:
        return masks
    rows, columns = (
        _drawn(full, small) for full, small in zip(masks.shape[-2:], size_hw, strict=True)
    )
    return masks[:, rows.to(masks.device)][:, :, columns.to(masks.device)]


def _drawn(full: int, small: int) -> Tensor:
    """One index of each of `small` equal parts of `full` pixels, at the same place in each."""
    return ((torch.arange(small) + torch.rand(())) * (full / small)).long().clamp(max=full - 1)


def soft_jaccard_loss(probabilities: Tensor, masks: Tensor) -> Tensor:
    """1 - the mean over classes of a differentiable IoU (Rahman and Wang, ISVC 2016, equation 3).

    Cross-entropy asks for every pixel alike, the score for every class alike; this stands between.

    Args:
        probabilities: (B, K, H, W), adding up to 1 over K.
        masks: (B, H, W) class indices, 255 = ignore.

    Returns:
        A scalar from 0 to 1, over the classes that the batch's masks hold.
    """
    classes = probabilities.shape[1]
    known = masks != IGNORE
    truth = masks.clamp(max=classes - 1)
    # Per class: the probability on its own pixels, that on all pixels, and its pixels. Gathering
    # and adding up costs a third of the products with one-hot masks that the equation suggests.
    of_truth = probabilities.gather(1, truth[:, None])[:, 0] * known
    shared = probabilities.new_zeros(classes).index_add(0, truth.flatten(), of_truth.flatten())
    predicted = torch.einsum("bkhw,bhw->k", probabilities, known.to(probabilities.dtype))
    pixels = torch.bincount(truth[known], minlength=classes)
    iou = shared / (predicted + pixels - shared).clamp(min=1e-6)
    present = pixels > 0
    return 1 - (iou * present).sum() / present.sum().clamp(min=1)


def logarithmic_weights(masks: Tensor, classes: int) -> Tensor:
    """Weights that raise rare classes gently (ENet, arXiv:1606.02147, section 5.2), mean 1.

    Args:
        masks: (N, H, W) uint8 class indices, 255 = ignore.
        classes: K.

    Returns:
        (K,) float32.
    """
    return weights_of_counts(
        torch.bincount(masks.flatten().to(torch.int64), minlength=256)[:classes]
    )


def weights_of_counts(counts: Tensor) -> Tensor:
    """The same from (K,) pixels of each class."""
    weights = 1 / torch.log(RARE_CONSTANT + counts.double() / counts.sum().clamp(min=1))
    return (weights / weights.mean()).float()
