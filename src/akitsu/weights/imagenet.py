"""ImageNet's 1000 classes, as torchvision names them, and the usual normalisation."""

from __future__ import annotations

# Of RGB on the scale 0-1: what the networks of torchvision and most of timm were trained with.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def imagenet_classes() -> tuple[str, ...]:
    """The names of the 1000 classes of ILSVRC 2012, in the order of their WordNet numbers."""
    from torchvision.models import SqueezeNet1_0_Weights

    names: list[str] = SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["categories"]
    return tuple(names)
