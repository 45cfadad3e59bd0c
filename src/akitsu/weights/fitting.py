"""Named tensors and the network that they are of: its classes, its channels, and what lacks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from akitsu.errors import ModelFileError, RecipeError
from akitsu.models import registry
from akitsu.weights.darknet_names import voc_names
from akitsu.weights.imagenet import imagenet_classes
from akitsu.weights.importers import Said

# Two numbers that no layer has by itself, to see which lengths follow the number of classes.
FIRST, SECOND = 7, 11


def numbers_of(
    weights: Mapping[str, Tensor], name: str, *, input_hw: tuple[int, int], where: Path
) -> tuple[int, int]:
    """How many classes and input channels a network must have for the weights to fit.

    Args:
        weights: Its tensors under its own names.
        name: In the registry.
        input_hw: Rows and columns of its input.
        where: The file, for messages.

    Returns:
        K and C.

    Raises:
        ModelFileError: If the tensor that would say it is not there.
        RecipeError: If there is no such network.
    """
    classes = _number(weights, name, (FIRST, SECOND), input_hw=input_hw, where=where)
    channels = _number(weights, name, (1, 3), input_hw=input_hw, where=where, of_input=True)
    return classes, channels


def load_into(model: nn.Module, weights: Mapping[str, Tensor], *, name: str, where: Path) -> None:
    """Load a state dict whole: every tensor of the network, and no other.

    Raises:
        ModelFileError: If one lacks, is of another shape, or belongs to no layer.
    """
    wanted = model.state_dict()
    for key, tensor in wanted.items():
        if key not in weights:
            raise _unfit(f"there is no {key}, which {name} needs", where)
        if weights[key].shape != tensor.shape:
            seen, right = tuple(weights[key].shape), tuple(tensor.shape)
            raise _unfit(f"{key} has shape {seen} where {name} needs {right}", where)
    more = [key for key in weights if key not in wanted]
    if more:
        raise _unfit(f"{name} has no layer for {more[0]} ({len(more)} such tensors)", where)
    model.load_state_dict(dict(weights))


def class_names_for(count: int, said: Said) -> tuple[str, ...]:
    """The names that were said, or those of the set that a network was trained on.

    That is ImageNet for 1000 classes, the digits for 10, and VOC for the 20 of Tiny YOLO.

    Raises:
        RecipeError: If nothing was said of another number, or something of a wrong one.
    """
    if said.classes is not None:
        if len(said.classes) != count:
            what = f"{len(said.classes)} names for the {count} classes of these weights"
            raise RecipeError(what, where="--classes", do=f"write {count} lines")
        return said.classes
    if count == 1000:
        return imagenet_classes()
    if count == 10 and said.model in ("digit-cnn", "digit-net"):
        return tuple("0123456789")
    if count == len(voc_names()) and said.model == "tiny-yolo-v1-2015":
        return voc_names()
    what = f"these weights know {count} classes and not their names"
    raise RecipeError(what, where="--classes", do="name a text file with one class a line")


def _number(
    weights: Mapping[str, Tensor],
    name: str,
    tried: tuple[int, int],
    *,
    input_hw: tuple[int, int],
    where: Path,
    of_input: bool = False,
) -> int:
    """How many classes, or channels of the input, the lengths follow from."""
    few, many = tried
    one, other = ((FIRST, few), (FIRST, many)) if of_input else ((few, 1), (many, 1))
    key, axis, lengths = _axis(name, one, other, input_hw)
    length = _length(weights, key, axis, where=where, name=name)
    # A straight line through both: a detector has numbers for boxes beside those for classes.
    steps = (length - lengths[0]) * (many - few) // (lengths[1] - lengths[0])
    return max(1, few + steps)


def _shapes(
    name: str, classes: int, channels: int, input_hw: tuple[int, int]
) -> dict[str, torch.Size]:
    with torch.device("meta"):  # the shapes alone
        model = registry.build(name, classes, in_channels=channels, input_hw=input_hw)
    return {key: tensor.shape for key, tensor in model.state_dict().items()}


def _axis(
    name: str, one: tuple[int, int], other: tuple[int, int], input_hw: tuple[int, int]
) -> tuple[str, int, tuple[int, int]]:
    """The first tensor and axis that differ between two networks, and its length in both."""
    first, second = (_shapes(name, *numbers, input_hw) for numbers in (one, other))
    for key, shape in first.items():
        for axis, (length, changed) in enumerate(zip(shape, second[key], strict=True)):
            if length != changed:
                return key, axis, (length, changed)
    raise RecipeError(f"{name} cannot be imported", where="--model", do="name another network")


def _length(weights: Mapping[str, Tensor], key: str, axis: int, *, where: Path, name: str) -> int:
    if key not in weights or weights[key].ndim <= axis:
        raise _unfit(f"there is no {key}, which {name} needs", where)
    return int(weights[key].shape[axis])


def _unfit(what: str, where: Path) -> ModelFileError:
    return ModelFileError(what, where=where, do="name the network that they are of with --model")
