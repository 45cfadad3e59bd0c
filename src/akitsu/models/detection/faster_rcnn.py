"""Faster R-CNN: a small network proposes boxes, and a second look at the same map names them.

*Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks* (Ren, He, Girshick
and Sun, arXiv:1506.01497) on the two-stage head of *Fast R-CNN* (Girshick, arXiv:1504.08083), in
small: a plain trunk of stride 8 or 16 learnt from scratch, no VGG-16. The proposals' part is in
`region_proposals.py`. It is trained jointly: the
sum of four losses, no gradient through the proposals' coordinates (section 3.2, (ii)).

Unlike the paper, and like most programs since, anchors across the border of a picture take part in
training (small pictures would lose too many), objectness is one sigmoid instead of a softmax over
two, and of both ways to cut features out of a map RoIAlign (arXiv:1703.06870) is the default. The
number of proposals is fixed: where fewer are left, the last ones are empty and answer nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.blocks import conv_norm_leaky
from akitsu.models.detection.boxes import box_iou, clipped, decode, encode
from akitsu.models.detection.detector import Detected, OnePassDetector, best_pairs, summed
from akitsu.models.detection.region_proposals import (
    Proposer,
    propose,
    proposer_losses,
    sampled,
    started,
)
from akitsu.models.registry import register

LIKE = 0.5
"""Overlap from which a proposal is an object (Fast R-CNN, section 2.3)."""

SHIFT_UNIT = (0.1, 0.1, 0.2, 0.2)
"""The second look's shifts are learnt in these units, so that they are about 1 (authors' code)."""

ROIS, ROI_OBJECTS = 64, 16
"""How many boxes a picture learns from, and how many of them may be objects (128 and 32 in the
paper, see `ANCHORS`)."""

DETECTIONS = 100
"""How many answers leave the network."""

RoI = Literal["align", "pool"]


class RoIHead(nn.Module):
    """The second look: features cut out by a box say what is in it and how to move it.

    Args:
        channels: Of the map.
        classes: K; the background is one more.
        stride: Pixels per cell.
        roi: How features are cut out.
        bins: Rows and columns of what is cut out.
        hidden: Width of the two dense layers.
    """

    def __init__(
        self, channels: int, classes: int, stride: int, *, roi: RoI, bins: int, hidden: int
    ) -> None:
        super().__init__()
        self.stride, self.roi, self.bins = stride, roi, bins
        self.dense = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * bins**2, hidden), nn.ReLU(),
            nn.Linear(hidden, hidden), nn.ReLU(),
        )  # fmt: skip
        self.score = started(nn.Linear(hidden, classes + 1), 0.01)
        self.shift = started(nn.Linear(hidden, 4 * classes), 0.001)

    def forward(self, features: Tensor, rois: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Look at R boxes.

        Args:
            features: (B, C, h, w).
            rois: (R, 4) XYXY in pixels.
            pictures: (R,) which of the B pictures each lies in.

        Returns:
            Logits (R, 1 + K), the background first, and shifts (R, K, 4) in `SHIFT_UNIT`.
        """
        cut = cut_out(features, rois, pictures, roi=self.roi, bins=self.bins, stride=self.stride)
        dense = self.dense(cut)
        return self.score(dense).float(), self.shift(dense).float().view(rois.shape[0], -1, 4)


def cut_out(
    features: Tensor, rois: Tensor, pictures: Tensor, *, roi: RoI, bins: int, stride: int
) -> Tensor:
    """(B, C, h, w) to (R, C, bins, bins), as `akitsu.models.detection.roi` does it, but fast."""
    from torchvision.ops import roi_align, roi_pool  # here: who trains a classifier does without

    located = torch.cat([pictures[:, None].to(rois), rois], 1)
    if roi == "pool":
        pooled: Tensor = roi_pool(features, located, bins, 1 / stride)
        return pooled
    cut: Tensor = roi_align(features, located, bins, 1 / stride, sampling_ratio=2, aligned=True)
    return cut


class FasterRCNN(OnePassDetector):
    """Trunk, proposer and second look.

    Args:
        trunk: (B, C, H, W) to the map (B, channels, H / stride, W / stride), sides rounded up.
        proposer: Of that map.
        head: Of that map.
        proposals: M: how many boxes a picture are looked at; may be changed at any time.
    """

    def __init__(
        self, trunk: nn.Module, proposer: Proposer, head: RoIHead, *, proposals: int
    ) -> None:
        super().__init__()
        self.trunk, self.proposer, self.head = trunk, proposer, head
        self.proposals = proposals

    def raw(self, images: Tensor) -> tuple[Tensor, ...]:
        """The first look.

        Args:
            images: (B, C, H, W) normalised pictures.

        Returns:
            The map (B, C', h, w); objectness logits (B, N) and shifts (B, N, 4) of the anchors;
            proposals (B, M, 4) XYXY in pixels, best first, and (B, M) which of them there are.
        """
        features = self.trunk(images)
        objectness, shifts = self.proposer(features)
        size_hw = (images.shape[-2], images.shape[-1])
        at = self.proposer.anchors(features)
        with torch.no_grad():
            proposals, real = propose(objectness, shifts, at, size_hw=size_hw, n=self.proposals)
        return features, objectness, shifts, proposals, real

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` is the sum of the proposer's two losses and those of the second look."""
        parts, _ = self.looks(raw, boxes, labels)
        return summed(parts)

    def looks(
        self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor
    ) -> tuple[dict[str, Tensor], RoIs]:
        """The losses of both looks, and what the second one learnt from."""
        features, objectness, shifts, proposals, real = raw
        # One more that is no box: a batch without boxes needs no branch of its own.
        boxes, labels = F.pad(boxes, (0, 0, 0, 1)), F.pad(labels, (0, 1), value=-1)
        first = proposer_losses(
            objectness, shifts, self.proposer.anchors(features), boxes=boxes, labels=labels
        )
        looked_at = rois(proposals, real > 0, boxes=boxes, labels=labels)
        return first | self.second_losses(features, looked_at), looked_at

    def second_losses(self, features: Tensor, looked_at: RoIs) -> dict[str, Tensor]:
        """Of names and boxes, each over the number of RoIs."""
        logits, moves = self.head(features, looked_at.boxes, looked_at.pictures)
        count = max(len(logits), 1)
        is_object = looked_at.classes > 0
        of_class = moves[is_object, looked_at.classes[is_object] - 1]
        wanted = encode(looked_at.owners[is_object], looked_at.boxes[is_object])
        wanted = wanted / wanted.new_tensor(SHIFT_UNIT)
        return {
            "score": F.cross_entropy(logits, looked_at.classes, reduction="sum") / count,
            "box": F.smooth_l1_loss(of_class, wanted, reduction="sum") / count,
        }

    def decode(self, images: Tensor) -> Detected:
        """The best names of all proposals.

        Args:
            images: (B, C, H, W) normalised pictures.

        Returns:
            boxes (B, M', 4) XYXY in input pixels, scores (B, M') falling, labels (B, M') int64; a
            proposal may stand there once for each class.
        """
        features, _, _, proposals, real = self.raw(images)
        pictures, each = proposals.shape[:2]
        owners = torch.arange(pictures, device=images.device)[:, None].expand(-1, each).flatten()
        logits, moves = self.head(features, proposals.flatten(0, 1), owners)
        moves = moves.view(pictures, each, -1, 4) * moves.new_tensor(SHIFT_UNIT)
        size_hw = (images.shape[-2], images.shape[-1])
        boxes = clipped(decode(moves, proposals[:, :, None]), size_hw)
        named = logits.softmax(-1)[:, 1:].reshape(pictures, each, -1) * real[..., None]
        return best_pairs(boxes, named, most=DETECTIONS)


class RoIs(NamedTuple):
    """What the second look learns from.

    Attributes:
        boxes: (R, 4) XYXY in pixels.
        pictures: (R,) which of the B pictures each lies in.
        classes: (R,) 0 for background, else the object's label + 1.
        owners: (R, 4) the object's box; of no meaning for background.
        numbers: (R,) which of the picture's T boxes that is.
    """

    boxes: Tensor
    pictures: Tensor
    classes: Tensor
    owners: Tensor
    numbers: Tensor


def rois(proposals: Tensor, real: Tensor, *, boxes: Tensor, labels: Tensor) -> RoIs:
    """A sample of the proposals and of the true boxes themselves (Fast R-CNN, section 2.3).

    Args:
        proposals: (B, M, 4) XYXY in pixels.
        real: (B, M) which of them there are.
        boxes, labels: (B, T, 4) and (B, T), T at least 1.
    """
    # The true boxes beside the proposals: an untrained proposer hits nothing to learn from.
    around, real = torch.cat([proposals, boxes], 1), torch.cat([real, labels >= 0], 1)
    most, numbers = box_iou(around, boxes).masked_fill((labels < 0)[:, None], 0).max(-1)
    objects, background = sampled(
        real & (most >= LIKE), real & (most < LIKE), n=ROIS, most=ROI_OBJECTS
    )
    pictures, places = (objects | background).nonzero(as_tuple=True)
    numbers = numbers[pictures, places]
    return RoIs(
        around[pictures, places],
        pictures,
        (labels[pictures, numbers] + 1) * objects[pictures, places],
        boxes[pictures, numbers],
        numbers,
    )


def plain_trunk(in_channels: int, widths: Sequence[int], depth: int) -> nn.Sequential:
    """3 x 3 convolutions: one of each width that halves the map, then `depth` of the last width."""
    ends = itertools.pairwise((in_channels, *widths))
    halves = [conv_norm_leaky(before, width, stride=2) for before, width in ends]
    return nn.Sequential(*halves, *(conv_norm_leaky(widths[-1], widths[-1]) for _ in range(depth)))


def small_faster_rcnn(
    classes: int,
    in_channels: int,
    *,
    widths: Sequence[int],
    depth: int,
    scales: Sequence[float],
    ratios: Sequence[float],
    proposals: int,
    bins: int = 4,
    hidden: int = 128,
    roi: RoI = "align",
) -> FasterRCNN:
    """The registered network, with RoIPool if need be (which has no form in a model file)."""
    stride, channels = 2 ** len(widths), widths[-1]
    return FasterRCNN(
        plain_trunk(in_channels, widths, depth),
        Proposer(channels, stride, scales, ratios),
        RoIHead(channels, classes, stride, roi=roi, bins=bins, hidden=hidden),
        proposals=proposals,
    )


@register("faster-rcnn-small", task="detection", paper="arXiv:1506.01497", year=2015)
def faster_rcnn_small(
    classes: int,
    in_channels: int = 3,
    widths: tuple[int, ...] = (16, 32, 64),
    depth: int = 2,
    scales: tuple[float, ...] = (1.25, 2.5, 5, 10),
    ratios: tuple[float, ...] = (0.5, 1, 2),
    proposals: int = 50,
) -> nn.Module:
    """Faster R-CNN with RoIAlign on a plain trunk: (B, C, H, W) to what its two looks see.

    Each of `widths` halves the map, so that three make a stride of 8; `depth` more convolutions
    follow. `scales` are those of the anchors in strides, `ratios` their heights over widths, and
    `proposals` how many boxes a picture have a second look. 288,284 parameters at C=3, K=3.
    """
    return small_faster_rcnn(
        classes,
        in_channels,
        widths=widths,
        depth=depth,
        scales=scales,
        ratios=ratios,
        proposals=proposals,
    )
