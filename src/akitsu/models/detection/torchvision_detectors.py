"""torchvision's detectors under their own names, as they are and not rewritten.

What changes at their ends is in `torchvision_adapter.py`; weights have torchvision's names.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from torch import nn

from akitsu.models.classification.torchvision_models import LIBRARY, RGB, widen_first
from akitsu.models.detection.torchvision_adapter import BACKGROUND, TorchvisionDetector
from akitsu.models.detection.torchvision_one_stage import (
    TorchvisionFCOS,
    TorchvisionRetinaNet,
    TorchvisionSSD,
)
from akitsu.models.detection.torchvision_two_stage import TwoStage
from akitsu.models.registry import register

# torchvision's COCO weights have a score for each of COCO's 91 numbers, 0 and unused ones included.
COCO_OUTPUTS = 91
BACKBONES = ("vgg16", "mobilenet_v3_large", "resnet50")


@dataclass(frozen=True)
class Kind:
    """Networks that are built alike.

    Attributes:
        title: How people call it.
        paper: Where it stands.
        year: Of the paper.
        wrap: Makes ours of torchvision's.
        members: torchvision's names, with the parameters at 3 channels and 91 outputs, the box AP
            on COCO in percent of the first weights, as torchvision gives it, and the side that
            these were made for, or that torchvision scales the shorter side to.
        background: Classes that torchvision counts for the background.
        least_side: See `ModelEntry`.
        normalises: Whether it has batch normalisations that `frozen_norm` can fix.
        note: One more sentence for the page.
    """

    title: str
    paper: str
    year: int
    wrap: type[TorchvisionDetector]
    members: dict[str, tuple[int, float, int]]
    background: int = BACKGROUND
    least_side: int = 32
    normalises: bool = True
    note: str = ""


KINDS = (
    Kind(
        "SSD300 with VGG16",
        "arXiv:1512.02325",
        2016,
        TorchvisionSSD,
        {"ssd300_vgg16": (35_641_826, 25.1, 300)},
        least_side=268,
        normalises=False,
    ),
    Kind(
        "SSDlite with MobileNetV3-Large",
        "arXiv:1905.02244",
        2019,
        TorchvisionSSD,
        {"ssdlite320_mobilenet_v3_large": (3_440_060, 21.3, 320)},
    ),
    Kind(
        "Faster R-CNN with a feature pyramid",
        "arXiv:1506.01497",
        2015,
        TwoStage,
        {
            "fasterrcnn_resnet50_fpn": (41_808_406, 37.0, 800),
            "fasterrcnn_mobilenet_v3_large_fpn": (19_410_754, 32.8, 800),
            "fasterrcnn_mobilenet_v3_large_320_fpn": (19_410_754, 22.8, 320),
        },
    ),
    Kind(
        "Faster R-CNN with a feature pyramid, with the improvements of 2021",
        "arXiv:2111.11429",
        2021,
        TwoStage,
        {"fasterrcnn_resnet50_fpn_v2": (43_712_278, 46.7, 800)},
    ),
    Kind(
        "Mask R-CNN with a feature pyramid",
        "arXiv:1703.06870",
        2017,
        TwoStage,
        {"maskrcnn_resnet50_fpn": (41_808_406, 37.9, 800)},
        note="Its boxes alone: the branch for masks is left out, and its weights with it.",
    ),
    Kind(
        "Mask R-CNN with a feature pyramid, with the improvements of 2021",
        "arXiv:2111.11429",
        2021,
        TwoStage,
        {"maskrcnn_resnet50_fpn_v2": (43_712_278, 47.4, 800)},
        note="Its boxes alone: the branch for masks is left out, and its weights with it.",
    ),
    Kind(
        "RetinaNet with a feature pyramid",
        "arXiv:1708.02002",
        2017,
        TorchvisionRetinaNet,
        {"retinanet_resnet50_fpn": (34_068_119, 36.4, 800)},
        background=0,
    ),
    Kind(
        "FCOS with a feature pyramid",
        "arXiv:1904.01355",
        2019,
        TorchvisionFCOS,
        {"fcos_resnet50_fpn": (32_322_720, 39.2, 800)},
        background=0,
    ),
)


def _register(name: str, kind: Kind) -> None:
    """Enter one network with its page, which `akitsu models NAME` prints."""

    def build(classes: int, in_channels: int = 3) -> nn.Module:
        return _built(name, kind, classes, in_channels)

    def build_normalised(
        classes: int, in_channels: int = 3, frozen_norm: bool = False
    ) -> nn.Module:
        return _built(name, kind, classes, in_channels, frozen_norm=frozen_norm)

    parameters, ap, side = kind.members[name]
    builder = build_normalised if kind.normalises else build
    builder.__doc__ = inspect.cleandoc(
        f"""{kind.title} of torchvision ({name}): (B, C, H, W) to boxes, scores and labels.

        {parameters:,} parameters at C=3, K={COCO_OUTPUTS - kind.background}; sides of
        {kind.least_side} pixels or more. torchvision's first COCO weights, at {side} pixels:
        {ap} % box AP.
        """
    ) + (f"\n{kind.note}" if kind.note else "")
    if kind.normalises:
        builder.__doc__ += (
            "\n`frozen_norm: true` keeps the batch normalisations of its trunk as they were loaded,"
            "\nwhich batches of few pictures would spoil."
        )
    register(
        name,
        task="detection",
        paper=kind.paper,
        year=kind.year,
        least_side=kind.least_side,
        library=LIBRARY,
        backbone=next(each for each in BACKBONES if each in name),
    )(builder)


def _built(
    name: str, kind: Kind, classes: int, in_channels: int, *, frozen_norm: bool = False
) -> nn.Module:
    from torchvision import models

    network: Any = models.get_model(
        name, weights=None, weights_backbone=None, num_classes=classes + kind.background
    )
    if name.startswith("maskrcnn"):
        heads = network.roi_heads
        heads.mask_roi_pool = heads.mask_head = heads.mask_predictor = None
    if in_channels != RGB:
        widen_first(network, in_channels)
    if frozen_norm:
        freeze_norms(network.backbone)
    return kind.wrap(network, classes)


def freeze_norms(backbone: nn.Module) -> None:
    """Make every batch normalisation a fixed scale and shift, in place."""
    from torchvision.ops import FrozenBatchNorm2d

    for name, module in list(backbone.named_modules()):
        if isinstance(module, nn.BatchNorm2d):
            frozen = FrozenBatchNorm2d(module.num_features, eps=module.eps)
            frozen.to(module.weight.device)
            state = {key: value for key, value in module.state_dict().items() if "num" not in key}
            frozen.load_state_dict(state)
            parent, _, last = name.rpartition(".")
            setattr(backbone.get_submodule(parent), last, frozen)


for _kind in KINDS:
    for _name in _kind.members:
        _register(_name, _kind)
