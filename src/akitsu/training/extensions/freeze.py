"""Keeps parts of a network as they are until their moment: a pretrained backbone, say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.optim import Optimizer
from typing_extensions import override

from akitsu.errors import TrainingError, nearest
from akitsu.training.extension import Extension, Priority
from akitsu.training.finetune import hold, release
from akitsu.training.triggers import TIE, interval

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer
    from akitsu.training.updater import Updater


class Freeze(Extension):
    """Freezes parts of the model, each until its moment or for the whole run.

    A frozen parameter has no gradient, and an optimizer of PyTorch passes over what has none: no
    step, no momentum, no weight decay, and no state until it learns, so that Adam's correction
    for its first steps begins when they do. The parameters belong in the optimizer from the start.
    BatchNorm layers of a frozen part normalise with the statistics that they came with, and leave
    them alone, whoever calls `model.train()` meanwhile. Dropout goes on.

    What is frozen follows from the iteration alone: there is nothing that a resume could lose. At
    the end of a run the model is as trainable as it came.

    Args:
        until: By the name of a part ("backbone", "backbone.stem"), when it begins to learn:
            `(2, "epoch")`, `(500, "iteration")`, or None for never in this run. Of two names that
            hold the same parameter, the longer decides.

    Raises:
        RecipeError: If a moment is none.

    Example:
        ```
        trainer.extend(Freeze({"backbone": (2, "epoch"), "backbone.stem": None}))
        ```
    """

    trigger = (1, "iteration")
    priority = Priority.WRITER
    everywhere = True

    def __init__(self, until: Mapping[str, Sequence[Any] | None]) -> None:
        self.until = {
            name: (inf, "iteration")
            if moment is None
            else interval(moment, units=("epoch", "iteration"), where=f"Freeze, {name}")
            for name, moment in until.items()
        }
        self._frozen: list[_Part] = []

    @override
    def initialize(self, trainer: Trainer) -> None:
        """Freeze.

        Raises:
            TrainingError: If the model has no part of a name, or none is left that learns.
        """
        updater = trainer.updater
        # DistributedDataParallel waits for the gradient of everything that it found trainable:
        # there gradients are computed, and dropped.
        drops = updater.fabric.world_size > 1
        self._frozen = self._parts(updater)
        for part in self._frozen:
            part.freeze(requires_grad=drops)
        if drops:
            updater.hooks.insert(0, self._drop_gradients)  # first: clipping measures what is left
        self(trainer)
        _require_learning(updater.model, self._frozen)

    @override
    def __call__(self, trainer: Trainer) -> None:
        """Let those parts learn from the next iteration on whose moment has come."""
        for part in [part for part in self._frozen if part.until <= trainer.updater.iteration]:
            part.thaw()
            self._frozen.remove(part)

    @override
    def finalize(self, trainer: Trainer) -> None:
        for part in self._frozen:
            part.thaw()
        self._frozen = []
        if self._drop_gradients in trainer.updater.hooks:
            trainer.updater.hooks.remove(self._drop_gradients)

    def _parts(self, updater: Updater) -> list[_Part]:
        """What each name decides about, with the iteration before which it is frozen."""
        model, batches = updater.model, updater.batches
        parts = []
        for name, (n, unit) in self.until.items():
            length = batches.batches_per_epoch if unit == "epoch" else 1
            parameters = [
                parameter
                for key, parameter in model.named_parameters()
                if self._decides(key) == name and parameter.requires_grad
            ]
            layers = [
                module
                for key, module in model.named_modules()
                if isinstance(module, _NormBase) and self._decides(key) == name and module.training
            ]
            _require_part(model, name)
            parts.append(_Part(n * length - TIE, parameters, layers))
        return parts

    def _decides(self, key: str) -> str | None:
        """The longest name that holds a parameter or layer."""
        return max((name for name in self.until if _holds(name, key)), key=len, default=None)

    def _drop_gradients(self, updater: Updater, optimizer: Optimizer) -> None:  # noqa: ARG002
        for part in self._frozen:
            for parameter in part.parameters:
                parameter.grad = None


@dataclass(eq=False)
class _Part:
    """Parameters and normalisation layers that are frozen before an iteration."""

    until: float
    parameters: list[nn.Parameter]
    layers: Sequence[nn.Module]

    def freeze(self, *, requires_grad: bool) -> None:
        for parameter in self.parameters:
            parameter.requires_grad = requires_grad
            parameter.grad = None  # one left from before would be stepped along again and again
        for layer in self.layers:
            hold(layer)

    def thaw(self) -> None:
        for parameter in self.parameters:
            parameter.requires_grad = True
        for layer in self.layers:
            release(layer)


def _holds(name: str, key: str) -> bool:
    return key == name or key.startswith(f"{name}.")


def _require_part(model: nn.Module, name: str) -> None:
    keys = [key for key, _ in model.named_parameters()]
    keys += [key for key, module in model.named_modules() if isinstance(module, _NormBase)]
    if not any(_holds(name, key) for key in keys):
        names = [key for key, _ in model.named_modules() if key]
        parts = ", ".join(key for key, _ in model.named_children())
        raise TrainingError(
            f"Freeze: no parameter of the model belongs to {name!r}",
            do=nearest(name, names, otherwise=f"name a part of {parts}"),
        )


def _require_learning(model: nn.Module, frozen: list[_Part]) -> None:
    held = {id(parameter) for part in frozen for parameter in part.parameters}
    if all(id(p) in held or not p.requires_grad for p in model.parameters()):
        raise TrainingError(
            "Freeze: every parameter of the model is frozen", do="leave a part that learns"
        )
