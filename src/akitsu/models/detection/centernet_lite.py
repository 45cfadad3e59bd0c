"""A small anchor-free detector: an object is a peak in a heatmap, with distances to its sides.

Sources, each for one part:
- *Objects as Points* (CenterNet, arXiv:1904.07850): one heatmap per class, its local maxima are
  the objects; the penalty-reduced focal loss of its equation 1.
- *FCOS* (arXiv:1904.01355, section 3.1): the box as distances left, top, right and bottom of the
  position, in units that grow with the stride.
- *Training-Time-Friendly Network* (TTFNet, arXiv:1909.00700): not the centre alone but a Gaussian
  around it learns the box, which is what makes training from scratch fast.
- *Generalized IoU* (arXiv:1902.09630): the loss of the box.

Unlike those, all of it runs on one map of stride 4 over a residual U-Net of 1.7 million weights:
no feature pyramid, no anchors to choose, no pretrained backbone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.blocks import EncoderDecoder, conv_norm_relu
from akitsu.models.detection.detector import OnePassDetector
from akitsu.models.registry import register

# Share of positions that hold an object at the start of training, as FCOS and RetinaNet
# (arXiv:1708.02002, section 4.1) set the last bias: otherwise the empty positions drown the rest.
PRIOR = 0.01
STRIDE = 4
# Half-axes of the Gaussian as a share of the box's, for the heatmap and for the positions that
# learn the box (alpha and beta of TTFNet, section 3.2 and table 5).
SPREAD = 0.54
# Exponents of the penalty-reduced focal loss (CenterNet, equation 1).
FOCUS, REDUCTION = 2, 4


class CenterNetLite(OnePassDetector):
    """Heatmap logits and distances on a map of stride 4.

    Args:
        classes: K.
        in_channels: C.
        widths: Channels at strides 2, 4, 8 and 16.
        head: Channels of the layer before each output.
        box_weight: Weight of the box loss against the heatmap's (TTFNet, equation 6).
    """

    stride = STRIDE

    def __init__(
        self,
        classes: int,
        in_channels: int,
        *,
        widths: tuple[int, int, int, int],
        head: int,
        box_weight: float,
    ) -> None:
        super().__init__()
        self.classes, self.box_weight = classes, box_weight
        self.body = EncoderDecoder(in_channels, widths, out_stride=STRIDE)
        self.heat = nn.Sequential(
            conv_norm_relu(self.body.out_channels, head), nn.Conv2d(head, classes, 1)
        )
        self.distance = nn.Sequential(
            conv_norm_relu(self.body.out_channels, head), nn.Conv2d(head, 4, 1)
        )
        last = self.heat[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(last.bias, -math.log((1 - PRIOR) / PRIOR))

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) to heatmap logits (B, K, H/4, W/4) and distances in pixels (B, 4, …)."""
        features = self.body(images)
        # exp(x + 2) * stride: at x = 0 a box of about 60 pixels; float32, for bf16 has 8 bits only.
        distances = torch.exp(self.distance(features).float().clamp(-6, 5) + 2) * STRIDE
        return self.heat(features).float(), distances

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` = `heat` + `box_weight` · `box`."""
        logits, distances = raw
        heat, owner, weight = targets(
            boxes, labels, classes=self.classes, map_hw=logits.shape[-2:], stride=STRIDE
        )
        heat_loss = focal_loss(logits, heat) / (labels >= 0).sum().clamp(min=1)
        box_loss = _box_loss(distances, boxes, owner, weight, STRIDE)
        return {"loss": heat_loss + self.box_weight * box_loss, "heat": heat_loss, "box": box_loss}

    def decode(self, images: Tensor, *, detections: int = 100) -> tuple[Tensor, Tensor, Tensor]:
        """The best peaks as boxes.

        Args:
            images: (B, C, H, W) normalised pictures.
            detections: M: how many peaks of all classes together are given back.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
        logits, distances = self.raw(images)
        peaks = F.max_pool2d(logits, 3, 1, 1) == logits
        scores = torch.where(peaks, logits.sigmoid(), torch.zeros_like(logits)).flatten(1)
        height, width = distances.shape[-2:]
        scores, places = scores.topk(min(detections, self.classes * height * width), 1)
        positions = places % (height * width)
        sides = distances.flatten(2).gather(2, positions[:, None].expand(-1, 4, -1))
        x = (positions % width).to(torch.float32) * STRIDE + STRIDE / 2
        y = (positions // width).to(torch.float32) * STRIDE + STRIDE / 2
        left, top, right, bottom = sides.unbind(1)
        boxes = torch.stack([x - left, y - top, x + right, y + bottom], -1)
        return boxes, scores, places // (height * width)


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
    from torchvision.ops import generalized_box_iou_loss  # here: who runs a network does without

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


@register("centernet-lite", task="detection", paper="arXiv:1904.07850", year=2019)
def centernet_lite(
    classes: int,
    in_channels: int = 3,
    widths: tuple[int, int, int, int] = (24, 48, 96, 160),
    head: int = 64,
    box_weight: float = 5.0,
) -> nn.Module:
    """The default detector: (B, C, H, W) to heatmap (B, K, h, w) and distances (B, 4, h, w).

    The map has stride 4: h = ceil(H / 4), w = ceil(W / 4); H and W are at least 16. 1,663,678
    parameters at C=3, K=3.
    """
    first, second, third, fourth = widths
    return CenterNetLite(
        classes,
        in_channels,
        widths=(first, second, third, fourth),
        head=head,
        box_weight=box_weight,
    )
