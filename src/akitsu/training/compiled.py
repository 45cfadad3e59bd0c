"""The whole step as one program: loss, gradients and the move of the weights, compiled together.

Of a small network the arithmetic is the lesser part of a step; calling a hundred operations from
Python is the greater. `torch.compile` makes one function of them all.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Mapping
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer
from typing_extensions import override

from akitsu.errors import RecipeError
from akitsu.training.batches import Batch
from akitsu.training.hooks import GradientClipping
from akitsu.training.reporter import report, scope
from akitsu.training.updater import MAIN, Hook, Loss, Updater

Tensors = dict[str, Tensor]
# The numbers of an optimizer's groups that its rule needs.
SGD_KEYS = ("momentum", "nesterov", "weight_decay")
ADAM_KEYS = ("betas", "eps", "weight_decay", "decoupled_weight_decay")
# Of each parameter what its optimizer remembers, under the names that the optimizer itself uses.
Moments = dict[str, Tensors]


class CompiledUpdater(Updater):
    """An Updater whose step is compiled; it takes the same arguments, on a single device.

    The loss may not call `report`; what it returns is reported. The gradients exist inside the
    program only: of all hooks it knows one GradientClipping. The first step needs a C++ compiler,
    and takes seconds for a small network, minutes for a deep one. The program adds up in another
    order: its weights are not those of an Updater to the last bit, but two compiled runs have the
    same.

    Raises:
        RecipeError: If the optimizer is not SGD, Adam or AdamW, or other hooks, parts of a batch
            or several processes are asked for.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._require_possible()
        # It warns of a missing CUDA on every computer without a GPU.
        logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
        self._parameters = dict(self.model.named_parameters())
        self._buffers = dict(self.model.named_buffers())
        assert self.loss is not None, "a compiled step needs a loss"
        gradients = _gradients_of(self.model, self.loss)
        max_norm = self.hooks[0].max_norm if _clips_only(self.hooks) else None
        rule, groups = _rule_of(self.optimizers[MAIN], self._parameters)

        def step(
            parameters: Tensors, buffers: Tensors, moments: Moments, rates: Tensor, batch: Batch
        ) -> Tensors:
            found, (losses, new_buffers) = gradients(parameters, buffers, batch)
            if max_norm is not None:
                found = _clipped(found, max_norm)
            for place, (names, settings) in enumerate(groups):
                for name in names:
                    if name in parameters:
                        each = parameters[name], found[name], moments[name]
                        rule(*each, rates[place], **settings)
            for name, buffer in buffers.items():
                buffer.copy_(new_buffers[name])
            return losses

        self._step = torch.compile(torch.no_grad()(step))
        self._moved: tuple[Tensors, Tensors, Moments] = {}, {}, {}
        self._seen: tuple[Any, list[bool]] | None = None
        # Learning rates as a tensor: a number would be compiled in, and change every iteration.
        self._rates: list[float] = []
        self._rates_tensor = torch.empty(0)

    @override
    def learn(self, batch: Batch) -> None:
        self._look_for_changes()
        rates = [group["lr"] for group in self.optimizers[MAIN].param_groups]
        if rates != self._rates:
            self._rates, self._rates_tensor = rates, torch.tensor(rates)
        # Autocast around the step, not in it: a compiled step looks at each call whether anything
        # that it reads has changed, and Fabric would be much to look at.
        with self.fabric.autocast():
            self.losses = self._step(*self._moved, self._rates_tensor, batch)
        with scope(MAIN):
            report(self.losses)

    def _look_for_changes(self) -> None:
        """Collect what the step moves anew, where weights were frozen or a state was loaded."""
        optimizer = self.optimizers[MAIN]
        learns = [each.requires_grad for each in self._parameters.values()]
        if self._seen is not None and self._seen[0] is optimizer.state and self._seen[1] == learns:
            return
        learning = {name: each for name, each in self._parameters.items() if each.requires_grad}
        parameters = {name: each.detach() for name, each in learning.items()}
        moments = {name: _moments(optimizer, each) for name, each in learning.items()}
        self._moved = parameters, self._buffers, moments
        self._seen = optimizer.state, learns

    def _require_possible(self) -> None:
        for wrong, what in (
            (bool(self.hooks) and not _clips_only(self.hooks), "shows its gradients to no hook"),
            (self.accumulate > 1, "takes the batch as a whole, not in parts"),
            (not self._transparent, "is for a single device in 32-true or bf16-mixed"),
            (len(self.optimizers) > 1, "has one optimizer"),
            (not _has_compiler(), "needs a C++ compiler, and this computer has none"),
        ):
            if wrong:
                raise RecipeError(
                    f"a compiled step {what}", where="engine.compile", do="set it to none"
                )


def _clips_only(hooks: list[Hook]) -> TypeGuard[list[GradientClipping]]:
    return len(hooks) == 1 and isinstance(hooks[0], GradientClipping)


def _clipped(gradients: Tensors, max_norm: float) -> Tensors:
    """As `clip_grad_norm_` does it, over all gradients together."""
    norm = torch.stack([gradient.square().sum() for gradient in gradients.values()]).sum().sqrt()
    factor = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    return {name: gradient * factor for name, gradient in gradients.items()}


def _has_compiler() -> bool:
    return any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++"))


class _LossOfModel(nn.Module):
    """Model and loss as one module, so that `functional_call` finds the model's tensors."""

    def __init__(self, model: nn.Module, loss: Loss) -> None:
        super().__init__()
        self.model, self.loss = model, loss

    @override
    def forward(self, batch: Batch) -> Tensors:
        return self.loss(self.model, batch)


def _gradients_of(
    model: nn.Module, loss: Loss
) -> Callable[[Tensors, Tensors, Batch], tuple[Tensors, tuple[Tensors, Tensors]]]:
    """A function from parameters, buffers and batch to gradients, losses and buffers after it."""
    whole = _LossOfModel(model, loss)

    def objective(
        parameters: Tensors, buffers: Tensors, batch: Batch
    ) -> tuple[Tensor, tuple[Tensors, Tensors]]:
        # Copies: a gradient is taken of a function that changes none of its arguments.
        after = {name: buffer.clone() for name, buffer in buffers.items()}
        tensors = {f"model.{name}": tensor for name, tensor in {**parameters, **after}.items()}
        losses = torch.func.functional_call(whole, tensors, (batch,))
        return losses["loss"], (losses, after)

    gradients: Callable[..., Any] = torch.func.grad(objective, has_aux=True)
    return gradients


def _moments(optimizer: Optimizer, parameter: Tensor) -> Tensors:
    """What the optimizer remembers of a parameter; zeros before its first step.

    It stands in `optimizer.state` as its own step would leave it there: the state of either fits
    the other.
    """
    state: Tensors = optimizer.state[parameter]
    if not state:
        if not isinstance(optimizer, SGD):
            state["step"] = torch.zeros(())
            state["exp_avg"] = torch.zeros_like(parameter)
            state["exp_avg_sq"] = torch.zeros_like(parameter)
        elif optimizer.param_groups[0]["momentum"]:
            state["momentum_buffer"] = torch.zeros_like(parameter)
    return dict(state)


def _rule_of(
    optimizer: Optimizer, parameters: Mapping[str, Tensor]
) -> tuple[Callable[..., None], list[tuple[list[str], dict[str, Any]]]]:
    """How an optimizer moves a parameter; of each of its groups the names, and with which numbers.

    Raises:
        RecipeError: If it is another than the three whose arithmetic is written here.
    """
    known = type(optimizer) in (SGD, Adam, AdamW)
    if not known or any(_unusual(group) for group in optimizer.param_groups):
        raise RecipeError(
            f"a compiled step does not know this {type(optimizer).__name__}",
            where="engine.compile",
            do="take plain SGD, Adam or AdamW, or set it to none",
        )
    rule: Callable[..., None] = _sgd if isinstance(optimizer, SGD) else _adam
    keys = SGD_KEYS if rule is _sgd else ADAM_KEYS
    name_of = {id(parameter): name for name, parameter in parameters.items()}
    groups = [
        ([name_of[id(each)] for each in group["params"]], {key: group[key] for key in keys})
        for group in optimizer.param_groups
    ]
    return rule, groups


def _unusual(group: dict[str, Any]) -> bool:
    return bool(group.get("amsgrad") or group.get("maximize") or group.get("dampening"))


def _sgd(
    parameter: Tensor,
    gradient: Tensor,
    moments: Tensors,
    rate: Tensor,
    *,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None:
    """PyTorch's SGD (its buffer starts at 0, which after the first step comes to the same)."""
    if weight_decay:
        gradient = gradient + weight_decay * parameter
    if momentum:
        buffer = moments["momentum_buffer"]
        buffer.mul_(momentum).add_(gradient)
        gradient = gradient + momentum * buffer if nesterov else buffer
    parameter.sub_(rate * gradient)


def _adam(
    parameter: Tensor,
    gradient: Tensor,
    moments: Tensors,
    rate: Tensor,
    *,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    decoupled_weight_decay: bool,
) -> None:
    """Adam (arXiv:1412.6980, algorithm 1), and AdamW where the decay is decoupled (1711.05101)."""
    if weight_decay and decoupled_weight_decay:
        parameter.mul_(1 - rate * weight_decay)
    elif weight_decay:
        gradient = gradient + weight_decay * parameter
    step, first, second = moments["step"], moments["exp_avg"], moments["exp_avg_sq"]
    step.add_(1)
    first.lerp_(gradient, 1 - betas[0])
    second.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    size = first / (1 - betas[0] ** step)
    spread = (second / (1 - betas[1] ** step)).sqrt() + eps
    parameter.sub_(rate * size / spread)
