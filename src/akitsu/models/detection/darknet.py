"""Any network that a Darknet .cfg file describes, from its sections.

Tiny YOLO (arXiv:1506.02640), YOLOv2 (arXiv:1612.08242), YOLOv3 (arXiv:1804.02767) and their small
relatives are all written in this one format. Every section after `[net]` is a layer and has a
number, `[dropout]` too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from akitsu.models.detection.boxes import to_xyxy
from akitsu.models.detection.darknet_cfg import LARGEST_NUMBER, Section
from akitsu.models.detection.darknet_heads import AnchorHead, GridHead, Head
from akitsu.models.detection.darknet_layers import (
    GlobalMean,
    Layer,
    LocallyConnected,
    MaxPool,
    Reorganise,
    Route,
    Shortcut,
    Upsample,
    pooled_side,
)
from akitsu.models.detection.detector import DETECTIONS, Detected, best_pairs

Shape = tuple[int, ...]
"""Of one picture's output: (C, H, W), or (C,) after a dense layer."""

EPSILON = 1e-6
"""Added to a variance, as OpenCV's reader of these files does it. Of Darknet's programs one adds
1e-5, another 1e-6 to the root: scores differ by 0.001, average precision does not."""

SLOPE = 0.1
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "linear": nn.Identity,
    "leaky": lambda: nn.LeakyReLU(SLOPE),
    "relu": nn.ReLU,
    "logistic": nn.Sigmoid,
}

LARGEST_SIDE = 4096


class Darknet(nn.Module):
    """The network of a .cfg file; its weights are those of PyTorch until some are read.

    Attributes:
        input_hw: Rows and columns of the input.
        channels: Of the input.
        classes: K, of the heads.
        sections: Of each layer.

    Args:
        sections: `[net]`, and one for every layer.

    Raises:
        ModelFileError: If a section is unknown, or does not fit what comes before it.
    """

    def __init__(self, sections: Sequence[Section]) -> None:
        super().__init__()
        net, *self.sections = sections
        self.input_hw = net.whole("height", 0, least=1), net.whole("width", 0, least=1)
        if max(self.input_hw) > LARGEST_SIDE:
            raise net.wrong(f"an input of {self.input_hw[0]} x {self.input_hw[1]} pixels")
        self.channels = net.whole("channels", 3, least=1)
        shapes: list[Shape] = []
        before: Shape = (self.channels, *self.input_hw)
        layers: list[nn.Module] = []
        for section in self.sections:
            maker = MAKERS.get(section.kind)
            if maker is None:
                known = ", ".join(MAKERS)
                do = f"remove it, or use a network of these: {known}"
                raise section.wrong("akitsu has no such layer", do=do)
            layer, before = maker(section, Place(before, shapes, self.input_hw))
            layers.append(layer)
            shapes.append(before)
        self.layers = nn.ModuleList(layers)
        self.shapes = shapes
        self._kept = {
            source
            for layer in layers
            for source in getattr(layer, "sources", (getattr(layer, "source", None),))
        }
        heads = [layer for layer in layers if isinstance(layer, Head)]
        if not heads:
            do = "name the .cfg of a detector"
            raise sections[-1].wrong("no [yolo], [region] or [detection] in this file", do=do)
        if len({head.classes for head in heads}) > 1:
            raise sections[-1].wrong("the heads have unlike numbers of classes")
        self.classes = heads[0].classes

    def forward(self, images: Tensor) -> Tensor:
        """All boxes of all heads.

        Args:
            images: (B, C, H, W) from 0 to 1, of the file's size.

        Returns:
            (B, N, 5 + K): centre x and y, width and height as shares of the picture, objectness,
            and the scores of the classes.
        """
        earlier: dict[int, Tensor] = {}
        found = []
        x = images
        for number, layer in enumerate(self.layers):
            if isinstance(layer, Head):
                found.append(layer(x))
            else:
                x = layer(x, earlier)
            if number in self._kept:
                earlier[number] = x
        return torch.cat(found, 1) if len(found) > 1 else found[0]

    def decode(self, images: Tensor, *, detections: int = DETECTIONS) -> Detected:
        """The best pairs of a box and a class, as Darknet draws them: one box may stand for two.

        Args:
            images: As for `forward`.
            detections: M: how many are given back.

        Returns:
            boxes (B, M, 4) XYXY in input pixels, scores (B, M) falling, labels (B, M) int64.
        """
        rows = self(images)
        # The M best pairs are of the M best boxes; to look among these alone is much quicker.
        _, places = rows[..., 5:].amax(-1).topk(min(detections, rows.shape[1]), 1)
        best = rows.gather(1, places[..., None].expand(-1, -1, rows.shape[2]))
        height, width = self.input_hw
        boxes = to_xyxy(best[..., :4]) * best.new_tensor([width, height] * 2)
        return best_pairs(boxes, best[..., 5:], most=detections)


@dataclass(frozen=True)
class Place:
    """Where a layer comes in.

    Attributes:
        before: What the layer before it gives.
        shapes: What every earlier layer gives.
        net_hw: Rows and columns of the network's input.
    """

    before: Shape
    shapes: Sequence[Shape]
    net_hw: tuple[int, int]


Made = tuple[nn.Module, Shape]
Maker = Callable[[Section, Place], Made]


def _convolutional(section: Section, place: Place) -> Made:
    channels, height, width = _map(section, place.before)
    filters, size = section.whole("filters", 1, least=1), section.whole("size", 1, least=1)
    stride, groups = section.whole("stride", 1, least=1), section.whole("groups", 1, least=1)
    padding = size // 2 if section.whole("pad", 0) else section.whole("padding", 0)
    if channels % groups or filters % groups:
        what = f"{groups} groups divide neither {channels} channels nor {filters} filters evenly"
        raise section.wrong(what, key="groups")
    after = _shape(
        section, filters, *((side + 2 * padding - size) // stride + 1 for side in (height, width))
    )
    normalised = bool(section.whole("batch_normalize", 0))
    convolution = nn.Conv2d(
        channels, filters, size, stride, padding, groups=groups, bias=not normalised
    )
    modules: list[nn.Module] = [convolution]
    if normalised:
        modules.append(nn.BatchNorm2d(filters, eps=EPSILON))
    modules.append(_activation(section, "logistic"))
    return Layer(nn.Sequential(*modules)), after


def _connected(section: Section, place: Place) -> Made:
    numbers = math.prod(place.before)
    outputs = section.whole("output", 1, least=1)
    if numbers * outputs > LARGEST_NUMBER**2 // 2**12:
        raise section.wrong(f"{numbers} x {outputs} weights are more than a network has")
    normalised = bool(section.whole("batch_normalize", 0))
    modules: list[nn.Module] = [nn.Flatten(), nn.Linear(numbers, outputs, bias=not normalised)]
    if normalised:
        modules.append(nn.BatchNorm1d(outputs, eps=EPSILON))
    modules.append(_activation(section, "logistic"))
    return Layer(nn.Sequential(*modules)), (outputs,)


def _local(section: Section, place: Place) -> Made:
    channels, height, width = _map(section, place.before)
    filters, size = section.whole("filters", 1, least=1), section.whole("size", 1, least=1)
    stride, padding = section.whole("stride", 1, least=1), section.whole("pad", 0)
    after = _shape(
        section, filters, *((side + 2 * padding - size) // stride + 1 for side in (height, width))
    )
    local = LocallyConnected(channels, filters, size, stride, padding, after[1:])  # type: ignore[arg-type]
    return Layer(nn.Sequential(local, _activation(section, "logistic"))), after


def _maxpool(section: Section, place: Place) -> Made:
    channels, height, width = _map(section, place.before)
    stride = section.whole("stride", 1, least=1)
    size = section.whole("size", stride, least=1)
    padding = section.whole("padding", size - 1)
    if padding > size:
        raise section.wrong(f"a border of {padding} is wider than the window", key="padding")
    sides = (pooled_side(side, size, stride, padding) for side in (height, width))
    after = _shape(section, channels, *sides)
    return Layer(MaxPool(size, stride, padding, (height, width))), after


def _dropout(section: Section, place: Place) -> Made:
    probability = section.number("probability", 0.5)
    if not 0 <= probability < 1:
        raise section.wrong(f"{probability} is no share below 1", key="probability")
    return Layer(nn.Dropout(probability)), place.before


def _route(section: Section, place: Place) -> Made:
    wanted = section.wholes("layers", least=-LARGEST_NUMBER)
    if not wanted:
        raise section.wrong("no layer is named", key="layers")
    sources = [_source(section, number, len(place.shapes), key="layers") for number in wanted]
    parts = section.whole("groups", 1, least=1)
    part = section.whole("group_id", 0)
    found = [_map(section, place.shapes[source], number=source) for source in sources]
    if len({shape[1:] for shape in found}) > 1:
        sizes = ", ".join(
            f"layer {at} {s[1]} x {s[2]}" for at, s in zip(sources, found, strict=True)
        )
        raise section.wrong(f"maps of unlike sizes side by side ({sizes})", key="layers")
    if part >= parts or any(shape[0] % parts for shape in found):
        raise section.wrong(f"part {part} of {parts} equal parts is not to be had", key="groups")
    channels = sum(shape[0] for shape in found) // parts
    return Route(sources, parts=parts, part=part), (channels, *found[0][1:])


def _shortcut(section: Section, place: Place) -> Made:
    wanted = section.wholes("from", least=-LARGEST_NUMBER)
    if len(wanted) != 1:
        raise section.wrong(f"{len(wanted)} layers where one belongs", key="from")
    source = _source(section, wanted[0], len(place.shapes), key="from")
    own, other = _map(section, place.before), _map(section, place.shapes[source], number=source)
    if own[1:] != other[1:]:
        what = f"{own[1]} x {own[2]} and {other[1]} x {other[2]} pixels cannot be added"
        raise section.wrong(what, key="from")
    return Shortcut(source, _activation(section, "linear")), place.before


def _upsample(section: Section, place: Place) -> Made:
    channels, height, width = _map(section, place.before)
    stride = section.whole("stride", 2, least=1)
    return Layer(Upsample(stride)), _shape(section, channels, height * stride, width * stride)


def _reorg(section: Section, place: Place) -> Made:
    channels, height, width = _map(section, place.before)
    stride = section.whole("stride", 1, least=1)
    if height % stride or width % stride or channels % stride**2:
        what = f"{channels} maps of {height} x {width} are not to be cut by {stride}"
        raise section.wrong(what, key="stride")
    after = channels * stride**2, height // stride, width // stride
    return Layer(Reorganise(stride)), after


def _avgpool(section: Section, place: Place) -> Made:
    return Layer(GlobalMean()), _map(section, place.before)[:1]


def _detection(section: Section, place: Place) -> Made:
    _require_coords(section)
    head = GridHead(
        section.whole("side", 7, least=1),
        section.whole("classes", 1, least=1),
        section.whole("num", 1, least=1),
        rooted=bool(section.whole("sqrt", 0)),
        softmax=bool(section.whole("softmax", 0)),
    )
    numbers = math.prod(place.before)
    if numbers != head.inputs:
        raise section.wrong(
            f"{numbers} numbers come in where {head.inputs} belong ({head.side} x {head.side} "
            f"cells, {head.classes} classes, {head.boxes} boxes)"
        )
    return head, place.before


def _region(section: Section, place: Place) -> Made:
    _require_coords(section)
    for key in ("tree", "map"):
        if key in section.values:
            raise section.wrong("a tree of classes is not read", key=key, do="leave it out")
    _, height, width = _map(section, place.before)
    anchors = _anchors(section)
    count = section.whole("num", len(anchors), least=1)
    if count != len(anchors):
        raise section.wrong(f"{len(anchors)} anchors where num={count} belong", key="anchors")
    shares = [(w / width, h / height) for w, h in anchors]  # Darknet counts them in cells
    classes = section.whole("classes", 20, least=1)
    head = AnchorHead(shares, classes, softmax=bool(section.whole("softmax", 0)))
    return _fitting(section, head, place.before), place.before


def _yolo(section: Section, place: Place) -> Made:
    if section.whole("new_coords", 0):
        raise section.wrong("this way of decoding is not read", key="new_coords", do="leave it out")
    anchors = _anchors(section)
    mask = section.wholes("mask", default=tuple(range(len(anchors))))
    if not mask or max(mask) >= len(anchors):
        what = f"the mask names anchors beyond the {len(anchors)} that are there"
        raise section.wrong(what, key="mask")
    height, width = place.net_hw
    shares = [(anchors[at][0] / width, anchors[at][1] / height) for at in mask]
    head = AnchorHead(
        shares,
        section.whole("classes", 20, least=1),
        softmax=False,
        stretch=section.number("scale_x_y", 1.0),
    )
    return _fitting(section, head, place.before), place.before


MAKERS: dict[str, Maker] = {
    "convolutional": _convolutional,
    "maxpool": _maxpool,
    "connected": _connected,
    "local": _local,
    "dropout": _dropout,
    "route": _route,
    "shortcut": _shortcut,
    "upsample": _upsample,
    "reorg": _reorg,
    "avgpool": _avgpool,
    "detection": _detection,
    "region": _region,
    "yolo": _yolo,
}


def _map(section: Section, shape: Shape, *, number: int | None = None) -> tuple[int, int, int]:
    if len(shape) != 3:
        whose = "the layer before" if number is None else f"layer {number}"
        raise section.wrong(f"{whose} gives {shape[0]} numbers, and no maps")
    channels, height, width = shape
    return channels, height, width


def _shape(section: Section, channels: int, height: int, width: int) -> Shape:
    if height < 1 or width < 1:
        raise section.wrong("nothing is left of the picture", do="make the input of [net] larger")
    if channels * height * width > 2**31:
        raise section.wrong(f"{channels} maps of {height} x {width} are more than memory holds")
    return channels, height, width


def _activation(section: Section, default: str) -> nn.Module:
    name = section.values.get("activation", default)
    if name not in ACTIVATIONS:
        what = f"no such activation as {name}"
        raise section.wrong(what, key="activation", do=f"it knows {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]()


def _source(section: Section, number: int, layers: int, *, key: str) -> int:
    """A layer's number, counted from the first; negative ones count back from this."""
    source = number if number >= 0 else layers + number
    if not 0 <= source < layers:
        what = f"layer {source} is named, and {layers} come before this one"
        raise section.wrong(what, key=key)
    return source


def _anchors(section: Section) -> list[tuple[float, float]]:
    numbers = section.numbers("anchors")
    if not numbers or len(numbers) % 2 or min(numbers) <= 0:
        what = f"{len(numbers)} numbers where pairs of widths and heights belong"
        raise section.wrong(what, key="anchors")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _fitting(section: Section, head: AnchorHead, before: Shape) -> AnchorHead:
    channels = _map(section, before)[0]
    if channels != head.channels:
        count = len(head.anchors)
        raise section.wrong(
            f"filters={channels} come before it, with {count} anchors and {head.classes} "
            f"classes; {head.channels} belong"
        )
    return head


def _require_coords(section: Section) -> None:
    if section.whole("coords", 4) != 4:
        raise section.wrong("a box has 4 numbers", key="coords")
