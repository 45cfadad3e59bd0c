"""A classifier's weights under the names that they have in a detector whose trunk it is."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from akitsu.models import registry
from akitsu.weights.pretrained import Pretrained

# Enough to build a classifier of which only the names are looked at.
CLASSES, SIDE = 2, 224
TRUNK = "backbone."
# Counters of batch normalisation, which a frozen one has not; and the scale that SSD adds.
SKIPPED = ("num_batches_tracked", "scale_weight")


def for_trunk(detector: nn.Module, found: Pretrained, *, backbone: str) -> Pretrained:
    """Rename the weights of a classifier, layer by layer in the order of both networks.

    Where the trunk has become another network than the classifier, as behind conv5_3 of SSD's VGG,
    the rest keeps its names, and so finds no place.

    Args:
        detector: Whose tensors under "backbone" begin as those of the classifier do.
        found: Of the classifier, or of the detector: then they come back as they are.
        backbone: The classifier's name.
    """
    places = {
        name: tensor
        for name, tensor in detector.state_dict().items()
        if name.startswith(TRUNK) and not name.endswith(SKIPPED)
    }
    if any(name in places for name in found.weights):
        return found
    with torch.device("meta"):
        classifier = registry.build(backbone, CLASSES, in_channels=3, input_hw=(SIDE, SIDE))
    weights = dict(found.weights)
    names = [name for name in classifier.state_dict() if not name.endswith(SKIPPED)]
    for name, (place, tensor) in zip(names, places.items(), strict=False):
        # The input's channels may differ: they are fitted where the weights are put in.
        if name not in weights or len(weights[name]) != len(tensor):
            break
        weights[place] = weights.pop(name)
    return replace(found, weights=weights)
