"""torchvision's detectors of two stages: Faster R-CNN, and Mask R-CNN for its boxes."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
from torch import Tensor

from akitsu.models.detection.boxes import clipped
from akitsu.models.detection.detector import Detected, summed
from akitsu.models.detection.torchvision_adapter import (
    BACKGROUND,
    TorchvisionDetector,
    in_training,
    size_hw,
    targets,
)


class TwoStage(TorchvisionDetector):
    """A first network proposes boxes, a second one looks at what is inside them.

    The exporter fixes the number of pictures in their graph, so that there is no model file. Of
    Mask R-CNN the boxes are given, and its branch for masks is left out.
    """

    exportable = False

    rpn: Any
    roi_heads: Any

    @property
    def proposals(self) -> int:
        """Boxes that the second network looks at, at most; may be changed at any time."""
        return int(self.rpn._post_nms_top_n["testing"])

    @proposals.setter
    def proposals(self, number: int) -> None:
        self.rpn._post_nms_top_n["testing"] = number

    def forward(
        self, images: Tensor, boxes: Tensor | None = None, labels: Tensor | None = None
    ) -> tuple[Tensor, ...] | dict[str, Tensor]:
        """What the second network says of the proposals, or torchvision's four losses and `loss`.

        Returns:
            logits (B, P, K + 1) with the background first, shifts (B, P, K + 1, 4), proposals
            (B, P, 4), and (B, P) whether the p-th proposal is there.
        """
        features = self.backbone(images)
        if boxes is None or labels is None:
            return self._looked_at(images, features)
        from torchvision.models.detection.image_list import ImageList

        goals = targets(boxes, labels, background=BACKGROUND)
        # Coordinates want more than the 8 bits of a bfloat16.
        with (
            torch.autocast(images.device.type, enabled=False),
            in_training(self.rpn, self.roi_heads),
        ):
            features = {name: each.float() for name, each in features.items()}
            shown = ImageList(images, [size_hw(images)] * images.shape[0])
            proposals, first = self.rpn(shown, features, goals)
            _, second = self.roi_heads(features, proposals, shown.image_sizes, goals)
        return summed({**first, **second})

    def _looked_at(self, images: Tensor, features: dict[str, Tensor]) -> tuple[Tensor, ...]:
        proposals, there = self.propose(images, features)
        heads, (pictures, count) = self.roi_heads, there.shape
        regions = self._regions(features, proposals, images)
        logits, shifts = heads.box_predictor(heads.box_head(regions))
        logits = logits.view(pictures, count, self.classes + 1)
        return logits, shifts.view(pictures, count, self.classes + 1, 4), proposals, there

    def propose(self, images: Tensor, features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Where something may be: torchvision's `filter_proposals` for all pictures at once.

        torchvision's gives each picture as many as there are; here all have P, and it is told
        which of them are none.

        Returns:
            (B, P, 4) XYXY, the best first; (B, P) whether the p-th is there.
        """
        from torchvision.models.detection.rpn import concat_box_prediction_layers

        network, pictures = self.rpn, images.shape[0]
        maps = list(features.values())
        scores, shifts = network.head(maps)
        lengths = [each.shape[1] * each.shape[2] * each.shape[3] for each in scores]
        scores, shifts = concat_box_prediction_layers(scores, shifts)
        anchors = self.anchors(network.anchor_generator, images, maps)
        boxes = network.box_coder.decode_single(shifts, anchors.repeat(pictures, 1))
        scores, boxes = scores.view(pictures, -1), boxes.view(pictures, -1, 4)

        chosen, levels, start = [], [], 0
        for level, length in enumerate(lengths):
            most = min(network.pre_nms_top_n(), length)
            chosen.append(scores[:, start : start + length].topk(most, 1).indices + start)
            levels += [level] * most
            start += length
        rows = torch.cat(chosen, 1)
        scores = scores.gather(1, rows).float().sigmoid()
        boxes = clipped(boxes.gather(1, rows[..., None].expand(-1, -1, 4)).float(), size_hw(images))
        sides = boxes[..., 2:] - boxes[..., :2]
        there = (sides >= network.min_size).all(-1) & (scores >= network.score_thresh)

        group = torch.arange(pictures, device=images.device)[:, None] * len(lengths)
        group = group + torch.tensor(levels, device=images.device)
        stays = unsuppressed(boxes, scores, group, iou_threshold=network.nms_thresh)
        scores = scores.masked_fill(~(there & stays), -1)
        scores, places = scores.topk(min(network.post_nms_top_n(), scores.shape[1]), 1)
        boxes, there = boxes.gather(1, places[..., None].expand(-1, -1, 4)), scores >= 0
        most = max(1, int(there.sum(1).max()))
        return boxes[:, :most], there[:, :most]

    def _regions(self, features: dict[str, Tensor], proposals: Tensor, images: Tensor) -> Tensor:
        """(B · P, C, 7, 7): each proposal cut out of the map of its size (RoIAlign)."""
        from torchvision.ops import roi_align
        from torchvision.ops.poolers import LevelMapper

        pool = self.roi_heads.box_roi_pool
        maps = [each for name, each in features.items() if name in pool.featmap_names]
        exponents = [round(math.log2(images.shape[2] / each.shape[2])) for each in maps]
        boxes = proposals.flatten(0, 1)
        pictures = torch.arange(images.shape[0], device=boxes.device)
        number = pictures[:, None, None].expand(-1, proposals.shape[1], 1).reshape(-1, 1)
        rois = torch.cat([number.to(boxes.dtype), boxes], 1)
        levels = LevelMapper(exponents[0], exponents[-1])([boxes])
        regions = maps[0].new_zeros(len(rois), maps[0].shape[1], *pool.output_size)
        for level, (each, exponent) in enumerate(zip(maps, exponents, strict=True)):
            (here,) = torch.where(levels == level)
            cut = partial(roi_align, each, output_size=pool.output_size)
            found = cut(
                boxes=rois[here], spatial_scale=0.5**exponent, sampling_ratio=pool.sampling_ratio
            )
            regions = regions.index_put((here,), found)
        return regions

    def decode(self, images: Tensor) -> Detected:
        """The best classes of all proposals, before the last suppression; see `Detector`."""
        logits, shifts, proposals, there = self._looked_at(images, self.backbone(images))
        scores = logits.float().softmax(-1)[..., 1:] * there[..., None]
        boxes = self.roi_heads.box_coder.decode_single(
            shifts.float().flatten(2).flatten(0, 1), proposals.flatten(0, 1)
        )
        boxes = boxes.view(*there.shape, self.classes + 1, 4)[:, :, 1:]
        return self.best(boxes, scores, size_hw=size_hw(images))


def unsuppressed(boxes: Tensor, scores: Tensor, groups: Tensor, *, iou_threshold: float) -> Tensor:
    """(B, N) which boxes stay when those of one group suppress each other.

    Args:
        boxes: (B, N, 4) XYXY, not below 0.
        scores: (B, N).
        groups: (B, N) whole numbers.
        iou_threshold: An overlap above it removes the worse box.
    """
    from torchvision.ops import batched_nms

    flat, ranks, kinds = boxes.flatten(0, 1), scores.flatten(), groups.flatten()
    kept = batched_nms(flat, ranks, kinds, iou_threshold)
    return torch.zeros_like(ranks, dtype=torch.bool).index_fill(0, kept, True).view(scores.shape)
