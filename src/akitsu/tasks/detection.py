"""Where is it: targets and losses of a heatmap detector, and what its outputs mean."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.data.memory import Batch
from akitsu.tasks.task import Task

# Half-axes of the Gaussian as a share of the box's, for the heatmap and for the positions that
# learn the box (alpha and beta of TTFNet, arXiv:1909.00700, section 3.2 and table 5).
SPREAD = 0.54
# Exponents of the penalty-reduced focal loss (arXiv:1904.07850, equation 1).
FOCUS, REDUCTION = 2, 4


class Detection(Task):
    """Boxes with classes, from a model with heatmap and distances (`centernet-lite`).

    Args:
        box_weight: Weight of the box loss against the heatmap's (TTFNet, equation 6).
    """

    name: ClassVar[str] = "detection"
    score: ClassVar[str] = "map50"
    decoding: ClassVar[str] = (
        "boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M); "
        "non-maximum suppression is left to the runtime"
    )

    def __init__(self, *, box_weight: float = 5.0) -> None:
        self.box_weight = float(box_weight)

    def loss(self, model: nn.Module, images: Tensor, batch: Batch) -> dict[str, Tensor]:
        """Heatmap and box loss.

        Args:
            model: Gives heatmap logits (B, K, h, w) and distances in pixels (B, 4, h, w).
            images: (B, C, H, W) normalised pictures.
            batch: Boxes and labels in pixels of `images`.

        Returns:
            `loss` = `heat` + `box_weight` · `box`, each a scalar.
        """
        assert batch.boxes is not None
        assert batch.labels is not None
        logits, distances = model(images)
        stride = images.shape[-1] / logits.shape[-1]
        heat, owner, weight = targets(
            batch.boxes,
            batch.labels,
            classes=logits.shape[1],
            map_hw=logits.shape[-2:],
            stride=stride,
        )
        heat_loss = focal_loss(logits, heat) / (batch.labels >= 0).sum().clamp(min=1)
        box_loss = _box_loss(distances, batch.boxes, owner, weight, stride)
        return {"loss": heat_loss + self.box_weight * box_loss, "heat": heat_loss, "box": box_loss}

    def decode(self, model: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
        """(B, C, H, W) to boxes (B, M, 4), scores (B, M) and labels (B, M)."""
        outputs: tuple[Tensor, ...] = model.decode(images)  # type: ignore[operator]
        return outputs


def targets(
    boxes: Tensor,
    labels: Tensor,
    *,
    classes: int,
    map_hw: torch.Size | tuple[int, int],
    stride: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """What each position of the map should say.

    Args:
        boxes: (B, N, 4) XYXY in input pixels.
        labels: (B, N), -1 where there is no box.
        classes: K.
        map_hw: Rows and columns of the map.
        stride: Input pixels per position.

    Returns:
        heat (B, K, h, w), 1 at each centre and falling off inside the box; owner (B, h, w): which
        of the N boxes a position learns; weight (B, h, w): how much, 0 where there is none.
    """
    height, width = map_hw
    sizes = (boxes[..., 2:] - boxes[..., :2]) / stride
    centres = ((boxes[..., :2] + boxes[..., 2:]) / 2 / stride).floor()
    bell_x = _bell(centres[..., 0], sizes[..., 0], width)
    bell_y = _bell(centres[..., 1], sizes[..., 1], height)
    bells = bell_y[..., :, None] * bell_x[..., None, :]  # (B, N, h, w)
    bells = bells * (labels >= 0)[..., None, None]

    heat = bells.new_zeros(len(boxes), classes, height, width)
    index = labels.clamp(min=0)[..., None, None].expand_as(bells)
    heat = heat.scatter_reduce(1, index, bells, "amax")

    # A position inside several boxes learns the smallest: the large one has others to learn from.
    areas = sizes.prod(-1)
    rank = torch.where(bells > 0, areas[..., None, None], torch.inf)
    smallest, owner = rank.min(1)
    taken = smallest.isfinite()
    own = bells.gather(1, owner[:, None])[:, 0] * taken
    total = torch.zeros_like(areas).scatter_add(1, owner.flatten(1), own.flatten(1))
    share = own / total.gather(1, owner.flatten(1)).view_as(own).clamp(min=1e-6)
    importance = torch.log(areas.clamp(min=1) * stride**2).gather(1, owner.flatten(1)).view_as(own)
    return heat, owner, share * importance * taken


def _bell(centre: Tensor, size: Tensor, length: int) -> Tensor:
    """(B, N) centres and sizes to (B, N, length): a Gaussian cut off at its half-axis."""
    distance = torch.arange(length, device=centre.device) - centre[..., None]
    half = (size * SPREAD / 2).floor()[..., None]
    sigma = (2 * half + 1) / 6
    return torch.exp(-(distance**2) / (2 * sigma**2)) * (distance.abs() <= half)


def focal_loss(logits: Tensor, heat: Tensor) -> Tensor:
    """The penalty-reduced focal loss, summed (arXiv:1904.07850, equation 1).

    Args:
        logits: Any shape.
        heat: The same shape, 0–1; exactly 1 marks an object's centre.
    """
    probability = logits.sigmoid()
    is_centre = heat == 1
    hit = (1 - probability) ** FOCUS * F.logsigmoid(logits)
    miss = (1 - heat) ** REDUCTION * probability**FOCUS * F.logsigmoid(-logits)
    total: Tensor = -torch.where(is_centre, hit, miss).sum()
    return total


def _box_loss(
    distances: Tensor, boxes: Tensor, owner: Tensor, weight: Tensor, stride: float
) -> Tensor:
    """Generalized IoU loss over the positions that have an owner, weighted mean."""
    from torchvision.ops import generalized_box_iou_loss  # here: a classifier does without

    picture, row, column = weight.nonzero(as_tuple=True)
    if len(picture) == 0:
        return distances.sum() * 0
    position = (torch.stack([column, row], -1) + 0.5) * stride
    sides = distances[picture, :, row, column]
    predicted = torch.cat([position - sides[:, :2], position + sides[:, 2:]], -1)
    wanted = boxes[picture, owner[picture, row, column]]
    each = weight[picture, row, column]
    loss: Tensor = (generalized_box_iou_loss(predicted, wanted) * each).sum() / each.sum()
    return loss
