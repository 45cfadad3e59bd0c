"""Augmentation by the batch: one random matrix a picture, one resampling, boxes and masks with it.

Matrices map output pixels to input pixels (homogeneous, pixel edges: the centre of pixel i lies
at i + 0.5), since that is the direction in which a picture is resampled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Augmentation:
    """How far a training picture may be moved away from what the camera saw.

    Attributes:
        flip: Probability of a left-right mirror image.
        flip_vertical: Probability of an upside-down one.
        quarter_turns: Whether turns by 90 degrees are as likely as none (square outputs, or
            pictures whose subject has no up).
        scale: Least and greatest enlargement, drawn evenly on a log scale.
        aspect: Greatest extra stretch of one axis against the other (0.1: ± 10 %).
        rotate_deg: Greatest turn to either side.
        shear: Greatest shear, in columns per row.
        shift: Greatest move, as a share of each side.
        elastic_px: Standard deviation of a smooth random displacement, in output pixels.
        brightness: Greatest change of level, as a share of the full range.
        contrast: Greatest change of contrast (0.3: factors from 0.7 to 1.3).
        colour: Greatest change of each channel's gain.
        min_visibility: A box of which a smaller share of its area stays in the picture is dropped:
            what is left is seldom the object. Where people left cut objects out of their labels,
            a share as theirs teaches the same habit.
        erase: Probability of a grey rectangle over a part of the picture (arXiv:1708.04896).
    """

    flip: float = 0.0
    flip_vertical: float = 0.0
    quarter_turns: bool = False
    scale: tuple[float, float] = (1.0, 1.0)
    aspect: float = 0.0
    rotate_deg: float = 0.0
    shear: float = 0.0
    shift: float = 0.0
    elastic_px: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    colour: float = 0.0
    erase: float = 0.0
    min_visibility: float = 0.25


@dataclass(frozen=True)
class Chance:
    """Random numbers for some pictures of a batch, the same as if they were drawn for all of them.

    So several processes can share a batch: what happens to a picture does not depend on who has it.

    Attributes:
        generator: The only source of chance.
        batch_size: Pictures in the whole batch.
        rows: Those of them that are wanted, B.
    """

    generator: torch.Generator
    batch_size: int
    rows: slice = field(default_factory=lambda: slice(None))

    def even(self, *shape: int) -> Tensor:
        """(B, *shape) float32, evenly from 0 to 1."""
        return torch.rand(self.batch_size, *shape, generator=self.generator)[self.rows]

    def normal(self, *shape: int) -> Tensor:
        """(B, *shape) float32 of mean 0 and deviation 1."""
        return torch.randn(self.batch_size, *shape, generator=self.generator)[self.rows]

    def quarters(self) -> Tensor:
        """(B,) int64, each of 0 to 3."""
        return torch.randint(4, (self.batch_size,), generator=self.generator)[self.rows]


def draw_matrices(
    augmentation: Augmentation,
    chance: Chance,
    *,
    from_hw: tuple[int, int],
    to_hw: tuple[int, int],
) -> Tensor:
    """Draw one matrix a picture.

    Args:
        augmentation: The ranges.
        chance: The only source of chance.
        from_hw: Rows and columns of the stored pictures.
        to_hw: Rows and columns of the training crop. When it is smaller, the crop lies anywhere
            inside the picture; when it is larger, the picture lies anywhere inside the crop.

    Returns:
        (B, 3, 3) float32, output pixels to input pixels.
    """

    def uniform(low: float, high: float) -> Tensor:
        return chance.even() * (high - low) + low

    zoom = torch.exp(uniform(math.log(augmentation.scale[0]), math.log(augmentation.scale[1])))
    stretch = torch.exp(uniform(-1, 1) * math.log1p(augmentation.aspect))
    zoom_x, zoom_y = zoom * stretch.sqrt(), zoom / stretch.sqrt()
    angle = uniform(-1, 1) * math.radians(augmentation.rotate_deg)
    if augmentation.quarter_turns:
        angle = angle + chance.quarters() * (math.pi / 2)
    shear = uniform(-1, 1) * augmentation.shear
    mirror_x = 1 - 2 * (uniform(0, 1) < augmentation.flip).float()
    mirror_y = 1 - 2 * (uniform(0, 1) < augmentation.flip_vertical).float()

    # Output offsets from the crop's centre, to input offsets from where the centre looks.
    cos, sin = angle.cos(), angle.sin()
    linear = torch.stack(
        [
            torch.stack([cos + shear * sin, shear * cos - sin], -1),
            torch.stack([sin, cos], -1),
        ],
        -2,
    )
    linear = linear * torch.stack([mirror_x / zoom_x, mirror_y / zoom_y], -1)[:, :, None]

    height, width = from_hw
    slack_x = (width - to_hw[1] / zoom_x).abs() / 2 + augmentation.shift * width
    slack_y = (height - to_hw[0] / zoom_y).abs() / 2 + augmentation.shift * height
    if from_hw == to_hw:
        # No crop was asked for: the picture stays in the middle but for its shift.
        slack_x = torch.full_like(slack_x, augmentation.shift * width)
        slack_y = torch.full_like(slack_y, augmentation.shift * height)
    target_x = width / 2 + uniform(-1, 1) * slack_x
    target_y = height / 2 + uniform(-1, 1) * slack_y

    centre = torch.tensor([to_hw[1] / 2, to_hw[0] / 2])
    matrices = torch.eye(3).repeat(len(linear), 1, 1)
    matrices[:, :2, :2] = linear
    matrices[:, :2, 2] = torch.stack([target_x, target_y], -1) - linear @ centre
    return matrices


def sampling_grid(
    matrices: Tensor,
    *,
    from_hw: tuple[int, int],
    to_hw: tuple[int, int],
    elastic_px: float = 0.0,
    chance: Chance | None = None,
) -> Tensor:
    """Where each output pixel looks, in the -1…1 coordinates of `grid_sample`.

    Returns:
        (B, H, W, 2) float32 for `align_corners=False`.
    """
    height, width = from_hw
    to_unit = torch.tensor([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
    from_unit = torch.tensor(
        [[to_hw[1] / 2, 0, to_hw[1] / 2], [0, to_hw[0] / 2, to_hw[0] / 2], [0, 0, 1]]
    )
    theta = (to_unit @ matrices @ from_unit)[:, :2]
    grid = F.affine_grid(theta, [len(matrices), 1, *to_hw], align_corners=False)
    if elastic_px and chance is not None:
        # Coarse noise, smoothly enlarged: one knot every seven pixels (Simard et al. 2003 blur
        # white noise to the same effect at many times the cost).
        knots = (to_hw[0] // 7 + 2, to_hw[1] // 7 + 2)
        noise = chance.normal(2, *knots)
        smooth = F.interpolate(noise, to_hw, mode="bicubic", align_corners=True)
        grid = (
            grid + smooth.permute(0, 2, 3, 1) * torch.tensor([2 / width, 2 / height]) * elastic_px
        )
    return grid


def warp_images(images: Tensor, grid: Tensor, *, pad_value: float) -> Tensor:
    """Resample (B, C, H, W) uint8 or float pictures; outside lies `pad_value`.

    Returns:
        (B, C, H', W') float32, 0–255, channels last in memory.
    """
    centred = images.to(torch.float32) - pad_value
    warped = F.grid_sample(centred, grid, mode="bilinear", align_corners=False)
    return (warped + pad_value).contiguous(memory_format=torch.channels_last)


def warp_masks(masks: Tensor, grid: Tensor, *, ignore: int = 255) -> Tensor:
    """Resample (B, H, W) class indices by the nearest pixel; outside lies `ignore`.

    Returns:
        (B, H', W') int64.
    """
    shifted = masks[:, None].to(torch.float32) - ignore
    warped = F.grid_sample(shifted, grid, mode="nearest", align_corners=False)
    return (warped[:, 0] + ignore).round().to(torch.int64)


def warp_boxes(boxes: Tensor, matrices: Tensor, *, size_hw: tuple[int, int]) -> Tensor:
    """Carry boxes along: the box around each moved box, cut at the picture's edge.

    Args:
        boxes: (B, N, 4) XYXY in input pixels.
        matrices: (B, 3, 3), output pixels to input pixels.
        size_hw: Rows and columns of the output.

    Returns:
        (B, N, 4) XYXY in output pixels; a box that left the picture has no area.
    """
    x0, y0, x1, y1 = boxes.unbind(-1)
    corners = torch.stack(
        [torch.stack([x, y, torch.ones_like(x)], -1) for x in (x0, x1) for y in (y0, y1)], -2
    )  # (B, N, 4 corners, 3)
    moved = corners @ torch.linalg.inv(matrices)[:, None].transpose(-1, -2)
    low, high = moved[..., :2].amin(-2), moved[..., :2].amax(-2)
    limit = torch.tensor([size_hw[1], size_hw[0]], dtype=boxes.dtype)
    return torch.cat([low.clamp(min=0).minimum(limit), high.clamp(min=0).minimum(limit)], -1)


def jitter_colours(images: Tensor, augmentation: Augmentation, chance: Chance) -> Tensor:
    """Change brightness, contrast and the channels' gains; 0–255 stays 0–255 but is not cut."""
    channels = images.shape[1]

    def uniform(*shape: int) -> Tensor:
        return chance.even(*shape) * 2 - 1

    if augmentation.brightness or augmentation.contrast or augmentation.colour:
        gain = 1 + augmentation.contrast * uniform(1, 1, 1)
        gain = gain * (1 + augmentation.colour * uniform(channels, 1, 1))
        level = 255 * augmentation.brightness * uniform(1, 1, 1)
        mean = images.mean((1, 2, 3), keepdim=True)
        images = (images - mean) * gain + mean + level
    if augmentation.erase:
        images = _erase(images, augmentation.erase, chance)
    return images


def _erase(images: Tensor, probability: float, chance: Chance) -> Tensor:
    height, width = images.shape[-2:]
    centre = chance.even(2)
    half = 0.05 + 0.12 * chance.even(2)
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    inside = ((rows[None] - centre[:, :1]).abs() < half[:, :1])[:, :, None]
    inside = inside & ((columns[None] - centre[:, 1:]).abs() < half[:, 1:])[:, None]
    inside &= (chance.even() < probability)[:, None, None]
    return images.masked_fill(inside[:, None], 127.5)
