"""SqueezeNet-FCN: a SqueezeNet trunk whose scores are read at three depths and enlarged together.

SqueezeNet (Iandola et al., arXiv:1602.07360) made fully convolutional (Long et al.,
arXiv:1411.4038) as in the source notes: the third pooling is replaced by a dilated last Fire, so
that the trunk keeps stride 8; ELU (arXiv:1511.07289) everywhere; one 16 x 16 transposed
convolution at the end.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.models.registry import register


class Fire(nn.Module):
    """Squeeze to few channels by 1 x 1, expand by 1 x 1 and 3 x 3 side by side (section 3.2)."""

    def __init__(
        self, in_channels: int, squeeze: int, expand1: int, expand3: int, dilation: int = 1
    ) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(in_channels, squeeze, 1)
        self.expand1 = nn.Conv2d(squeeze, expand1, 1)
        self.expand3 = nn.Conv2d(squeeze, expand3, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, expand1 + expand3, H, W)."""
        x = F.elu(self.squeeze(x))
        return F.elu(torch.cat([self.expand1(x), self.expand3(x)], 1))


class SqueezeNetFCN(nn.Module):
    """The network of the source; `forward` takes any size, `core` multiples of 8 only."""

    def __init__(self, classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 96, 7, stride=2, padding=3)
        self.fire2_to_4 = nn.Sequential(
            Fire(96, 16, 64, 64), Fire(128, 16, 64, 64), Fire(128, 16, 128, 128)
        )
        self.fire5_to_9 = nn.Sequential(
            Fire(256, 32, 128, 128),
            Fire(256, 48, 192, 192),
            Fire(384, 48, 192, 192),
            Fire(384, 64, 256, 256),
            Fire(512, 64, 256, 256, dilation=2),
        )
        self.score1 = nn.Conv2d(96, classes, 1)
        self.score4 = nn.Conv2d(256, classes, 1)
        self.score9 = nn.Conv2d(512, classes, 1)
        self.up4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1)
        self.up9 = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1)
        self.mix = nn.Conv2d(3 * classes, classes, 1)
        self.up = nn.ConvTranspose2d(classes, classes, 16, stride=4, padding=6)
        self.apply(_lecun_normal)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K, H, W) logits, for any H and W of at least 17.

        The skips meet only where both sides are multiples of 8, so the picture is extended to
        the right and below by its own mirror image, and the scores are cut back.
        """
        height, width = images.shape[-2:]
        below, right = -height % 8, -width % 8
        if below or right:
            images = F.pad(images, (0, right, 0, below), mode="reflect")
        return self.core(images)[..., :height, :width].float()

    def core(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to (B, K, 4P, 4P') with P = floor(ceil(n / 2) / 2) for each side n."""
        x = F.elu(self.conv1(images))
        # Ceil: Chainer's pooling covers the whole map. With floor the skips meet at no size.
        x = F.max_pool2d(x, 3, 2, ceil_mode=True)
        score1 = self.score1(x)
        x = F.max_pool2d(self.fire2_to_4(x), 3, 2, ceil_mode=True)
        score4 = self.up4(self.score4(x))
        score9 = self.up9(self.score9(self.fire5_to_9(x)))
        mixed: Tensor = self.up(self.mix(torch.cat([score1, score4, score9], 1)))
        return mixed


def _lecun_normal(module: nn.Module) -> None:
    """Normal weights of variance 1 / fan-in, zero biases: Chainer's default initialisation."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        fan_in = module.in_channels * math.prod(module.kernel_size)
        nn.init.normal_(module.weight, std=fan_in**-0.5)
        assert module.bias is not None
        nn.init.zeros_(module.bias)


@register("squeezenet-fcn", task="segmentation", paper="arXiv:1602.07360", year=2016)
def squeezenet_fcn(classes: int, in_channels: int = 3) -> nn.Module:
    """The source's SqueezeNet-FCN: (B, C, H, W) to (B, K, H, W) logits, any size of 17 or more.

    757,672 parameters at C=3, K=11, of which the trunk has 712,880.
    """
    return SqueezeNetFCN(classes, in_channels)
