"""Growing a network: new units beside pretrained ones, brought to one norm so that they learn.

Wang, Ramanan and Hebert, "Growing a Brain: Fine-Tuning by Increasing Model Capacity" (CVPR 2017,
arXiv:1907.07844).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import TypeGuard

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from akitsu.errors import RecipeError, nearest

Layer = nn.Linear | nn.Conv2d

# What the new weights are drawn with, as those of AlexNet's dense layers were.
STD = 0.01
# Every unit of a block may be silent: it stays at zero then, instead of a division by zero.
EPS = 1e-6


class BlockNorm(nn.Module):
    """Brings each block of units to norm 1 by itself, then scales each unit by a learned number.

    One norm over all units together would leave small new units as small beside the old ones.

    Args:
        blocks: Units of each block, in their order.
        scale: What the learned numbers start at; each block's norm at the start.
    """

    def __init__(self, blocks: Sequence[int], *, scale: float) -> None:
        super().__init__()
        self.blocks = tuple(blocks)
        # A vector, and so not decayed in a recipe: decay would shrink the blocks again.
        self.gamma = nn.Parameter(torch.full((sum(blocks),), float(scale)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N), or (B, N, H, W) position by position, to the same."""
        blocks = [
            F.normalize(block, dim=1, eps=EPS) for block in torch.split(x, list(self.blocks), 1)
        ]
        return torch.cat(blocks, 1) * self.gamma.view(-1, *[1] * (x.ndim - 2))


class Beside(nn.Module):
    """Old units and new ones that read the same; the new ones come last."""

    def __init__(self, old: nn.Module, new: nn.Module) -> None:
        super().__init__()
        self.old, self.new = old, new

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, …) to (B, old units + new units, …)."""
        return torch.cat([self.old(x), self.new(x)], 1)


class Reader(nn.Module):
    """A layer that reads old and new units, each block brought to one norm before."""

    def __init__(self, norm: nn.Module, layer: nn.Module) -> None:
        super().__init__()
        self.norm, self.layer = norm, layer

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, …) to (B, M, …)."""
        read: Tensor = self.layer(self.norm(x))
        return read


class Deepened(nn.Sequential):
    """A new layer, its ReLU, and the last layer, which reads it."""


def widen(model: nn.Module, layer: str, units: int, *, scale: float | None = 10.0) -> nn.Module:
    """Put new units beside those of a layer (the paper's width-augmented network, figure 2b).

    The next layer reads old and new units through a `BlockNorm`. Its weights for the old units,
    and the old units themselves, are kept. Widening the layer in front first, and then the next,
    is the paper's WWA: the new units of the second read both kinds of the first.

    Args:
        model: A trained network; it is left as it is.
        layer: Name of a linear layer or 1 x 1 convolution, as `model.named_modules()` has it, with
            another one of that kind behind it.
        units: How many are added.
        scale: What the learned scales start at; None leaves the norm out, for comparison.

    Returns:
        The grown network. With the norm it answers otherwise than before, until it is fine-tuned.

    Raises:
        RecipeError: If there is no such layer, or no layer that reads its units.
    """
    _require_units(units)
    grown = deepcopy(model)
    name, old = _find(grown, layer)
    reader_name, reader = _reader_of(grown, name, old)
    inputs, outputs = _sizes(old)
    _replace(grown, name, Beside(old, _new(old, inputs, units)))
    blocks = (outputs, units)
    norm = nn.Identity() if scale is None else BlockNorm(blocks, scale=scale)
    _replace(grown, reader_name, Reader(norm, _extended(reader, sum(blocks))))
    return grown


def deepen(model: nn.Module, units: int) -> nn.Module:
    """Put a new layer in front of the last one (the paper's depth-augmented network, figure 2a).

    The last layer reads other units than before and begins anew; all others are kept. With `widen`
    before it this is the paper's DWA.

    Args:
        model: A trained network; it is left as it is.
        units: Of the new layer.

    Returns:
        The grown network.

    Raises:
        RecipeError: If the network has neither a linear layer nor a 1 x 1 convolution.
    """
    _require_units(units)
    grown = deepcopy(model)
    layers = _layers(grown)
    if not layers:
        raise RecipeError(
            f"{type(model).__name__} has no linear layer", do="deepen another network"
        )
    name, last = list(layers.items())[-1]
    inputs, outputs = _sizes(last)
    new, head = _new(last, inputs, units), _new(last, units, outputs)
    _replace(grown, name, Deepened(new, nn.ReLU(), head))
    return grown


def new_parameters(model: nn.Module) -> list[nn.Parameter]:
    """What growing added or joined; the paper gives it ten times the learning rate of the rest."""
    grown: list[nn.Module] = []
    for module in model.modules():
        if isinstance(module, Beside):
            grown.append(module.new)
        elif isinstance(module, Reader | Deepened):
            grown.append(module)
    found = {id(p): p for module in grown for p in module.parameters()}
    return list(found.values())


def _require_units(units: int) -> None:
    if units < 1:
        raise RecipeError(f"{units} units are none", do="add at least one")


def _layers(model: nn.Module) -> dict[str, Layer]:
    """All linear layers and 1 x 1 convolutions by name, in the order in which they were made."""
    return {name: module for name, module in model.named_modules() if _can_grow(module)}


def _can_grow(module: nn.Module) -> TypeGuard[Layer]:
    if isinstance(module, nn.Conv2d):
        return module.kernel_size == module.stride == (1, 1) and module.groups == 1
    return isinstance(module, nn.Linear)


def _find(model: nn.Module, layer: str) -> tuple[str, Layer]:
    """The layer of that name; where it reads a widened one, the layer behind the norm."""
    layers = _layers(model)
    for name in (layer, f"{layer}.layer"):
        if name in layers:
            return name, layers[name]
    choices = "choose one of " + ", ".join(layers)
    raise RecipeError(
        f"there is no layer {layer!r} that could grow", do=nearest(layer, layers, otherwise=choices)
    )


def _reader_of(model: nn.Module, name: str, layer: Layer) -> tuple[str, Layer]:
    """The first layer behind `layer` that reads as many units as it gives."""
    layers = list(_layers(model).items())
    behind = layers[[each for each, _ in layers].index(name) + 1 :]
    for other, reader in behind:
        if _sizes(reader)[0] == _sizes(layer)[1]:
            return other, reader
    raise RecipeError(
        f"no linear layer behind {name} reads its units",
        do="widen an earlier layer, or deepen the network",
    )


def _sizes(layer: Layer) -> tuple[int, int]:
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, layer.out_channels
    return layer.in_features, layer.out_features


def _new(like: Layer, inputs: int, outputs: int) -> Layer:
    """A fresh layer of the same kind, on the same device, with small weights and biases of 0."""
    new: Layer
    if isinstance(like, nn.Conv2d):
        new = nn.Conv2d(inputs, outputs, 1, bias=like.bias is not None)
    else:
        new = nn.Linear(inputs, outputs, bias=like.bias is not None)
    nn.init.normal_(new.weight, std=STD)
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    return new.to(like.weight)


def _extended(layer: Layer, inputs: int) -> Layer:
    """The layer with more inputs: its own weights in front, small new ones behind."""
    before, outputs = _sizes(layer)
    extended = _new(layer, inputs, outputs)
    with torch.no_grad():
        extended.weight[:, :before] = layer.weight
        if extended.bias is not None and layer.bias is not None:
            extended.bias.copy_(layer.bias)
    return extended


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)
