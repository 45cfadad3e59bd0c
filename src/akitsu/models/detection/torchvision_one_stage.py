"""torchvision's detectors of one stage: SSD, RetinaNet and FCOS."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from akitsu.models.detection.detector import Detected, OnePassDetector, summed
from akitsu.models.detection.torchvision_adapter import (
    BACKGROUND,
    Targets,
    TorchvisionDetector,
    size_hw,
    targets,
)


class OneStage(TorchvisionDetector, OnePassDetector):
    """Every anchor has its scores and its shift."""

    # Classes that the network counts for the background.
    background = 0
    # What its head gives, by torchvision's names.
    outputs: tuple[str, ...] = ("cls_logits", "bbox_regression")

    head: Any
    anchor_generator: Any

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        """What the head gives, (B, N, ...) each, and the anchors (N, 4) XYXY."""
        maps = list(self.backbone(images).values())
        found = self.head(maps)
        anchors = self.anchors(self.anchor_generator, images, maps)
        return *(found[name] for name in self.outputs), anchors

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """torchvision's own, and their sum as `loss`."""
        *outputs, anchors = raw
        named = dict(zip(self.outputs, outputs, strict=True))
        goals = targets(boxes, labels, background=self.background)
        return summed(self.own_losses(goals, named, anchors))

    def decode(self, images: Tensor) -> Detected:
        """The best anchors, before suppression; see `Detector`."""
        *outputs, anchors = self.raw(images)
        outputs = [each.float() for each in outputs]
        boxes = self.boxes(outputs[1], anchors)
        return self.best(boxes, self.scores(outputs), size_hw=size_hw(images))

    def boxes(self, shifts: Tensor, anchors: Tensor) -> Tensor:
        """(B, N, 4) XYXY."""
        each = anchors.repeat(shifts.shape[0], 1)
        flat: Tensor = self.network.box_coder.decode_single(shifts.flatten(0, 1), each)
        return flat.view(-1, len(anchors), 4)

    @abstractmethod
    def own_losses(
        self, goals: Targets, outputs: dict[str, Tensor], anchors: Tensor
    ) -> dict[str, Tensor]:
        """torchvision's losses by its names."""

    @abstractmethod
    def scores(self, outputs: Sequence[Tensor]) -> Tensor:
        """(B, N, K), 0-1, of the head's outputs in their order."""


class TorchvisionSSD(OneStage):
    """SSD and SSDlite: a softmax, of which the first class is the background."""

    background = BACKGROUND

    def own_losses(
        self, goals: Targets, outputs: dict[str, Tensor], anchors: Tensor
    ) -> dict[str, Tensor]:
        """Of the anchors that torchvision's matcher gives to objects, and of hard negatives."""
        from torchvision.ops import box_iou

        nothing = torch.full((len(anchors),), -1, device=anchors.device)
        matched = [
            self.network.proposal_matcher(box_iou(goal["boxes"], anchors))
            if len(goal["boxes"])
            else nothing
            for goal in goals
        ]
        each = [anchors] * len(goals)
        found: dict[str, Tensor] = self.network.compute_loss(goals, outputs, each, matched)
        return found

    def scores(self, outputs: Sequence[Tensor]) -> Tensor:
        """The softmax without the background."""
        return outputs[0].softmax(-1)[..., BACKGROUND:]


class TorchvisionRetinaNet(OneStage):
    """RetinaNet: each class is asked for itself."""

    def own_losses(
        self, goals: Targets, outputs: dict[str, Tensor], anchors: Tensor
    ) -> dict[str, Tensor]:
        """The focal loss and that of the boxes."""
        found: dict[str, Tensor] = self.network.compute_loss(goals, outputs, [anchors] * len(goals))
        return found

    def scores(self, outputs: Sequence[Tensor]) -> Tensor:
        """A sigmoid of each."""
        return outputs[0].sigmoid()


class TorchvisionFCOS(OneStage):
    """FCOS: an anchor is a place; it says how far the four edges are, and how central it is."""

    outputs = ("cls_logits", "bbox_regression", "bbox_ctrness")

    def own_losses(
        self, goals: Targets, outputs: dict[str, Tensor], anchors: Tensor
    ) -> dict[str, Tensor]:
        """The focal loss, that of the boxes, and that of the centredness."""
        # Each map has anchors of one side, which torchvision wants to know the number of.
        sides = anchors[:, 2] - anchors[:, 0]
        edges = (sides.diff().abs() > 0.5).nonzero().flatten() + 1
        ends = [0, *edges.tolist(), len(sides)]
        lengths = [end - start for start, end in itertools.pairwise(ends)]
        each = [anchors] * len(goals)
        found: dict[str, Tensor] = self.network.compute_loss(goals, outputs, each, lengths)
        return found

    def boxes(self, shifts: Tensor, anchors: Tensor) -> Tensor:
        """(B, N, 4) XYXY."""
        found: Tensor = self.network.box_coder.decode(shifts, anchors)
        return found

    def scores(self, outputs: Sequence[Tensor]) -> Tensor:
        """The geometric mean of the class's probability and the centredness."""
        logits, _, central = outputs
        return (logits.sigmoid() * central.sigmoid()).sqrt()
