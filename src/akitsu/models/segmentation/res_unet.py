"""A small residual U-Net: the default segmenter, made for training from scratch on a CPU.

U-Net (Ronneberger et al., arXiv:1505.04597) with the residual blocks of arXiv:1512.03385 and the
pooled context of PSPNet (arXiv:1612.01105) at its lowest point. Half resolution is the highest at
which it convolves: the last doubling is bilinear, for on a CPU the full-resolution layers of the
original cost more than all others together.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.blocks import EncoderDecoder
from akitsu.models.registry import register


class ResUNet(nn.Module):
    """The encoder-decoder and one 1 x 1 convolution to scores."""

    def __init__(
        self, classes: int, in_channels: int, widths: tuple[int, int, int, int], out_stride: int
    ) -> None:
        super().__init__()
        self.body = EncoderDecoder(in_channels, widths, out_stride=out_stride)
        self.dropout = nn.Dropout2d(0.1)
        self.score = nn.Conv2d(self.body.out_channels, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K, H, W) logits; in training mode to (B, K, ceil(H/s), ceil(W/s)).

        The loss then compares them with one pixel of each position, as DeepLab does
        (arXiv:1412.7062): enlarging first taught nothing more and took a quarter of the step.
        """
        scores: Tensor = self.score(self.dropout(self.body(images))).float()
        if self.training:
            return scores
        return F.interpolate(scores, images.shape[-2:], mode="bilinear", align_corners=False)


@register("res-unet", task="segmentation", paper="arXiv:1505.04597", year=2015)
def res_unet(
    classes: int,
    in_channels: int = 3,
    widths: tuple[int, int, int, int] = (24, 48, 96, 160),
    out_stride: int = 2,
) -> nn.Module:
    """The default segmenter: (B, C, H, W) to (B, K, H, W) logits, any H and W of at least 16.

    `out_stride` is 2 or 4: where the decoder stops and the scores are enlarged from.
    1,625,994 parameters at C=3, K=11.
    """
    return ResUNet(classes, in_channels, tuple(widths), out_stride)  # type: ignore[arg-type]
