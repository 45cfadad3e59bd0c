"""timm's classifiers under `timm/NAME`: some 1,400 networks, made by timm when one is asked for."""

from __future__ import annotations

import inspect

from torch import nn

from akitsu.errors import RecipeError, nearest, require
from akitsu.models.registry import TIMM, ModelEntry

# Most of them halve the picture five times.
LEAST_SIDE = 32


def entry(name: str) -> ModelEntry:
    """What `akitsu models` knows of one of them.

    Args:
        name: Such as "timm/resnet18".

    Raises:
        MissingExtraError: If timm is not installed.
        RecipeError: If it has no network of that name.
    """
    require("timm", extra="timm", purpose=f"the network {name}")
    import timm

    theirs = name.removeprefix(TIMM)
    if not timm.is_model(theirs):
        advice = nearest(theirs, timm.list_models(), otherwise="look at timm.list_models()")
        raise RecipeError(
            f"timm has no network {theirs!r}",
            where="model.name",
            do=advice.replace("write ", f"write {TIMM}"),
        )

    def build(classes: int, in_channels: int = 3) -> nn.Module:
        model: nn.Module = timm.create_model(
            theirs, pretrained=False, num_classes=classes, in_chans=in_channels
        )
        return model

    build.__doc__ = inspect.cleandoc(
        f"""timm's {theirs}: (B, C, H, W) to (B, K) logits.

        Its sources and its licence stand in timm's documentation.
        """
    )
    return ModelEntry(
        name, "classification", "timm", 2019, build, least_side=LEAST_SIDE, library="timm"
    )
