"""Where a loss stopped being a number: the forward pass once more, looked at layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from akitsu.training.finite import is_finite
from akitsu.training.randomness import mixed, seed_torch
from akitsu.training.reporter import observing
from akitsu.training.updater import MODEL

if TYPE_CHECKING:
    from akitsu.training.updater import Updater


@dataclass(frozen=True)
class Finding:
    """What broke, in words.

    Attributes:
        what: The second half of a sentence: "the first layer with a non-finite output is …".
        in_data: Whether it is the batch, so that no setting of the training can help.
    """

    what: str
    in_data: bool = False


@dataclass(frozen=True)
class _Layer:
    """The first layer in order of execution that met a number which is none."""

    name: str
    broken_parameter: str | None
    input_is_finite: bool


def find_break(updater: Updater) -> Finding:
    """Run the newest batch through the network again, and name what broke first.

    The weights have to be those that made the loss: call it between backward and step.
    """
    layer, losses = (None, {}) if updater.loss is None else _second_pass(updater)
    weights = _broken_weights(updater.model, layer)
    if weights is not None:
        return Finding(
            f"the weights {weights} were not finite before this iteration, so a gradient of an "
            "earlier one was not"
        )
    broken_data = None if layer is not None and layer.input_is_finite else _broken_data(updater)
    if broken_data is not None:
        return Finding(f"the batch itself ({broken_data}) is not finite", in_data=True)
    if updater.loss is None:
        return Finding("the Updater learns in a way of its own, so that no layer can be named")
    if layer is None:
        return Finding(
            "the outputs of all layers are finite, so it broke in the loss function"
            if any(not is_finite(value) for value in losses.values())
            else "a second forward pass over the same batch is finite, so chance had a part in it"
        )
    if layer.input_is_finite:
        return Finding(
            f"the first layer with a non-finite output is {layer.name}, its inputs and weights "
            "are finite"
        )
    return Finding(
        f"the first layer with a non-finite input is {layer.name}, and the outputs of all layers "
        "before it are finite"
    )


def named_tensors(batch: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Every tensor of a batch of tuples, lists, dicts and dataclasses, with its place in it.

    Example:
        >>> [name for name, _ in named_tensors({"image": torch.zeros(1), "boxes": [torch.ones(2)]})]
        ['image', 'boxes.0']
    """
    parts: Mapping[Any, Any] = {}
    if isinstance(batch, Tensor):
        yield name or "a tensor", batch
    elif isinstance(batch, Mapping):
        parts = batch
    elif isinstance(batch, list | tuple):
        parts = dict(enumerate(batch))
    elif is_dataclass(batch) and not isinstance(batch, type):
        parts = {each.name: getattr(batch, each.name) for each in fields(batch)}
    for key, part in parts.items():
        yield from named_tensors(part, f"{name}.{key}" if name else str(key))


def _second_pass(updater: Updater) -> tuple[_Layer | None, dict[str, Tensor]]:
    assert updater.loss is not None, "only a loss can be computed again"
    found: list[_Layer] = []
    # A wrapper for several processes would wait here for the others, whose losses are finite.
    network = updater.network if updater.fabric.world_size == 1 else updater.model
    with ExitStack() as stack:
        for name, module in updater.model.named_modules():
            # Containers too: a layer inside ends before its container, and one that calls no
            # layer for what it computes, as attention does, is found itself.
            stack.callback(module.register_forward_hook(_watcher(name, found)).remove)
        # The same draws as in the first pass: Dropout may have had its part in it.
        seed_torch(mixed(updater.seed, MODEL, updater.iteration, updater.fabric.global_rank))
        stack.enter_context(observing({}))
        stack.enter_context(torch.no_grad())
        stack.enter_context(updater.fabric.autocast())
        losses = updater.loss(network, updater.batch)
    return (found[0] if found else None), losses


def _watcher(name: str, found: list[_Layer]) -> Any:
    def watch(module: nn.Module, inputs: Any, output: Any) -> None:
        if found:
            return
        own = module.named_parameters(recurse=False)
        broken = next((key for key, each in own if not is_finite(each)), None)
        input_is_finite = all(is_finite(tensor) for _, tensor in named_tensors(inputs))
        output_is_finite = all(is_finite(tensor) for _, tensor in named_tensors(output))
        if broken is not None or not (input_is_finite and output_is_finite):
            kind = type(module).__name__
            parameter = None if broken is None else (f"{name}.{broken}" if name else broken)
            found.append(_Layer(f"{name} ({kind})" if name else kind, parameter, input_is_finite))

    return watch


def _broken_weights(model: nn.Module, layer: _Layer | None) -> str | None:
    if layer is not None and layer.broken_parameter is not None:
        return layer.broken_parameter
    named = model.named_parameters()
    return next((name for name, each in named if not is_finite(each)), None)


def _broken_data(updater: Updater) -> str | None:
    tensors = named_tensors(updater.batch)
    return next((name for name, tensor in tensors if not is_finite(tensor)), None)
