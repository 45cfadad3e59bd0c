"""A moving average of the weights: often better than the newest weights, and for nothing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn


class Average:
    """Exponential moving average of a model: average = decay · average + (1 - decay) · weights.

    Floating-point buffers are averaged like the parameters: the statistics of a BatchNorm belong
    to the weights that made them, so they have to lag by as much as the weights do. Whole-number
    buffers (its counter) are copied.

    The decay warms up as min(decay, (1 + t) / (10 + t)) after t updates, the rule of TensorFlow's
    ExponentialMovingAverage: otherwise the random first weights would stay in for 1 / (1 - decay)
    iterations.

    Args:
        model: The model in training; it is left as it is.
        decay: How much of the average stays in each update, 0 to 1.

    Attributes:
        model: The averaged model: a copy in evaluation mode, for scores and export.
        updates: How often `update` was called.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.model = deepcopy(model).eval().requires_grad_(requires_grad=False)
        self._pairs = list(zip(_slots(self.model), _slots(model), strict=True))

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages, weights = [], []
        for (kept, name), (present, _) in self._pairs:
            if kept[name].is_floating_point():
                averages.append(kept[name])
                weights.append(present[name])
            else:
                kept[name].copy_(present[name])
        # One call for all tensors: on a small model a loop costs more than the arithmetic.
        torch._foreach_lerp_(averages, weights, 1 - decay)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights and the number of updates."""
        return {"model": self.model.state_dict(), "updates": self.updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.model.load_state_dict(state["model"])
        self.updates = state["updates"]


def _slots(model: nn.Module) -> list[tuple[dict[str, Any], str]]:
    """Where every parameter and buffer is kept: (dict of its module, its name in there).

    The places, not the tensors: a model that is moved to a GPU, or assigns to its buffer, has
    other tensors afterwards. A tensor shared by two layers is listed once.
    """
    slots: list[tuple[dict[str, Any], str]] = []
    seen: set[int] = set()
    for module in model.modules():
        for kept in (module._parameters, module._buffers):
            for name, tensor in kept.items():
                if isinstance(tensor, Tensor) and id(tensor) not in seen:
                    seen.add(id(tensor))
                    slots.append((kept, name))
    return slots
