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
no feature pyramid, no anchors to choose, no pretrained backbone. The losses are in
`akitsu.tasks.detection`; this file is the network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.blocks import EncoderDecoder, conv_norm_relu
from akitsu.models.registry import register

# Share of positions that hold an object at the start of training, as FCOS and RetinaNet
# (arXiv:1708.02002, section 4.1) set the last bias: otherwise the empty positions drown the rest.
PRIOR = 0.01
STRIDE = 4


class CenterNetLite(nn.Module):
    """Heatmap logits and distances on a map of stride 4.

    `forward` gives the pair that the loss wants; `decode` turns it into boxes.
    """

    stride = STRIDE

    def __init__(
        self, classes: int, in_channels: int, widths: tuple[int, int, int, int], head: int
    ) -> None:
        super().__init__()
        self.classes = classes
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

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) to heatmap logits (B, K, H/4, W/4) and distances in pixels (B, 4, …)."""
        features = self.body(images)
        # exp(x + 2) * stride: at x = 0 a box of about 60 pixels; float32, for bf16 has 8 bits only.
        distances = torch.exp(self.distance(features).float().clamp(-6, 5) + 2) * STRIDE
        return self.heat(features).float(), distances

    def decode(self, images: Tensor, *, detections: int = 100) -> tuple[Tensor, Tensor, Tensor]:
        """The best peaks as boxes.

        Args:
            images: (B, C, H, W) normalised pictures.
            detections: M: how many peaks of all classes together are given back.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
        logits, distances = self(images)
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


@register("centernet-lite", task="detection", paper="arXiv:1904.07850", year=2019)
def centernet_lite(
    classes: int,
    in_channels: int = 3,
    widths: tuple[int, int, int, int] = (24, 48, 96, 160),
    head: int = 64,
) -> nn.Module:
    """The default detector: (B, C, H, W) to heatmap (B, K, h, w) and distances (B, 4, h, w).

    The map has stride 4: h = ceil(H / 4), w = ceil(W / 4); H and W are at least 16. 1,663,678
    parameters at C=3, K=3.
    """
    return CenterNetLite(classes, in_channels, tuple(widths), head)  # type: ignore[arg-type]
