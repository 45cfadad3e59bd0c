"""Small networks in Darknet's language, with drawn weights."""

from __future__ import annotations

import torch

from akitsu.models.detection.darknet import Darknet
from akitsu.models.detection.darknet_cfg import parse_cfg

NET = "[net]\nwidth=32\nheight=32\nchannels=3\n"
# Every kind of layer that stands between the first and the head of YOLOv3's relatives.
YOLO = f"""{NET}
[convolutional]
filters=8
size=3
stride=2
pad=1
batch_normalize=1
activation=leaky

[convolutional]
filters=8
size=3
groups=4
pad=1
batch_normalize=1
activation=relu

[dropout]
probability=.2

[shortcut]
from=-3
activation=linear

[maxpool]
size=5
stride=1

[route]
layers=-1,3

[maxpool]
size=2
stride=2

[convolutional]
filters=21
size=1
activation=linear

[yolo]
mask=1,2
anchors=4,6, 9,7, 15,20
classes=2
num=3
scale_x_y=1.05

[route]
layers=6

[upsample]
stride=2

[route]
layers=-1,0

[convolutional]
filters=7
size=1
pad=1
activation=linear

[yolo]
mask=0
anchors=4,6, 9,7, 15,20
classes=2
num=3
""".replace("filters=21", "filters=14")
# YOLOv2: a pooling that keeps the side, reorg, and a softmax of classes.
REGION = f"""{NET}
[convolutional]
filters=4
size=3
pad=1
batch_normalize=1
activation=leaky

[maxpool]
size=2
stride=2

[convolutional]
filters=8
size=3
stride=2
pad=1
batch_normalize=1
activation=leaky

[maxpool]
size=2
stride=1

[route]
layers=1

[reorg]
stride=2

[route]
layers=-1,3

[convolutional]
filters=16
size=1
pad=1
activation=linear

[region]
anchors=1.3,1.7, 3.2,4.0
classes=3
coords=4
num=2
softmax=1
"""
# YOLO v1: dense layers and one of unshared weights.
DETECTION = f"""{NET}
[convolutional]
filters=4
size=3
stride=2
pad=1
batch_normalize=1
activation=leaky

[maxpool]
size=4
stride=4

[local]
filters=3
size=3
stride=1
pad=1
activation=leaky

[connected]
output=20
batch_normalize=1
activation=leaky

[connected]
output=48
activation=linear

[detection]
classes=2
coords=4
side=2
num=2
sqrt=1
softmax=0
"""
ALL = {"yolo": YOLO, "region": REGION, "detection": DETECTION}


def network(text: str, *, seed: int = 0) -> Darknet:
    """With weights and statistics that no two layers share, in evaluation mode."""
    made = Darknet(parse_cfg(text, file="drawn.cfg"))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*made.named_parameters(), *made.named_buffers()):
            if not tensor.is_floating_point() or name.endswith("anchors"):
                continue
            tensor.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
            if name.endswith("running_var"):
                tensor.abs_().add_(0.3)
    return made.eval()
