"""SSD: maps of falling resolution, and each of them writes the boxes of its own range of sizes.

*SSD: Single Shot MultiBox Detector* (arXiv:1512.02325). Every cell of every map has a few default
boxes of fixed shapes. A convolution gives each of them its class and the shift to the object that
it is matched to; there are no proposals, and nothing is resampled. `ssd_small` is for pictures of
about 100 pixels, `ssd300` the network of the paper.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import RecipeError
from akitsu.models.blocks import conv_norm_leaky
from akitsu.models.detection.boxes import box_iou, decode, encode
from akitsu.models.detection.detector import Detected, OnePassDetector, best_pairs, summed
from akitsu.models.registry import register

Shape = tuple[float, float]
"""Width and height of a default box, as shares of the picture's shorter side."""

# What the four numbers of a shift are multiplied by, so that all of them vary about as much.
VARIANCES = (0.1, 0.1, 0.2, 0.2)
# Above it a default box belongs to an object.
MATCH_IOU = 0.5
# Background boxes that learn, for each box that belongs to an object.
NEGATIVES_EACH = 3
NEGATIVES = ("hard", "random", "all")


def shapes(size: float, next_size: float, ratios: Sequence[float]) -> list[Shape]:
    """The default boxes of a cell: a square, one a little larger, and two for each ratio.

    Args:
        size: s_k, side of the square.
        next_size: s_{k+1}, that of the next map; the second square has the geometric mean.
        ratios: Width over height; each stands for its inverse, too.
    """
    between = math.sqrt(size * next_size)
    found = [(size, size), (between, between)]
    for ratio in ratios:
        # The authors let a box be longer than the picture; torchvision's weights learned it cut.
        wide, low = min(1.0, size * math.sqrt(ratio)), size / math.sqrt(ratio)
        found += [(wide, low), (low, wide)]
    return found


def default_boxes(
    maps_hw: Sequence[tuple[int, int]],
    cell_shapes: Sequence[Sequence[Shape]],
    *,
    image_hw: tuple[int, int],
    steps: Sequence[float] | None = None,
) -> Tensor:
    """All default boxes of a picture: map by map, row by row, cell by cell.

    Args:
        maps_hw: Rows and columns of each map.
        cell_shapes: Of each map.
        image_hw: Rows and columns of the picture.
        steps: Pixels from cell to cell of each map; None: the picture's side over the map's.

    Returns:
        (N, 4) XYXY in pixels; those at the border reach beyond the picture.

    Example:
        >>> default_boxes([(1, 2)], [[(0.5, 0.5)]], image_hw=(8, 16))
        tensor([[ 2.,  2.,  6.,  6.],
                [10.,  2., 14.,  6.]])
    """
    found = []
    for number, ((rows, columns), kinds) in enumerate(zip(maps_hw, cell_shapes, strict=True)):
        down, right = image_hw[0] / rows, image_hw[1] / columns
        if steps is not None:
            down = right = steps[number]
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres = (torch.stack([x, y], -1) + 0.5) * torch.tensor([right, down])
        halves = torch.tensor(kinds) * min(image_hw) / 2
        spread = torch.cat([-halves, halves], -1)  # (kinds, 4)
        found.append((centres.repeat(1, 1, 2)[:, :, None] + spread).reshape(-1, 4))
    return torch.cat(found)


def match(boxes: Tensor, labels: Tensor, defaults: Tensor) -> tuple[Tensor, Tensor]:
    """Which object each default box learns.

    First every object takes its best default box: the pair of highest overlap among those still
    free, again and again, so that no two objects share one (as the authors' program does it; the
    paper's words leave it open). Then each default box that overlaps an object by more than half
    learns the one that it overlaps most.

    Args:
        boxes: (B, T, 4) XYXY of the objects.
        labels: (B, T) their classes, -1 where there is no t-th object.
        defaults: (N, 4) XYXY.

    Returns:
        classes (B, N): 0 for background, else the object's label + 1; owners (B, N): which of the
        T objects, where the class is not 0.
    """
    pictures, count = labels.shape
    if count == 0:
        nothing = torch.zeros(pictures, len(defaults), dtype=torch.long, device=boxes.device)
        return nothing, nothing
    overlap = box_iou(boxes, defaults).masked_fill((labels < 0)[..., None], -1)  # (B, T, N)
    best_overlap, owners = overlap.max(1)
    free, picture = overlap.clone(), torch.arange(pictures, device=boxes.device)
    for _ in range(min(count, len(defaults))):
        highest, place = free.flatten(1).max(1)
        taken = highest >= 0  # -1: this picture has no more objects
        who, which = place // len(defaults), place % len(defaults)
        owners[picture[taken], which[taken]] = who[taken]
        best_overlap[picture[taken], which[taken]] = 2
        free[picture, who] = -1
        free[picture, :, which] = -1
    classes = (labels.gather(1, owners) + 1) * (best_overlap > MATCH_IOU)
    return classes, owners


def mine(losses: Tensor, classes: Tensor) -> Tensor:
    """The background boxes that learn: of each picture the three hardest for every matched one.

    Args:
        losses: (B, N) how wrong each box's class is.
        classes: (B, N) as `match` gives them.

    Returns:
        (B, N) true for min(3 · matched, not matched) boxes of a picture, none of them matched.
    """
    matched = classes > 0
    rank = losses.masked_fill(matched, -torch.inf).argsort(1, descending=True).argsort(1)
    # Where three times the matched exceed the rest, a matched one would else be picked again.
    wanted = torch.minimum(NEGATIVES_EACH * matched.sum(1), (~matched).sum(1))
    return rank < wanted[:, None]


class SSD(OnePassDetector):
    """Heads over the maps that a body gives.

    Args:
        body: (B, C, H, W) to a list of maps.
        channels: Of each map.
        cell_shapes: The default boxes of a cell of each map.
        classes: K.
        steps: See `default_boxes`.
        negatives: Which background boxes learn: "hard" (`mine`), as many at "random", or "all".
    """

    def __init__(
        self,
        body: nn.Module,
        channels: Sequence[int],
        cell_shapes: Sequence[Sequence[Shape]],
        *,
        classes: int,
        steps: Sequence[float] | None = None,
        negatives: str = "hard",
    ) -> None:
        super().__init__()
        if negatives not in NEGATIVES:
            what = f"there are no negatives {negatives!r}"
            do = f"write one of {', '.join(NEGATIVES)}"
            raise RecipeError(what, where="model.negatives", do=do)
        self.body, self.classes, self.negatives = body, classes, negatives
        self.cell_shapes, self.steps = cell_shapes, steps
        kinds = [len(each) for each in cell_shapes]
        pairs = list(zip(channels, kinds, strict=True))
        self.scores = nn.ModuleList(
            nn.Conv2d(wide, kind * (classes + 1), 3, padding=1) for wide, kind in pairs
        )
        self.shifts = nn.ModuleList(nn.Conv2d(wide, kind * 4, 3, padding=1) for wide, kind in pairs)
        for head in (*self.scores, *self.shifts):
            assert isinstance(head, nn.Conv2d)
            nn.init.xavier_uniform_(head.weight)
            assert head.bias is not None
            nn.init.zeros_(head.bias)

    def raw(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores and shifts of all default boxes, and where these lie.

        Args:
            images: (B, C, H, W) normalised pictures.

        Returns:
            logits (B, N, K + 1), the background first; shifts (B, N, 4); default boxes (N, 4).
        """
        maps = self.body(images)
        logits, shifts = [], []
        for score, shift, x in zip(self.scores, self.shifts, maps, strict=True):
            logits.append(_by_box(score(x), self.classes + 1))
            shifts.append(_by_box(shift(x), 4))
        defaults = default_boxes(
            [(x.shape[2], x.shape[3]) for x in maps],
            self.cell_shapes,
            image_hw=(images.shape[2], images.shape[3]),
            steps=self.steps,
        )
        return torch.cat(logits, 1), torch.cat(shifts, 1), defaults.to(images.device)

    def losses(self, raw: tuple[Tensor, ...], boxes: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """`loss` = `score` + `box`, each summed and divided by the number of matched boxes."""
        logits, shifts, defaults = raw
        classes, owners = match(boxes, labels, defaults)
        each = F.cross_entropy(logits.transpose(1, 2), classes, reduction="none")
        matched = classes > 0
        picture, place = matched.nonzero(as_tuple=True)
        wanted = encode(boxes[picture, owners[picture, place]], defaults[place])
        wanted = wanted / wanted.new_tensor(VARIANCES)
        count = matched.sum().clamp(min=1)
        box = F.smooth_l1_loss(shifts[matched], wanted, reduction="sum") / count
        score = each[matched | self._learning(each.detach(), classes)].sum() / count
        return summed({"score": score, "box": box})

    def _learning(self, losses: Tensor, classes: Tensor) -> Tensor:
        """(B, N): the background boxes that learn."""
        if self.negatives == "all":
            return classes == 0
        return mine(losses if self.negatives == "hard" else torch.rand_like(losses), classes)

    def decode(self, images: Tensor) -> Detected:
        """The best boxes over all classes, before suppression.

        Args:
            images: (B, C, H, W) normalised pictures.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
        logits, shifts, defaults = self.raw(images)
        boxes = decode(shifts.float() * shifts.new_tensor(VARIANCES), defaults)
        return best_pairs(boxes, logits.float().softmax(-1)[..., 1:])


def _by_box(x: Tensor, numbers: int) -> Tensor:
    """(B, kinds · numbers, h, w) to (B, h · w · kinds, numbers)."""
    return x.permute(0, 2, 3, 1).reshape(x.shape[0], -1, numbers)


# Of the picture's shorter side: objects from a tenth of it to nearly all of it.
SMALL_SIZES = (0.12, 0.3, 0.6, 0.9)
SMALL_RATIOS = (2.0,)
SMALL_WIDTHS = (16, 32, 64, 64)


class SmallBody(nn.Module):
    """Three maps of strides 8, 16 and 32."""

    def __init__(self, in_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        wide, before = widths[-1], (in_channels, *widths[:-1])
        strides = [2] * (len(widths) - 1) + [1]
        sides = zip(before, widths, strides, strict=True)
        layers = [conv_norm_leaky(of, to, stride=stride) for of, to, stride in sides]
        halves = [conv_norm_leaky(wide, wide, stride=2) for _ in SMALL_SIZES[2:]]
        self.stages = nn.ModuleList([nn.Sequential(*layers), *halves])

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, C, H, W) to maps of 1/8, 1/16 and 1/32 of the sides, rounded up."""
        maps, x = [], images
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def small_shapes() -> list[list[Shape]]:
    """Four default boxes for a cell of each of the three maps."""
    return [shapes(*pair, SMALL_RATIOS) for pair in itertools.pairwise(SMALL_SIZES)]


@register("ssd-small", task="detection", paper="arXiv:1512.02325", year=2016)
def ssd_small(
    classes: int,
    in_channels: int = 3,
    widths: tuple[int, ...] = SMALL_WIDTHS,
    negatives: str = "hard",
) -> nn.Module:
    """SSD over three maps: (B, C, H, W) to logits (B, N, K + 1) and shifts (B, N, 4).

    The maps have strides 8, 16 and 32, each cell four default boxes, with squares of 0.12, 0.3 and
    0.6 of the picture's shorter side. 190,064 parameters at C=3, K=3. `negatives` says which
    background boxes learn: "hard" (the three worst for each matched box), as many at "random", or
    "all".
    """
    body = SmallBody(in_channels, widths)
    channels = [widths[-1]] * len(body.stages)
    return SSD(body, channels, small_shapes(), classes=classes, negatives=negatives)


# Pixels at 300; the last belongs to no map. The paper's for VOC, and those for COCO.
VOC_SIZES = (30, 60, 111, 162, 213, 264, 315)
COCO_SIZES = (21, 45, 99, 153, 207, 261, 315)
RATIOS: tuple[tuple[float, ...], ...] = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
STEPS = (8, 16, 32, 64, 100, 300)
MAP_CHANNELS = (512, 1024, 512, 256, 256, 256)
SSD300_SIDE = 300
# Convolutions of VGG16 between its poolings, by their maps.
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
# What the channels of conv4_3 are multiplied by at first, once their length is 1.
FIRST_SCALE = 20.0


class VGGBody(nn.Module):
    """VGG16 with its dense layers made convolutions, and four more stages: six maps."""

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((MAP_CHANNELS[0],), FIRST_SCALE))
        blocks, before = [], in_channels
        for widths in VGG16:
            blocks.append(_convolutions(before, widths))
            before = widths[-1]
        # The third pooling rounds up, so that 75 cells become 38.
        pools = [nn.MaxPool2d(2), nn.MaxPool2d(2), nn.MaxPool2d(2, ceil_mode=True)]
        first = [part for pair in zip(blocks[:3], pools, strict=True) for part in pair]
        self.to_conv4_3 = nn.Sequential(*first, blocks[3])
        fc6 = nn.Conv2d(512, 1024, 3, padding=6, dilation=6)  # sees as far as 7 x 7 behind a pool
        fc7 = nn.Conv2d(1024, 1024, 1)
        dense = (nn.MaxPool2d(3, 1, padding=1), fc6, nn.ReLU(), fc7, nn.ReLU())
        self.stages = nn.ModuleList(
            [
                nn.Sequential(nn.MaxPool2d(2), blocks[4], *dense),
                _extra(1024, 256, 512, stride=2, padding=1),
                _extra(512, 128, 256, stride=2, padding=1),
                _extra(256, 128, 256),
                _extra(256, 128, 256),
            ]
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, C, 300, 300) to maps of 38, 19, 10, 5, 3 and 1 cells a side."""
        x = self.to_conv4_3(images)
        # conv4_3 has much larger numbers than the other maps; section 3.1 evens them out.
        maps = [F.normalize(x) * self.scale[:, None, None]]
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _convolutions(in_channels: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for ends in itertools.pairwise((in_channels, *widths)):
        layers += [nn.Conv2d(*ends, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers)


def _extra(
    in_channels: int, narrow: int, out_channels: int, *, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    """A 1 x 1 convolution to few maps, then a 3 x 3 one that shrinks them."""
    return nn.Sequential(
        nn.Conv2d(in_channels, narrow, 1),
        nn.ReLU(),
        nn.Conv2d(narrow, out_channels, 3, stride, padding),
        nn.ReLU(),
    )


def ssd300(classes: int, in_channels: int = 3, sizes: Sequence[float] = VOC_SIZES) -> SSD:
    """The paper's network for 300 x 300 pixels: 8732 default boxes; 26,285,486 parameters at K=20.

    Trainings use torchvision's, `ssd300_vgg16`, which begins with weights of COCO.

    Args:
        classes: K.
        in_channels: C.
        sizes: Pixels of the squares, one more than there are maps: `VOC_SIZES`, `COCO_SIZES`.
    """
    shares = [size / SSD300_SIDE for size in sizes]
    kinds = [
        shapes(*pair, ratios)
        for pair, ratios in zip(itertools.pairwise(shares), RATIOS, strict=True)
    ]
    return SSD(VGGBody(in_channels), MAP_CHANNELS, kinds, classes=classes, steps=STEPS)
