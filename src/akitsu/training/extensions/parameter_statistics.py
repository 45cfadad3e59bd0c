"""Reports how the parameters and their gradients lie: what a log of losses does not show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from typing_extensions import override

from akitsu.training.extension import Extension, Priority
from akitsu.training.reporter import report, scope
from akitsu.training.statistics import (
    SIGMA_PERCENTILES,
    matching,
    percentiles,
    require_matches,
)

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

Statistic = Callable[[Tensor], Tensor]

STATISTICS: Mapping[str, Statistic] = {
    "mean": torch.mean,
    "std": lambda values: values.std(correction=0),
    "min": torch.amin,
    "max": torch.amax,
    "zeros": lambda values: (values == 0).float().mean(),
}
"""What is reported unless something else is asked for; `zeros` is the share of exact zeros."""


class ParameterStatistics(Extension):
    """Reports `<prefix>/<parameter>/value/<statistic>`, and `…/gradient/…` of its gradient.

    The gradients are those of the newest step, as the hooks left them. Nothing is computed unless
    its trigger fires. Name the columns of PrintReport when it hangs on a run: a network of twenty
    layers makes a thousand keys.

    Args:
        layers: Patterns of parameters or layers, such as "head.*" or "*.weight".
        statistics: By name, each from a float32 tensor to a scalar one.
        percentiles: Reported as `p50` and so on; by default where a normal distribution has its
            mean and one to three standard deviations.
        gradients: Whether gradients are looked at, too.
        prefix: First part of the keys.
    """

    trigger = (1, "epoch")
    priority = Priority.WRITER

    def __init__(
        self,
        layers: Sequence[str] = ("*",),
        *,
        statistics: Mapping[str, Statistic] = STATISTICS,
        percentiles: Sequence[float] = SIGMA_PERCENTILES,
        gradients: bool = True,
        prefix: str = "parameters",
    ) -> None:
        self.layers, self.statistics, self.percentiles = layers, statistics, percentiles
        self.gradients, self.prefix = gradients, prefix

    @override
    def initialize(self, trainer: Trainer) -> None:
        """Check the patterns.

        Raises:
            RecipeError: If one fits no parameter.
        """
        require_matches(trainer.updater.model, self.layers, where="ParameterStatistics")

    @override
    def __call__(self, trainer: Trainer) -> None:
        model = trainer.updater.model
        chosen = {name: each for pattern in self.layers for name, each in matching(model, pattern)}
        with scope(self.prefix):
            for name, parameter in chosen.items():
                self._report(f"{name}/value", parameter)
                if self.gradients and parameter.grad is not None:
                    self._report(f"{name}/gradient", parameter.grad)

    @torch.no_grad()
    def _report(self, name: str, tensor: Tensor) -> None:
        """As tensors: on a GPU, nothing is waited for until the log is written."""
        values = tensor.detach().float()
        report({f"{name}/{key}": of(values) for key, of in self.statistics.items()})
        if self.percentiles:
            found = percentiles([values], self.percentiles)
            keys = [f"{name}/p{each:g}" for each in self.percentiles]
            report(dict(zip(keys, found.unbind(), strict=True)))
