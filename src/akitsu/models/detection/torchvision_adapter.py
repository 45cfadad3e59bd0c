"""A detector of torchvision's as ours: what it is given, and what it gives.

Pictures come normalised and in one size, so torchvision's own resizing is left out. Labels begin at
0: where a network has a class for the background, it is added and taken away here. Boxes are given
before the last non-maximum suppression, which is the runtime's. Weights have torchvision's names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from akitsu.models.detection.boxes import clipped
from akitsu.models.detection.detector import DETECTIONS, Detected, Detector, best_pairs

# What torchvision gives a class of its own to, in all networks with a softmax.
BACKGROUND = 1

Targets = list[dict[str, Tensor]]


class TorchvisionDetector(Detector):
    """The parts of a network of torchvision.

    Args:
        network: As torchvision's builder gives it.
        classes: K.
    """

    backbone: Any

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.classes = classes
        for name, part in network.named_children():
            self.add_module(name, part)
        # In a list it is no child: its parts are, under the names that its weights have.
        self._whole = [network]

    @property
    def network(self) -> Any:
        """The whole, for what it does beside its parts."""
        return self._whole[0]

    def anchors(self, generator: Any, images: Tensor, maps: list[Tensor]) -> Tensor:
        """(N, 4) XYXY: the same for every picture."""
        from torchvision.models.detection.image_list import ImageList

        found: list[Tensor] = generator(ImageList(images, [size_hw(images)]), maps)
        return found[0]

    def best(self, boxes: Tensor, scores: Tensor, *, size_hw: tuple[int, int]) -> Detected:
        """The best over all classes, of which the boxes are cut off at the picture's border."""
        boxes, scores, labels = best_pairs(boxes, scores, most=DETECTIONS)
        return clipped(boxes, size_hw), scores, labels


def targets(boxes: Tensor, labels: Tensor, *, background: int) -> Targets:
    """As torchvision wants them: a list without gaps, and no box without an area."""
    real = (labels >= 0) & (boxes[..., 2:] > boxes[..., :2]).all(-1)
    return [
        {"boxes": box[keep], "labels": label[keep] + background}
        for box, label, keep in zip(boxes, labels, real, strict=True)
    ]


def size_hw(images: Tensor) -> tuple[int, int]:
    """Rows and columns of a batch's pictures."""
    return images.shape[2], images.shape[3]


@contextmanager
def in_training(*modules: nn.Module) -> Iterator[None]:
    """Themselves, without what is inside them: torchvision gives losses only while training."""
    before = [module.training for module in modules]
    for module in modules:
        module.training = True
    try:
        yield
    finally:
        for module, state in zip(modules, before, strict=True):
            module.training = state
