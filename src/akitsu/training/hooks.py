"""What is done to the gradients between backward and step. (Chainer's optimizer hooks.)

A hook is called with the updater and one of its optimizers, and changes the gradients of that
optimizer's parameters in place. Parameters without a gradient, as frozen ones are, are passed over.
In several processes every hook sees the same averaged gradients, so that the weights stay equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import Optimizer

from akitsu.errors import RecipeError
from akitsu.training.randomness import mixed

if TYPE_CHECKING:
    from akitsu.training.updater import Updater

# What a seed is for, beside the purposes in batches.py and updater.py.
NOISE = 3


class GradientClipping:
    """Shortens the gradient, over all parameters together, to a norm of at most `max_norm`.

    Args:
        max_norm: Longest L2 norm that is left as it is, above 0.

    Raises:
        RecipeError: If `max_norm` is not above 0.
    """

    def __init__(self, max_norm: float) -> None:
        _require(
            max_norm > 0,
            f"a longest norm of {max_norm} leaves no gradient",
            where="GradientClipping",
            do="give a number above 0",
        )
        self.max_norm = max_norm

    def __call__(self, updater: Updater, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Clip."""
        # A gradient that is not a number is found where the loss is reduced: asking here would
        # wait for the device at every step.
        clip_grad_norm_(_learning(optimizer), self.max_norm, error_if_nonfinite=False)


class GradientHardClipping:
    """Cuts every number of the gradients to between `lower` and `upper`.

    Raises:
        RecipeError: If `lower` is not below `upper`.
    """

    def __init__(self, lower: float, upper: float) -> None:
        _require(
            lower < upper,
            f"{lower} is not below {upper}",
            where="GradientHardClipping",
            do="give the lower bound first",
        )
        self.lower, self.upper = lower, upper

    def __call__(self, updater: Updater, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Clip."""
        for gradient in _gradients(_learning(optimizer)):
            gradient.clamp_(self.lower, self.upper)


class WeightDecay:
    """Adds `rate` · weight to the gradient: the derivative of an L2 penalty of rate / 2 · weight².

    With Adam this is not AdamW's decay (arXiv:1711.05101): it goes through the moments.

    Args:
        rate: Strength of the penalty.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate

    @torch.no_grad()
    def __call__(self, updater: Updater, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Add the derivative."""
        if parameters := _learning(optimizer):
            torch._foreach_add_(_gradients(parameters), parameters, alpha=self.rate)


class Lasso:
    """Adds `rate` · sign(weight) to the gradient: the derivative of an L1 penalty.

    Args:
        rate: Strength of the penalty.
    """

    def __init__(self, rate: float) -> None:
        self.rate = rate

    @torch.no_grad()
    def __call__(self, updater: Updater, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Add the derivative."""
        if parameters := _learning(optimizer):
            signs = torch._foreach_sign(parameters)
            torch._foreach_add_(_gradients(parameters), signs, alpha=self.rate)


class GradientNoise:
    """Adds Gaussian noise of variance eta / (1 + t)^gamma in iteration t.

    (arXiv:1511.06807, section 3.)

    The noise follows from seed, iteration and optimizer alone: a resumed run draws what an
    unbroken one would, and nobody else's random numbers change. Every process draws the same,
    unless each holds another part of the parameters.

    Args:
        eta: Variance in the first iteration; the paper takes 0.01, 0.3 or 1.
        gamma: How fast the variance falls; 0.55 in the paper.
        seed: Of the noise.

    Raises:
        RecipeError: If `eta` is below 0.
    """

    def __init__(self, eta: float, *, gamma: float = 0.55, seed: int = 0) -> None:
        _require(
            eta >= 0,
            f"{eta} is no variance",
            where="GradientNoise",
            do="give 0.01, 0.3 or 1, as the paper does",
        )
        self.eta, self.gamma, self.seed = eta, gamma, seed

    def __call__(self, updater: Updater, optimizer: Optimizer) -> None:
        """Add the noise."""
        deviation = (self.eta / (1 + updater.iteration) ** self.gamma) ** 0.5
        parts = [_own_part(gradient) for gradient in _gradients(_learning(optimizer))]
        seed = self._seed(updater, optimizer)
        # One a device: a model that is spread over two needs one on each.
        generators = {
            device: torch.Generator(device).manual_seed(seed)
            for device in {part.device for part in parts}
        }
        for part in parts:
            noise = torch.empty_like(part).normal_(generator=generators[part.device])
            part.add_(noise, alpha=deviation)

    def _seed(self, updater: Updater, optimizer: Optimizer) -> int:
        place = list(updater.optimizers.values()).index(optimizer)
        sharded = any(_is_sharded(gradient) for gradient in _gradients(_learning(optimizer)))
        process = updater.fabric.global_rank if sharded else 0
        return mixed(self.seed, NOISE, updater.iteration, place, process)


class GradientLARS:
    """Gives every layer's gradient the length of its weights (arXiv:1708.03888, algorithm 1).

    gradient = rate · (gradient + decay · weight) with
    rate = ‖weight‖ / (‖gradient‖ + decay · ‖weight‖ + eps). The optimizer's learning rate is the
    paper's global rate times its coefficient eta, its own weight decay stays 0.

    Args:
        threshold: Weights with a norm up to this are left alone (arXiv:1801.03137): new biases of 0
            would never move.
        decay: Weight decay; beta of the paper.
        eps: Keeps a layer without gradient from a division by zero.
    """

    def __init__(self, *, threshold: float = 1e-2, decay: float = 0.0, eps: float = 1e-9) -> None:
        self.threshold, self.decay, self.eps = threshold, decay, eps

    @torch.no_grad()
    def __call__(self, updater: Updater, optimizer: Optimizer) -> None:  # noqa: ARG002
        """Scale."""
        parameters = _learning(optimizer)
        for parameter, gradient in zip(parameters, _gradients(parameters), strict=True):
            weight_norm, gradient_norm = parameter.norm(), gradient.norm()
            rate = weight_norm / (gradient_norm + self.decay * weight_norm + self.eps)
            # where, not if: the norms stay on the device, and nobody waits for them.
            rate = torch.where(weight_norm > self.threshold, rate, 1.0)
            gradient.add_(parameter, alpha=self.decay).mul_(rate)


def _learning(optimizer: Optimizer) -> list[Tensor]:
    """The parameters that have a gradient."""
    return [
        parameter
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.grad is not None
    ]


def _gradients(parameters: list[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]


def _is_sharded(gradient: Tensor) -> bool:
    """Whether it is a DTensor, of which each process holds a part (fully sharded training)."""
    return hasattr(gradient, "to_local")


def _own_part(gradient: Tensor) -> Tensor:
    part: Tensor = gradient.to_local() if hasattr(gradient, "to_local") else gradient
    return part


def _require(holds: bool, what: str, *, where: str, do: str) -> None:
    if not holds:
        raise RecipeError(what, where=where, do=do)
