"""Mask R-CNN: a third answer of Faster R-CNN's second look is the shape in the box.

*Mask R-CNN* (He, Gkioxari, Dollár and Girshick, arXiv:1703.06870), in small. Two choices make it:
features are cut out without rounding (RoIAlign, section 3), and each class has a mask of its own
behind a sigmoid, of which the box's class picks one; so classes do not compete for pixels.

It is no registered network: akitsu's samples have boxes or one mask of classes, and no mask for
each object. As a `Detector` it gives boxes, and so does its model file; `masks` gives the shapes.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.detection.detector import summed
from akitsu.models.detection.faster_rcnn import (
    FasterRCNN,
    RoI,
    RoIHead,
    RoIs,
    cut_out,
    plain_trunk,
)
from akitsu.models.detection.region_proposals import Proposer


class MaskHead(nn.Module):
    """A small fully convolutional network on what a box cuts out (section 3, figure 4 right).

    Args:
        channels: Of the map.
        classes: K.
        stride: Pixels per cell.
        roi: How features are cut out.
        bins: Rows and columns of what is cut out; the masks have twice as many.
        depth: 3 x 3 convolutions.
        hidden: Their channels.
    """

    def __init__(
        self,
        channels: int,
        classes: int,
        stride: int,
        *,
        roi: RoI = "align",
        bins: int = 14,
        depth: int = 4,
        hidden: int = 256,
    ) -> None:
        super().__init__()
        self.stride, self.roi, self.bins = stride, roi, bins
        layers: list[nn.Module] = []
        for before in [channels] + [hidden] * (depth - 1):
            layers += [nn.Conv2d(before, hidden, 3, padding=1), nn.ReLU()]
        rise = nn.ConvTranspose2d(hidden, hidden, 2, stride=2)
        self.layers = nn.Sequential(*layers, rise, nn.ReLU(), nn.Conv2d(hidden, classes, 1))

    def forward(self, features: Tensor, rois: Tensor, pictures: Tensor) -> Tensor:
        """Logits (R, K, 2 · bins, 2 · bins), a mask for each class; arguments as of `RoIHead`."""
        cut = cut_out(features, rois, pictures, roi=self.roi, bins=self.bins, stride=self.stride)
        logits: Tensor = self.layers(cut)
        return logits.float()


class MaskRCNN(FasterRCNN):
    """Faster R-CNN that draws, too.

    Args:
        trunk, proposer, head, proposals: As of `FasterRCNN`.
        mask_head: Of the trunk's map.
    """

    def __init__(
        self,
        trunk: nn.Module,
        proposer: Proposer,
        head: RoIHead,
        mask_head: MaskHead,
        *,
        proposals: int,
    ) -> None:
        super().__init__(trunk, proposer, head, proposals=proposals)
        self.mask_head = mask_head

    def forward(
        self,
        images: Tensor,
        boxes: Tensor | None = None,
        labels: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """As of any detector; with masks their loss is added.

        Args:
            images: (B, C, H, W) normalised pictures.
            boxes, labels: (B, T, 4) and (B, T).
            masks: (B, T, H, W) 0 or 1: each object's own.
        """
        if boxes is None or labels is None or masks is None:
            return super().forward(images, boxes, labels)
        raw = self.raw(images)
        with torch.autocast(images.device.type, enabled=False):
            raw = tuple(each.float() for each in raw)
            parts, looked_at = self.looks(raw, boxes, labels)
            parts["mask"] = self._mask_loss(raw[0], looked_at, masks)
            return summed(parts)

    def _mask_loss(self, features: Tensor, looked_at: RoIs, masks: Tensor) -> Tensor:
        """Of the boxes that are objects; background has no shape."""
        is_object = looked_at.classes > 0
        rois, pictures = looked_at.boxes[is_object], looked_at.pictures[is_object]
        logits = self.mask_head(features, rois, pictures)
        if len(rois) == 0:
            # No loss, but the head stays in the graph, as other processes have it.
            nothing: Tensor = logits.sum()
            return nothing
        own = masks[pictures, looked_at.numbers[is_object]]
        return mask_loss(logits, looked_at.classes[is_object] - 1, mask_targets(own, rois, logits))

    def masks(self, images: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
        """The shapes in boxes that `decode` gave, after their suppression.

        Args:
            images: (B, C, H, W) normalised pictures.
            boxes: (B, M, 4) XYXY in pixels.
            labels: (B, M): whose mask is drawn.

        Returns:
            (B, M, H, W) 0 to 1; a pixel belongs to the object from 0.5 up.
        """
        pictures, each = labels.shape
        owners = torch.arange(pictures, device=images.device).repeat_interleave(each)
        logits = self.mask_head(self.trunk(images), boxes.flatten(0, 1), owners)
        own = logits[torch.arange(len(logits)), labels.flatten()].sigmoid()
        height, width = images.shape[-2:]
        pasted = paste(own, boxes.flatten(0, 1), size_hw=(height, width))
        return pasted.view(pictures, each, height, width)


def mask_loss(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """Mean binary cross-entropy of the true class's mask alone; the others learn nothing.

    Args:
        logits: (R, K, m, m).
        labels: (R,).
        targets: (R, m, m) 0 to 1.
    """
    own = logits[torch.arange(len(logits), device=logits.device), labels]
    return F.binary_cross_entropy_with_logits(own, targets)


def mask_targets(masks: Tensor, rois: Tensor, like: Tensor) -> Tensor:
    """What a proposal shows of its object: (R, H, W) and (R, 4) to (R, m, m) as large as `like`.

    Cut by the proposal, not by the true box: the mask is drawn into the proposal.
    """
    numbers = torch.arange(len(rois), device=rois.device)
    size = like.shape[-1]
    cut = cut_out(masks[:, None].float(), rois, numbers, roi="align", bins=size, stride=1)
    return cut[:, 0]


def paste(masks: Tensor, boxes: Tensor, *, size_hw: tuple[int, int]) -> Tensor:
    """Masks of boxes, enlarged to their boxes and laid into the picture.

    Args:
        masks: (N, m, m) 0 to 1.
        boxes: (N, 4) XYXY in pixels; what lies beyond the picture is cut off.
        size_hw: Rows and columns of the picture.

    Returns:
        (N, H, W) 0 to 1, 0 outside of the box. Enlarged before it is cut at 0.5: the other way
        round the steps of the small mask would show.
    """
    height, width = size_hw
    x0, y0, x1, y1 = boxes[:, :, None].unbind(1)
    # Where each pixel's centre lies in its box, -1 to 1.
    x = (torch.arange(width, device=boxes.device) + 0.5 - x0) / (x1 - x0).clamp(min=1e-3) * 2 - 1
    y = (torch.arange(height, device=boxes.device) + 0.5 - y0) / (y1 - y0).clamp(min=1e-3) * 2 - 1
    grid = torch.stack([x[:, None].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], -1)
    # An object reaches the sides of its box: there the outermost values go on, and end at the box.
    pasted = F.grid_sample(masks[:, None], grid, padding_mode="border", align_corners=False)
    shapes: Tensor = pasted[:, 0] * (grid.abs() <= 1).all(-1)
    return shapes


def small_mask_rcnn(
    classes: int,
    in_channels: int,
    *,
    widths: Sequence[int] = (16, 32, 64),
    depth: int = 1,
    scales: Sequence[float] = (1.25, 2, 3.25),
    ratios: Sequence[float] = (1,),
    proposals: int = 50,
    roi: RoI = "align",
) -> MaskRCNN:
    """For pictures of about 100 pixels: `small_faster_rcnn` with masks of 16 x 16."""
    stride, channels = 2 ** len(widths), widths[-1]
    return MaskRCNN(
        plain_trunk(in_channels, widths, depth),
        Proposer(channels, stride, scales, ratios),
        RoIHead(channels, classes, stride, roi=roi, bins=4, hidden=128),
        MaskHead(channels, classes, stride, roi=roi, bins=8, depth=2, hidden=32),
        proposals=proposals,
    )
