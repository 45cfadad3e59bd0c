"""Class activation maps: where in the picture the evidence for a class lies.

Zhou, Khosla, Lapedriza, Oliva and Torralba, "Learning Deep Features for Discriminative
Localization" (CVPR 2016, arXiv:1512.04150).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import ShapeError
from akitsu.models.blocks import conv_norm_relu
from akitsu.models.classification.vgg import stack
from akitsu.models.registry import register
from akitsu.runtime.threads import opencv

# Part of a map's maximum from which a pixel belongs to the object (section 3.2).
BOX_THRESHOLD = 0.2
# Sums of float32 in another order differ by less, relative to the largest; other things by more.
TOLERANCE = 1e-3
# Kernel sizes of the five groups of VGG-16, and their widths.
GROUPS = ((3, 3), (3, 3), (3, 3, 3), (3, 3, 3), (3, 3, 3))
WIDTHS = (64, 128, 256, 512, 512)


def cam_head(in_channels: int, classes: int, *, maps: int = 1024) -> list[nn.Module]:
    """What the paper puts behind the last convolution of VGG, in place of the dense layers.

    One more convolution in two groups, the mean over all positions, one linear layer without bias.
    """
    return [
        nn.Conv2d(in_channels, maps, 3, padding=1, groups=2),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(maps, classes, bias=False),
    ]


@register("gap-net", task="classification", paper="arXiv:1512.04150", year=2016, least_side=4)
def gap_net(classes: int, in_channels: int = 3, widths: Sequence[int] = (32, 64, 128)) -> nn.Module:
    """Four convolutions, the mean over all positions, one linear layer: (B, C, H, W) to (B, K).

    A small network of our own in the form that class activation maps need; their grid has a cell
    for 4 x 4 pixels. 242,474 parameters at C=3, K=10.
    """
    first, second, third = widths
    return nn.Sequential(
        *conv_norm_relu(in_channels, first),
        nn.MaxPool2d(2),
        *conv_norm_relu(first, second),
        nn.MaxPool2d(2),
        *conv_norm_relu(second, third),
        *conv_norm_relu(third, third),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(third, classes),
    )


@register("vgg16-cam", task="classification", paper="arXiv:1512.04150", year=2016, least_side=16)
def vgg16_cam(classes: int, in_channels: int = 3) -> nn.Module:
    """VGG-16 up to conv5_3, then the paper's head: (B, C, H, W) to (B, K) logits.

    18,099,008 parameters at C=3, K=1000; a map of 14 x 14 from 224 x 224 pixels. The convolutions
    are numbered as in torchvision's `vgg16().features`.
    """
    layers: list[nn.Module] = []
    for width, kernels in zip(WIDTHS, GROUPS, strict=True):
        if layers:
            layers.append(nn.MaxPool2d(2))
        layers += stack(in_channels, width, kernels)
        in_channels = width
    features = nn.Sequential(*layers)
    for layer in features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return nn.Sequential(*features, *cam_head(in_channels, classes))


def cam(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Where the network sees a class, at no extra training (section 2, equation 2).

    Behind global average pooling the score of class c is a sum over maps and positions, in
    whichever order: sum_k w_kc mean_xy f_k(x, y) = mean_xy M_c(x, y). M_c is the class activation
    map: its mean and the bias of the class are the logit.

    Args:
        model: In evaluation mode. It has to end in the mean over all positions, directly in front
            of its one linear layer, or behind score maps, as SqueezeNet does; of score maps the
            mean alone is the logit, since the bias is in them.
        images: (B, C, H, W), as the model wants them.
        labels: (B,) int64, the class to look for in each picture.

    Returns:
        (B, h, w) float32 on the grid of the last map. The values are raw: below 0 is evidence
        against the class, and a map that is low everywhere shows that the class is absent.

    Raises:
        ShapeError: If the model ends in another way, or is in training mode.
    """
    if model.training:
        raise ShapeError("a network in training mode drops units", do="call model.eval() first")
    with torch.no_grad(), _watched(model) as seen:
        logits: Tensor = model(images)
    linear = seen.linear
    if linear is not None and torch.equal(seen.linear_gave, logits):
        maps = seen.maps.get(linear.in_features)
        if _have_mean(maps, seen.linear_read):
            return torch.einsum("bkhw,bk->bhw", maps, linear.weight.detach()[labels])
    scores = seen.maps.get(logits.shape[1])
    if scores is not None and _have_mean(scores, logits):
        return scores[torch.arange(len(labels)), labels]
    raise ShapeError(
        f"{type(model).__name__} does not end in a mean over all positions and one linear layer",
        do="train a model that does, such as gap-net, cifar-resnet or squeezenet",
    )


def cam_box(
    heat: Tensor, *, size_hw: tuple[int, int], threshold: float = BOX_THRESHOLD
) -> NDArray[np.float32] | None:
    """The box around the largest connected part of a map that is high enough (section 3.2).

    Args:
        heat: (h, w) a raw class activation map.
        size_hw: Rows and columns of the picture, to which the map is enlarged bilinearly.
        threshold: Part of the map's maximum from which a pixel counts, 0 to 1.

    Returns:
        (4,) XYXY in pixels of the picture, half-open; None if the map is nowhere above 0.

    Example:
        >>> heat = torch.zeros(4, 4)
        >>> heat[1, 2] = 5.0
        >>> cam_box(heat, size_hw=(4, 4))
        array([2., 1., 3., 2.], dtype=float32)
    """
    large = enlarged(heat[None], size_hw)[0].numpy()
    if large.max() <= 0:
        return None
    # Of the raw map, not of its absolute value: far below 0 lies what speaks against the class.
    high = (large >= threshold * large.max()).astype(np.uint8)
    cv2 = opencv()
    _, _, parts, _ = cv2.connectedComponentsWithStats(high, connectivity=8)
    left, top, width, height, _ = max(parts[1:], key=lambda part: part[cv2.CC_STAT_AREA])
    return np.array([left, top, left + width, top + height], np.float32)


def enlarged(maps: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """(B, h, w) maps at the size of the picture, by bilinear interpolation."""
    return F.interpolate(maps[:, None], size_hw, mode="bilinear", align_corners=False)[:, 0]


@dataclass
class _Seen:
    """What passed through a network.

    Attributes:
        maps: The last map of more than one position, by its number of channels.
        linear: The last linear layer.
        linear_read: (B, K') what it was given.
        linear_gave: (B, K) what it made of it.
    """

    maps: dict[int, Tensor] = field(default_factory=dict)
    linear: nn.Linear | None = None
    linear_read: Tensor = field(default_factory=lambda: torch.empty(0))
    linear_gave: Tensor = field(default_factory=lambda: torch.empty(0))


@contextmanager
def _watched(model: nn.Module) -> Iterator[_Seen]:
    """Note what every layer gives, for as long as the block lasts."""
    seen = _Seen()

    def note(layer: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        if not isinstance(output, Tensor):
            return
        if output.ndim == 4 and output.shape[2:].numel() > 1:
            # Kept as it is, not copied: a ReLU in place behind it is part of the map.
            seen.maps[output.shape[1]] = output
        if isinstance(layer, nn.Linear):
            seen.linear, seen.linear_read, seen.linear_gave = layer, inputs[0], output

    hooks = [layer.register_forward_hook(note) for layer in model.modules()]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()


def _have_mean(maps: Tensor | None, means: Tensor) -> TypeGuard[Tensor]:
    """Whether the means over all positions of (B, K, h, w) are those (B, K) numbers."""
    if maps is None or maps.shape[:2] != means.shape:
        return False
    found = maps.mean((2, 3))
    return torch.allclose(found, means, rtol=0, atol=TOLERANCE * float(means.abs().max()))
