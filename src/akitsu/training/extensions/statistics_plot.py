"""Draws how the parameters and their gradients lie. (Chainer's VariableStatisticsPlot.)"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from typing_extensions import override

from akitsu.report.statistics import Bands, draw_bands
from akitsu.training.extension import Extension, Priority
from akitsu.training.statistics import (
    SIGMA_PERCENTILES,
    matching,
    percentiles,
    require_matches,
)

if TYPE_CHECKING:
    from akitsu.training.trainer import Trainer

KINDS = ("values", "gradients")


class StatisticsPlot(Extension):
    """One row of panes for each pattern: percentiles of its values, and of their gradients.

    It looks every `every` iterations and draws when its trigger fires. When `most` moments are
    kept, every second one is dropped and it looks half as often, so that a long run costs no more
    memory than a short one and the moments stay evenly spaced. Where drawing fails, it warns and
    trains on.

    Args:
        layers: Patterns of parameters or layers, such as "head.*" or "*.weight".
        every: Iterations between two looks, at first.
        most: Moments that are kept, at least 2.
        percentiles: In rising order; by default where a normal distribution has its mean and one
            to three standard deviations.
        file: Name of the picture in the run's folder.
    """

    trigger = (1, "epoch")
    priority = Priority.READER
    at_end = True

    def __init__(
        self,
        layers: Sequence[str] = ("*",),
        *,
        every: int = 10,
        most: int = 256,
        percentiles: Sequence[float] = SIGMA_PERCENTILES,
        file: str = "statistics.png",
    ) -> None:
        self.layers, self.every, self.most = tuple(layers), every, max(2, most)
        self.percentiles, self.file = tuple(percentiles), file
        self._iterations: list[int] = []
        # A (patterns, kinds, percentiles) tensor for each moment, on the device of the model.
        self._moments: list[Tensor] = []

    @override
    def initialize(self, trainer: Trainer) -> None:
        """Check the patterns.

        Raises:
            RecipeError: If one fits no parameter.
        """
        require_matches(trainer.updater.model, self.layers, where="StatisticsPlot")

    @override
    def observe(self, trainer: Trainer) -> None:
        iteration = trainer.updater.iteration
        if iteration % self.every:
            return
        model = trainer.updater.model
        self._moments.append(torch.stack([self._look(model, each) for each in self.layers]))
        self._iterations.append(iteration)
        if len(self._moments) > self.most:
            self.every *= 2
            kept = [i for i, at in enumerate(self._iterations) if at % self.every == 0]
            self._iterations = [self._iterations[i] for i in kept]
            self._moments = [self._moments[i] for i in kept]

    @override
    def __call__(self, trainer: Trainer) -> None:
        if not self._moments:
            return
        path = trainer.out / self.file
        values = torch.stack([moment.cpu() for moment in self._moments]).numpy()
        panes = [
            [
                Bands(_title(kind, pattern), values[:, row, column])
                for column, kind in enumerate(KINDS)
            ]
            for row, pattern in enumerate(self.layers)
        ]
        try:
            draw_bands(path, panes, iterations=self._iterations, percentiles=self.percentiles)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            warnings.warn(f"{path}: not drawn ({reason}); the training goes on.", stacklevel=2)

    @override
    def state_dict(self) -> dict[str, Any]:
        return {
            "every": self.every,
            "iterations": list(self._iterations),
            "moments": [moment.cpu() for moment in self._moments],
        }

    @override
    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.every = state["every"]
        self._iterations, self._moments = list(state["iterations"]), list(state["moments"])

    def _look(self, model: nn.Module, pattern: str) -> Tensor:
        """(2, P): percentiles of values and of gradients, NaN where there is no gradient."""
        parameters = [parameter for _, parameter in matching(model, pattern)]
        gradients = [each.grad for each in parameters if each.grad is not None]
        values = percentiles(parameters, self.percentiles)
        if not gradients:
            return torch.stack([values, torch.full_like(values, torch.nan)])
        return torch.stack([values, percentiles(gradients, self.percentiles)])


def _title(kind: str, pattern: str) -> str:
    return f"all {kind}" if pattern == "*" else f"{kind} of {pattern}"
